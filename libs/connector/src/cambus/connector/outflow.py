"""How fast something large may go out."""

import asyncio
from collections.abc import Awaitable, Callable


class Outflow:
    """Lets bytes go out at no more than some rate, measured from the first on; a pause is not made up for.

    Args:
        bytes_per_s: the rate; None for no bound.
        now: a clock, in seconds; by default the event loop's.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        bytes_per_s: int | None,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.bytes_per_s = bytes_per_s
        self._now = now
        self._sleep = sleep
        self._free_at = float("-inf")

    async def take(self, count: int) -> None:
        """Return when so many bytes may go out; several may wait at a time, each has its turn."""
        if self.bytes_per_s is None:
            return
        now = (self._now or asyncio.get_running_loop().time)()
        begins = max(self._free_at, now)
        self._free_at = begins + count / self.bytes_per_s
        if begins > now:
            await self._sleep(begins - now)
