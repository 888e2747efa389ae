"""Measures how many pictures a second really come (``docs/design/time.md``, "The rate")."""

from collections import deque
from typing import Final

#: A block is at least this long and has at least so many pictures; so many blocks are remembered.
_BLOCK_US: Final = 1_000_000
_BLOCK_FRAMES: Final = 6
_BLOCKS: Final = 16
#: What delay may do to the distance of two blocks.
_JITTER_US: Final = 300_000
#: A rate is not corrected by less than this.
_FINEST: Final = 0.02
_LONGEST_STEP_US: Final = 10_000_000.0
_SHORTEST_STEP_US: Final = 4_000.0


class RateMeter:
    """The time between two pictures: the stated one until counting says otherwise.

    Attributes:
        step_us: the time between two pictures that is in force.
    """

    def __init__(self) -> None:
        self.step_us = 0.0
        self._stated = 0.0
        self._count = 0
        self._blocks: deque[tuple[int, int]] = deque(maxlen=_BLOCKS)
        self._begin: tuple[int, int] | None = None
        self._best = (0.0, 0, 0)

    def state(self, step_us: float) -> None:
        """Take what the device says; a word that is new is believed until measured."""
        if step_us != self._stated:
            self._stated = self.step_us = step_us
            self.restart()

    def restart(self) -> None:
        """Forget what was measured: what was counted before does not belong to what follows."""
        self._blocks.clear()
        self._begin = None

    def observe(self, arrival_us: int, lateness_us: float) -> None:
        """Count a picture; the least late one stands for its block."""
        self._count += 1
        if self._begin is None:
            self._begin = (arrival_us, self._count)
            self._best = (lateness_us, arrival_us, self._count)
            return
        if lateness_us < self._best[0]:
            self._best = (lateness_us, arrival_us, self._count)
        begin_us, begin_count = self._begin
        if arrival_us - begin_us >= _BLOCK_US and self._count - begin_count >= _BLOCK_FRAMES:
            self._close_block()

    def _close_block(self) -> None:
        """Compare the newest block with each before, the nearest first: it hears of a change first."""
        newest = self._best[1:]
        self._begin = None
        for block in reversed(self._blocks):
            span = newest[0] - block[0]
            pictures = newest[1] - block[1]
            if span < _BLOCK_US / 2 or pictures == 0:
                continue
            measured = min(max(span / pictures, _SHORTEST_STEP_US), _LONGEST_STEP_US)
            if abs(measured / self.step_us - 1) > max(_FINEST, _JITTER_US / span):
                self.step_us = measured
                self._blocks.clear()
                break
        self._blocks.append(newest)
