"""What has been received of a session and not been dealt with yet: bounded, and filled without waiting."""

import asyncio
from collections import deque
from dataclasses import replace
from typing import Final

from cambus.media.mpegps import StreamUnit

MAX_UNITS: Final = 1024
MAX_BYTES: Final = 16 << 20


class UnitQueue:
    """Units between the socket and who takes them.

    Args:
        max_units: so many at most.
        max_bytes: so many bytes at most.

    Attributes:
        dropped: units that were left out because there was no room; the next one says that something is missing.
        bytes: what is in it.
    """

    def __init__(self, max_units: int = MAX_UNITS, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = 0
        self.bytes = 0
        self._max_units = max_units
        self._max_bytes = max_bytes
        self._units: deque[StreamUnit] = deque()
        self._arrived = asyncio.Event()
        self._gap = False

    def __len__(self) -> int:
        return len(self._units)

    def put(self, units: list[StreamUnit]) -> None:
        """Take what has come; must not block, so what there is no room for is left out."""
        for unit in units:
            size = len(unit.payload)
            if len(self._units) >= self._max_units or self.bytes + size > self._max_bytes:
                self.dropped += 1
                self._gap = True
                continue
            if self._gap and unit.codec.is_video:
                self._gap = False
                unit = replace(unit, discontinuity=True)  # noqa: PLW2901 - the same unit, marked
            self._units.append(unit)
            self.bytes += size
        self._arrived.set()

    async def get(self) -> StreamUnit:
        """The next unit, once there is one."""
        while not self._units:
            self._arrived.clear()
            await self._arrived.wait()
        unit = self._units.popleft()
        self.bytes -= len(unit.payload)
        return unit

    def clear(self) -> None:
        """Forget what is in it."""
        self._units.clear()
        self.bytes = 0
