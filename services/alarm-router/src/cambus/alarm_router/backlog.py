"""What was given out before this replica came on duty and is not settled: NATS gives it out again, but late.

After a crash the new events of a device come at once, and those that the dead router had taken only after the time
for its signs of life has run out, in no particular order. So each event waits for the older ones of its device.
Which of those are settled NATS does not tell; how many are not it does. When so many have come again the others need
not be waited for, nor when none has come for as long as NATS takes to give out again what nobody works on. A NATS
that was away begins to count anew. All in all that has a bound.
"""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable

from cambus.bus.connection import Bus
from cambus.client.consumer import device_of
from cambus.client.errors import AssetNotFound
from cambus.client.ordered import OrderedReader, from_sequence
from cambus.schemas import assets

logger = logging.getLogger(__name__)

MOST_EVENTS = 100_000
"""How far back is looked: as many events as there may be unsettled."""

READ_S = 20.0
AT_MOST = 4
"""How many times as long all of them are waited for at most as each for the next."""


class Backlog:
    """The events that may come again, by device.

    Args:
        patience_s: seconds within which NATS has given out again what nobody works on.
        connected: whether NATS is there.

    Attributes:
        on_news: called when fewer events are to be waited for.
        over: set while none is.
    """

    def __init__(self, patience_s: float, connected: Callable[[], bool] = lambda: True) -> None:
        self.on_news: Callable[[], None] = lambda: None
        self.over = asyncio.Event()
        self.over.set()
        self._patience_s = patience_s
        self._within_s = patience_s
        self._connected = connected
        self._heard_at = self._until = 0.0
        self._open: dict[str, list[int]] = {}
        self._count = 0
        self._returned: set[int] = set()
        self._end: asyncio.TimerHandle | None = None

    @property
    def unsettled(self) -> int:
        """How many events are to come again."""
        return self._count - len(self._returned)

    async def learn(self, bus: Bus, durable: str, wanted: list[str]) -> None:
        """Find out what is not settled; call it before the first event is taken.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        self.forget()
        try:
            info = await bus.jetstream.call(f"CONSUMER.INFO.{assets.STREAM_EVENTS}.{durable}")
        except AssetNotFound:
            return
        last = int(info["delivered"]["stream_seq"])
        first = max(int(info["ack_floor"]["stream_seq"]), last - MOST_EVENTS) + 1
        count = int(info["num_ack_pending"])
        if count:
            found = await _between(bus, wanted, first, last)
            self.expect(found, count, self._patience_s)
            logger.info("waiting for what comes again", extra={"unsettled": count, "devices": len(found)})

    def expect(self, found: dict[str, list[int]], count: int, within_s: float) -> None:
        """Wait for these events, by device and ascending, of which `count` are unsettled; for each at most so long."""
        self.forget()
        self._open, self._count, self._within_s = found, count, within_s
        self.over.clear()
        self.more_time()
        self._until = _now() + AT_MOST * within_s
        self._look_after(within_s)

    def more_time(self) -> None:
        """NATS begins to count anew: it was away."""
        self._heard_at = _now()

    def forget(self) -> None:
        """Wait for nothing any more."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        self._open, self._count = {}, 0
        self._returned.clear()
        self.over.set()
        self.on_news()

    def _look_after(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        if not self._connected():
            self.more_time()
        if (left_s := min(self._heard_at + self._within_s, self._until) - _now()) > 0:
            self._look_after(left_s)
            return
        if self._open:
            logger.warning("what was to come again did not", extra={"devices": len(self._open)})
        self.forget()

    def older(self, device: str, seq: int) -> bool:
        """Whether older events of the device are to be waited for."""
        older = self._open.get(device)
        return bool(older and older[0] < seq)

    def settled(self, device: str, seq: int) -> None:
        """An event is on its way, or done with: those behind it need not wait for it."""
        older = self._open.get(device)
        if not older:
            return
        place = bisect_left(older, seq)
        if place == len(older) or older[place] != seq:
            return
        del older[place]
        self._returned.add(seq)
        self._heard_at = _now()
        if len(self._returned) >= self._count:
            self.forget()
        else:
            self.on_news()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _between(bus: Bus, wanted: list[str], first: int, last: int) -> dict[str, list[int]]:
    """The events of each device from one number of the stream to another."""
    found: dict[str, list[int]] = {}
    start = from_sequence(first)
    async with OrderedReader(
        bus, assets.STREAM_EVENTS, wanted, start=start, headers_only=True, lifetime_s=READ_S
    ) as reader:
        if not reader.initial_pending:
            return found
        async for stored in reader:
            if stored.seq <= last:
                found.setdefault(device_of(stored.subject), []).append(stored.seq)
            if stored.seq >= last or not stored.pending:
                break
    return found
