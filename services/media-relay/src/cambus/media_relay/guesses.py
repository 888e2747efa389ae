"""How many wrong tokens an address may show: each costs a look-up."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from cambus.bus.crowd import site_of

WINDOW_S: Final = 60.0
_ADDRESSES: Final = 4096


class Guesses:
    """Counts wrong tokens by address, for a minute.

    Args:
        most: beyond so many an address gets no further look-up until its minute is over; 0: no bound.
        clock: seconds on any monotonic clock.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def exceeded(self, address: str) -> bool:
        """Whether this address has shown too many."""
        since, count = self._counts.get(site_of(address), (0.0, 0))
        return bool(self._most) and count >= self._most and self._clock() - since < WINDOW_S

    def wrong(self, address: str) -> None:
        """Count one."""
        site, now = site_of(address), self._clock()
        since, count = self._counts.pop(site, (now, 0))
        self._counts[site] = (since, count + 1) if now - since < WINDOW_S else (now, 1)
        while len(self._counts) > _ADDRESSES:
            self._counts.popitem(last=False)
