"""The W3C trace context, passed through: from a command to whatever its handler calls and publishes."""

import re
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

TRACEPARENT: ContextVar[str | None] = ContextVar("cambus_traceparent", default=None)
"""The trace of the work at hand; set for each call, read by the client and the event publisher."""


def valid_traceparent(text: str | None) -> str | None:
    """Return a `traceparent` header that is well formed, None for anything else (Trace Context §3.2)."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None
