"""The clock frames are stamped with: right at its start, and never set."""

import asyncio
import time


class SteadyClock:
    """The wall clock at its start, carried on by the monotonic clock: it is never set (in microseconds)."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._zero_us = time.time_ns() // 1000 - round(self._loop.time() * 1e6)

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._zero_us + round(self._loop.time() * 1e6)
