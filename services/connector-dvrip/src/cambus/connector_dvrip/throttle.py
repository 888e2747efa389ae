"""A bound on bytes per second: reading slowly is what slows a device down."""

import asyncio
from collections.abc import Awaitable, Callable


class Throttle:
    """Lets bytes pass at a rate, evenly.

    Args:
        rate_bytes_s: bytes per second; None lets everything pass at once.
        now: a clock, in seconds; by default the event loop's.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        rate_bytes_s: int | None,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate_bytes_s
        self._now = now or asyncio.get_running_loop().time
        self._sleep = sleep
        self._free_at = float("-inf")

    async def spend(self, count: int) -> None:
        """Return once so many bytes were allowed to pass."""
        if self._rate is None:
            return
        self._free_at = max(self._free_at, self._now()) + count / self._rate
        wait_s = self._free_at - self._now()
        if wait_s > 0:
            await self._sleep(wait_s)
