"""Whether the service is ready: a list of named conditions, each true or false with its reason.

Ready means "send work here". It never decides whether the process is restarted: that is `/livez`, which
asks nothing but whether the event loop turns, so that an outage of NATS restarts nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold for the service to be ready; `detail` says why it does not."""

    ok: bool
    detail: str = ""


class Health:
    """The conditions of one service. A service without any is ready; one that drains is not."""

    def __init__(self) -> None:
        self._conditions: dict[str, Condition] = {}
        self._draining = False

    def set(self, name: str, ok: bool, detail: str = "") -> None:
        """State a condition; `detail` is shown to whoever asks `/readyz`: no secret, no device."""
        self._conditions[name] = Condition(ok, detail)

    def clear(self, name: str) -> None:
        """Forget a condition."""
        self._conditions.pop(name, None)

    def drain(self) -> None:
        """From now on not ready: the service stops."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the service is on its way out."""
        return self._draining

    @property
    def ready(self) -> bool:
        """Whether every condition holds and the service is not stopping."""
        return not self._draining and all(each.ok for each in tuple(self._conditions.values()))

    @contextmanager
    def pending(self, name: str, detail: str) -> Iterator[None]:
        """Not ready inside the block because of `name`; ready again once it was left without an error."""
        self.set(name, ok=False, detail=detail)
        yield
        self.set(name, ok=True)

    def report(self) -> dict[str, object]:
        """What `/readyz` answers."""
        return {
            "ready": self.ready,
            "draining": self._draining,
            "conditions": {
                name: {"ok": condition.ok} | ({"detail": condition.detail} if condition.detail else {})
                for name, condition in sorted(self._conditions.items())
            },
        }
