"""The W3C trace context, passed through: from a command to whatever its handler calls and publishes.

Where tracing is on (`cambus.client.tracing`) every step is a span of that trace as well; where it is off a span costs
the look at one variable.
"""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Final, Literal, Protocol

Kind = Literal["client", "server", "internal", "producer", "consumer"]
Facts = Mapping[str, str | int]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

TRACEPARENT: ContextVar[str | None] = ContextVar("cambus_traceparent", default=None)
"""The trace of the work at hand; set for each call, read by the client and the event publisher."""


def valid_traceparent(text: str | None) -> str | None:
    """Return a `traceparent` header that is well formed, None for anything else (Trace Context §3.2)."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None


def trace_id() -> str | None:
    """The trace the work at hand belongs to, 32 hexadecimal digits; None: it belongs to none."""
    parent = TRACEPARENT.get()
    return None if parent is None else parent.split("-")[1]


class Tracer(Protocol):
    """Makes spans."""

    def span(self, name: str, kind: Kind, facts: Facts) -> AbstractContextManager[None]:
        """A span around the block, child of what `TRACEPARENT` says; that is the new span inside of the block.

        What the block raises is told by its kind, never by its text.
        """
        ...


class _Tracing:
    """Whether this process traces."""

    tracer: Tracer | None = None


_OFF: Final = nullcontext()


def use_tracer(tracer: Tracer | None) -> None:
    """Make spans by this from now on; None: make none."""
    _Tracing.tracer = tracer


def span(name: str, kind: Kind, **facts: str | int | None) -> AbstractContextManager[None]:
    """A span around the block, if tracing is on.

    Args:
        name: what is done, from a closed set: `ptz.move`.
        kind: `client` and `producer` send, `server` and `consumer` receive.
        facts: told with it as `cambus.<name>`; never a secret, never what a request holds. None is left out.
    """
    tracer = _Tracing.tracer
    if tracer is None:
        return _OFF
    return tracer.span(name, kind, {key: value for key, value in facts.items() if value is not None})
