"""The order in which events begin: those of a device one by one, the oldest of those that are here first.

An event that NATS gives out again has brothers as a rule, which come within a moment and in no particular order, so
that for a moment nothing of its device begins. And nothing begins while older events may come again (`Backlog`).
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cambus.alarm_router.backlog import Backlog

SETTLE_S = 0.1


@dataclass(slots=True)
class _Lane:
    """What of one device waits to begin."""

    waiting: list[tuple[int, int, "asyncio.Future[None]"]] = field(default_factory=list)
    busy: bool = False
    collecting: bool = False


class Order:
    """Gives turns.

    Args:
        backlog: knows what may come again.
        settle_s: for how many seconds the events that come again are collected, from the first one on.
    """

    def __init__(self, backlog: Backlog, settle_s: float = SETTLE_S) -> None:
        self._backlog = backlog
        self._settle_s = settle_s
        self._lanes: dict[str, _Lane] = {}
        self._arrivals = 0
        backlog.on_news = self._go_on

    @asynccontextmanager
    async def turn(self, device: str, seq: int, *, again: bool) -> AsyncIterator[None]:
        """Wait until the event may begin; the next one of its device may when the block is left."""
        loop = asyncio.get_running_loop()
        lane = self._lanes.setdefault(device, _Lane())
        granted: asyncio.Future[None] = loop.create_future()
        self._arrivals += 1
        heapq.heappush(lane.waiting, (seq, self._arrivals, granted))
        if again and not lane.collecting:
            lane.collecting = True
            loop.call_later(self._settle_s, self._collected, device)
        self._next(device)
        try:
            await granted
            yield
        finally:
            if granted.done() and not granted.cancelled():
                lane.busy = False
            granted.cancel()
            self._next(device)

    def _collected(self, device: str) -> None:
        lane = self._lanes.get(device)
        if lane is not None:
            lane.collecting = False
            self._next(device)

    def _go_on(self) -> None:
        for device in list(self._lanes):
            self._next(device)

    def _next(self, device: str) -> None:
        """Give the turn to the oldest that waits, if it may begin."""
        lane = self._lanes.get(device)
        if lane is None or lane.busy or lane.collecting:
            return
        while lane.waiting and lane.waiting[0][2].cancelled():
            heapq.heappop(lane.waiting)
        if not lane.waiting:
            del self._lanes[device]
        elif not self._backlog.older(device, lane.waiting[0][0]):
            lane.busy = True
            heapq.heappop(lane.waiting)[2].set_result(None)
