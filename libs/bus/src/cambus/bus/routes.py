"""A command that is answered: its handler, its gate and its statistics."""

from typing import Any

from cambus.bus.calls import CallHandler
from cambus.bus.gate import Gate
from cambus.bus.metrics import Metrics
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.errors import CambusError, ErrorCode
from cambus.schemas.spec import CommandSpec

OK = "ok"
_COMMANDS = (*DEVICE_COMMANDS, *SERVICE_COMMANDS)
_CODES = (OK, *(str(int(code)) for code in ErrorCode))


class CallCounts:
    """The metrics of all calls of a service."""

    def __init__(self, metrics: Metrics) -> None:
        self.calls = metrics.counter(
            "commands_total", "Commands answered", {"command": _COMMANDS, "code": _CODES}
        )
        self.duration = metrics.histogram(
            "command_duration_seconds", "From the turn of a command to its answer", {"command": _COMMANDS}
        )
        self.unroutable = metrics.counter(
            "commands_unroutable_total", "Commands dropped because their reply subject is none to publish to"
        )


class Route:
    """One command that is answered.

    Attributes:
        gate: its own gate; None if it takes its turn at the device's.
        requests, errors, last_error, processing_s: since the start, as `$SRV.STATS` reports them.
    """

    __slots__ = ("_counts", "errors", "gate", "handler", "last_error", "processing_s", "requests", "spec")

    def __init__(
        self,
        spec: CommandSpec[Any, Any],
        handler: CallHandler[Any, Any],
        gate: Gate | None,
        counts: CallCounts,
    ) -> None:
        self.spec = spec
        self.handler = handler
        self.gate = gate
        self._counts = counts
        self.requests = 0
        self.errors = 0
        self.last_error = ""
        self.processing_s = 0.0

    def record(self, duration_s: float, error: CambusError | None) -> None:
        """Count a call that was answered."""
        self.requests += 1
        self.processing_s += duration_s
        key = self.spec.key
        if error is None:
            self._counts.calls(key, OK).inc()
        else:
            self.errors += 1
            self.last_error = f"{int(error.code)}:{error.text}"
            self._counts.calls(key, str(int(error.code))).inc()
        self._counts.duration(key).observe(duration_s)


def unroutable_reply(reply: str) -> bool:
    """Whether a caller wants the answer sent where only services may write.

    An answer goes wherever the caller says. Without this check whoever may send a command could have us
    write into a key-value bucket (`$KV.…`), a stream or somebody's command subject.
    """
    return reply.startswith(("$", "cambus."))
