"""The way to one sink: a queue for each device, attempts until the sink takes what is first in it.

    put --> [ first, second, … ] of a device --> a slot --> attempt --> taken
                  ^                                           | refused
                  +----------------- back-off <---------------+

A sink that is away, or one device's alarm that is refused again and again, holds up nothing but what is behind
it in the same queue.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.rules import Route
from cambus.alarm_router.shipment import Parcel
from cambus.alarm_router.webhook import DeliveryFailedError
from cambus.schemas.state.alarm_sinks import AlarmSink

logger = logging.getLogger(__name__)

Deliver = Callable[[AlarmSink, Notice], Awaitable[str]]
"""Makes one attempt; returns what is wrong though it was taken."""

SinkOf = Callable[[Route], AlarmSink | None]
Lane = deque[Parcel]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an outlet goes.

    Attributes:
        parallel: attempts under way at a time.
        first_delay_s: seconds after the first failed attempt; they double from there.
        longest_delay_s: seconds between two attempts at most, but for what the sink itself asks for.
        clock: seconds that never go back.
    """

    parallel: int
    first_delay_s: float
    longest_delay_s: float
    clock: Callable[[], float]

    def delay_s(self, failed: int) -> float:
        """How long to wait after so many failed attempts; scattered, so that not all try at once."""
        delay_s = min(self.first_delay_s * 2.0 ** min(failed - 1, 32), self.longest_delay_s)
        return delay_s * random.uniform(0.8, 1.0)  # noqa: S311 - no secret


@dataclass(slots=True)
class Record:
    """How a sink has been.

    Attributes:
        delivered: what it took.
        failed: attempts that failed.
        last_error: why the last of them did, or what was wrong with something it took.
        last_error_at: when.
        last_delivered_at: when it took something last.
    """

    delivered: int = 0
    failed: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None
    last_delivered_at: datetime | None = None


class Outlet:
    """The way to one sink.

    Args:
        route: which sink of which rule.
        sink_of: tells what the sink is at present, None if there is none any more.
        deliver: makes one attempt.
        pace: how fast.
        metrics: counts attempts.
    """

    def __init__(
        self, route: Route, sink_of: SinkOf, deliver: Deliver, pace: Pace, metrics: RouterMetrics
    ) -> None:
        self.route = route
        self.record = Record()
        self._sink_of = sink_of
        self._deliver = deliver
        self._pace = pace
        self._metrics = metrics
        self._slots = asyncio.Semaphore(pace.parallel)
        self._lanes: dict[str, Lane] = {}
        self._away = False
        self._not_before = 0.0
        self._changed = (
            asyncio.Event()
        )  # both are set and replaced: who waits is woken, who comes waits again
        self._back = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._lanes

    @property
    def away(self) -> bool:
        """Whether the sink takes nothing at present."""
        return self._away

    def waiting(self) -> tuple[int, float | None]:
        """How many wait, and for how many seconds the oldest does."""
        count = sum(len(lane) for lane in self._lanes.values())
        since = min((lane[0].shipment.begun for lane in self._lanes.values()), default=None)
        return count, None if since is None else max(0.0, self._pace.clock() - since)

    def put(self, parcel: Parcel) -> Lane | None:
        """Queue a parcel; returns the lane `run` is to be called for, None if that was done before."""
        device = parcel.shipment.device
        lane = self._lanes.get(device)
        if self._away or (lane and lane[0].delayed):
            parcel.delay()
        if lane is not None:
            lane.append(parcel)
            return None
        self._lanes[device] = lane = deque([parcel])
        return lane

    async def run(self, lane: Lane) -> None:
        """Deliver what is in a lane, in order, until it is empty."""
        device = lane[0].shipment.device
        try:
            while lane:
                await self._see_through(lane[0], lane)
                if lane.popleft().withdrawn:  # it comes again, and what is behind it stays behind it
                    while lane:
                        lane.popleft().bar()
        finally:
            del self._lanes[device]

    def rule_changed(self) -> None:
        """Wait no longer: the sink may be another, or not be wanted any more."""
        self._changed.set()
        self._changed = asyncio.Event()
        self._sink_is_back()

    def _sink_is_back(self) -> None:
        self._away = False
        self._not_before = 0.0
        self._back.set()
        self._back = asyncio.Event()

    async def _see_through(self, parcel: Parcel, lane: Lane) -> None:
        """Attempt until the parcel is taken, given up or no longer wanted."""
        failed = 0
        while True:
            await _wait(self._not_before - self._pace.clock(), self._back)
            async with self._slots:
                sink = None if parcel.withdrawn else self._sink_of(parcel.route)
                if sink is None:
                    parcel.finish()
                    return
                error = await self._attempt(parcel, sink)
            if error is None:
                parcel.finish()
                if self._away:
                    logger.info("a sink is back", extra={"route": self.route.id})
                    self._sink_is_back()
                return
            failed += 1
            if self._pace.clock() >= parcel.shipment.give_up_at:
                parcel.finish(str(error))
                return
            self._delay(error, lane, first=failed == 1)
            await _wait(self._pace.delay_s(failed), self._back if error.away else self._changed)

    async def _attempt(self, parcel: Parcel, sink: AlarmSink) -> DeliveryFailedError | None:
        """One attempt; what came of it."""
        started = self._pace.clock()
        parcel.busy = True
        try:
            wrong = await self._deliver(sink, parcel.notice)
        except DeliveryFailedError as error:
            return self._failed(sink, error)
        except Exception:  # a defect of ours must not end the queue
            logger.exception("an attempt failed", extra={"route": self.route.id})
            return self._failed(sink, DeliveryFailedError("internal error"))
        finally:
            parcel.busy = False
        self._metrics.delivered(sink.kind, self._pace.clock() - started)
        self.record.delivered += 1
        self.record.last_delivered_at = datetime.now(UTC)
        if wrong:
            logger.warning("a sink took an alarm in part", extra={"route": self.route.id, "reason": wrong})
            self._note(wrong)
        return None

    def _failed(self, sink: AlarmSink, error: DeliveryFailedError) -> DeliveryFailedError:
        self._metrics.failed(sink.kind)
        self.record.failed += 1
        self._note(str(error))
        return error

    def _note(self, wrong: str) -> None:
        self.record.last_error = wrong
        self.record.last_error_at = datetime.now(UTC)

    def _delay(self, error: DeliveryFailedError, lane: Lane, *, first: bool) -> None:
        """Tell everyone who has to wait now."""
        facts = {"route": self.route.id, "device": lane[0].shipment.device, "reason": str(error)}
        level = logging.WARNING if first and not self._away else logging.DEBUG
        logger.log(level, "a sink did not take an alarm", extra=facts)
        if error.retry_after_s is not None:
            self._not_before = max(self._not_before, self._pace.clock() + error.retry_after_s)
        waiting: Iterator[Parcel] = iter(lane)
        if error.away and not self._away:
            self._away = True
            waiting = (parcel for each in self._lanes.values() for parcel in each)
        for parcel in waiting:
            parcel.delay()


async def _wait(seconds: float, news: asyncio.Event) -> None:
    """Sleep, at most until there are news."""
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
