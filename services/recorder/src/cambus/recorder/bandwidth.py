"""A bound on how many bytes a second go out, shared by all who send."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Bandwidth:
    """Lets bytes pass at a rate; who comes next waits for those before.

    Args:
        bytes_per_s: the rate; 0 for no bound.
        clock: seconds that never go back.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        bytes_per_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = bytes_per_s
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0

    async def take(self, size: int) -> None:
        """Return once `size` bytes may be sent."""
        if not self._rate:
            return
        now = self._clock()
        begin = max(self._free_at, now)
        self._free_at = begin + size / self._rate
        if begin > now:
            await self._sleep(begin - now)
