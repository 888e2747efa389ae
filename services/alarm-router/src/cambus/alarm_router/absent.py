"""Order along routes on which alarms were given back to NATS because too many waited.

What was given back comes again after a while. Until then nothing younger of its device goes along the routes it is
owed on: it is given back too, and comes again behind it.
"""

from collections.abc import Callable, Iterable


class Absent:
    """The alarms that were given back, by device.

    Args:
        patience_s: seconds after which one that did not come again is not waited for any more.
        clock: seconds that never go back.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float]) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._away: dict[str, dict[int, tuple[float, frozenset[str]]]] = {}

    def __len__(self) -> int:
        return sum(len(away) for away in self._away.values())

    def gone(self, device: str, seq: int, routes: Iterable[str]) -> None:
        """An alarm was given back while it was owed on these routes."""
        until = self._clock() + self._patience_s
        self._away.setdefault(device, {})[seq] = until, frozenset(routes)

    def back(self, device: str, seq: int) -> None:
        """An alarm has come again, or never went."""
        away = self._away.get(device)
        if away is not None and away.pop(seq, None) is not None and not away:
            del self._away[device]

    def before(self, device: str, seq: int) -> frozenset[str]:
        """The routes on which older alarms of the device are still to be told."""
        away = self._away.get(device)
        if away is None:
            return frozenset()
        now = self._clock()
        for late in [number for number, (until, _) in away.items() if until <= now]:
            self.back(device, late)
        return frozenset().union(*(routes for number, (_, routes) in away.items() if number < seq))

    def forget(self) -> None:
        """Somebody else delivers from now on."""
        self._away.clear()
