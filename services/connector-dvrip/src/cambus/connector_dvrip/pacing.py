"""When a frame of a recording is due: by its pts alone, on a clock that can be held."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from cambus.media.recorded_timeline import TICKS

LATE_S: Final = 0.5
"""A frame that comes later than that is not caught up with: the clock goes on from it."""


class Pacer:
    """Waits until a frame is due.

    Args:
        now: a clock, in seconds; by default the event loop's.
        sleep: waits for so many seconds.

    Attributes:
        held: whether nothing is due until `go`.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.held = False
        self._now = now or asyncio.get_running_loop().time
        self._sleep = sleep
        self._zero_s: float | None = None
        self._going = asyncio.Event()
        self._going.set()

    def hold(self) -> None:
        """Let nothing pass."""
        self.held = True
        self._going.clear()

    def go(self) -> None:
        """Go on; the next frame is due at once."""
        self.held = False
        self._zero_s = None
        self._going.set()

    async def wait(self, pts: int) -> None:
        """Return when a frame with this time stamp (90 kHz) is due."""
        while True:
            await self._going.wait()
            now = self._now()
            if self._zero_s is None or now - (self._zero_s + pts / TICKS) > LATE_S:
                self._zero_s = now - pts / TICKS
            left_s = self._zero_s + pts / TICKS - now
            if left_s <= 0:
                return
            await self._sleep(left_s)
