"""What happens with one alarm: find its routes, send it along each, see it through or give it back.

Each alarm is seen through by a task of its own. What must happen in order is: bookkeeping and queueing, one
event of a device after the other; and delivery, which the queues of each outlet keep in order.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from cambus.alarm_router.absent import Absent
from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.backlog import Backlog
from cambus.alarm_router.flood import FloodGate
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.order import Order
from cambus.alarm_router.outlets import Outlets
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.rules import Alarm, Route, RuleBook, phase_of, routes_of
from cambus.alarm_router.shipment import Shipment
from cambus.alarm_router.sinks import body_of
from cambus.bus.consumer import DeadLetterError, TryLater
from cambus.bus.errors import BusError, BusUnavailable
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.state.alarm_rule import AlarmRule

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_FINISHED = 20_000
NATS_RETRY_S = 1.0
HAND_OVER_S = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for sinks that do not take alarms, and with how many alarms.

    Attributes:
        give_up_s: seconds after which a failed attempt is the last.
        max_waiting: alarms that wait here; those beyond are given back to NATS.
        later_s: seconds they stay there.
    """

    give_up_s: float
    max_waiting: int
    later_s: float


class Router:
    """Delivers alarms. Those of one device go along a route in the order of the stream."""

    def __init__(
        self,
        rules: RuleBook,
        outlets: Outlets,
        active: ActiveAlarms,
        progress: Progress,
        metrics: RouterMetrics,
        patience: Patience,
        backlog: Backlog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._outlets = outlets
        self._active = active
        self._progress = progress
        self._metrics = metrics
        self._patience = patience
        self._backlog = backlog
        self._clock = clock
        self._flood = FloodGate()
        self._order = Order(backlog)
        self._absent = Absent(3 * patience.later_s, clock)
        self._under_way: dict[str, Shipment] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._waiting = 0
        self._leaving = False

    async def handle(self, alarm: Alarm, seq: int, *, again: bool) -> None:
        """Deliver an alarm to everyone who is to have it; returns when they do.

        Args:
            alarm: its beginning or its end.
            seq: its place in the stream.
            again: whether it was given out before, to whomever.

        Raises:
            TryLater: it is to come again; nothing of it is under way any more.
            DeadLetterError: some sinks did not take it in all the time they had.
            BusError: NATS refuses or does not answer.
        """
        if alarm.id in self._under_way:
            await self._under_way[alarm.id].over.wait()
        if alarm.id in self._finished:
            self._backlog.settled(alarm.device, seq)
            return  # stored twice, or our acknowledgement was lost
        if alarm.id in self._under_way or self._leaving:
            raise self._later("not now")
        shipment = Shipment(alarm.id, alarm.device, seq, self._clock() + self._patience.give_up_s)
        self._under_way[alarm.id] = shipment
        try:
            async with self._order.turn(alarm.device, seq, again=again):
                if self._leaving:
                    raise self._later("not now")
                await self._begin(alarm, shipment, again=again)
                self._backlog.settled(alarm.device, seq)
            await self._see_through(alarm, shipment)
        finally:
            shipment.abandon()
            del self._under_way[alarm.id]
            shipment.over.set()
        self._finished[alarm.id] = None
        if len(self._finished) > MAX_FINISHED:
            self._finished.popitem(last=False)

    def hand_over(self) -> None:
        """Take nothing more on, and give back what waits for a sink, for other replicas to try."""
        self._leaving = True
        self._backlog.forget()
        for shipment in self._under_way.values():
            shipment.delay()

    def take_on(self) -> None:
        """Take alarms on (again)."""
        self._absent.forget()
        self._leaving = False

    # --- the beginning ----------------------------------------------------------------------------------

    async def _begin(self, alarm: Alarm, shipment: Shipment, *, again: bool) -> None:
        """Do what has to be done in the order of the stream: bookkeeping, and queueing on every route."""
        owed = await self._progress.owed(alarm.id) if again else None
        self._absent.back(alarm.device, shipment.seq)
        if isinstance(alarm, AlarmCleared):
            began = await self._note(lambda: self._active.beginning(alarm))
            self._send(alarm, self._routes_of_end(alarm, began) if owed is None else _routes(owed), shipment)
        elif owed is not None:  # noted before; it may have ended since
            self._send(alarm, _routes(owed), shipment)
        else:
            self._send(alarm, self._routes_of_beginning(alarm, again=again), shipment)
            await self._note(lambda: self._active.raised(alarm))

    def _routes_of_beginning(self, alarm: AlarmRaised, *, again: bool) -> Iterator[tuple[Route, int]]:
        """Where a beginning goes, and how many were kept back before it."""
        for rule in self._rules.matching(alarm, alarm):
            suppressed = 0 if again else self._suppressed(rule, alarm)
            if suppressed is None:
                self._metrics.suppressed()
                continue
            yield from ((route, suppressed) for route in routes_of(rule))

    def _suppressed(self, rule: AlarmRule, alarm: AlarmRaised) -> int | None:
        """How many beginnings were kept back before this one; None if it is kept back too."""
        if rule.min_interval_s <= 0:
            return 0
        key = (rule.id, alarm.device, alarm.key)
        return self._flood.beginning(key, interval_s=rule.min_interval_s, now=self._clock())

    def _routes_of_end(self, alarm: AlarmCleared, began: AlarmRaised | None) -> Iterator[tuple[Route, int]]:
        """Where an end goes: to whoever was told of its beginning."""
        for rule in self._rules.matching(alarm, began or _as_it_began(alarm)):
            if rule.min_interval_s <= 0 or self._flood.end((rule.id, alarm.device, alarm.key)):
                yield from ((route, 0) for route in routes_of(rule))

    def _send(self, alarm: Alarm, routes: Iterator[tuple[Route, int]], shipment: Shipment) -> None:
        bodies: dict[str, bytes] = {}
        barred = self._absent.before(shipment.device, shipment.seq)
        for route, suppressed in routes:
            if route.rule not in bodies:
                bodies[route.rule] = body_of(alarm, route.rule, suppressed)
            parcel = shipment.add(route, bodies[route.rule])
            if route.id in barred:
                parcel.bar()
            else:
                self._outlets.send(parcel)
        self._not_to_be_overtaken(shipment)
        if not bodies:
            self._metrics.unmatched(phase_of(alarm))

    # --- the end ----------------------------------------------------------------------------------------

    async def _see_through(self, alarm: Alarm, shipment: Shipment) -> None:
        """Wait for every route; write down what is owed as soon as one of them has to wait."""
        while shipment.owed and not shipment.delayed:
            await shipment.changed()
        if shipment.owed:
            with self._one_more_waits():
                await self._wait_for_sinks(alarm, shipment)
        elif isinstance(alarm, AlarmCleared):
            await self._note(lambda: self._active.ended(alarm))
        if shipment.failures:
            reasons = "; ".join(f"{route}: {why}" for route, why in shipment.failures.items())
            raise DeadLetterError(reasons)

    async def _wait_for_sinks(self, alarm: Alarm, shipment: Shipment) -> None:
        known: list[str] | None = None  # what is written down
        while owed := sorted(shipment.owed):
            self._not_to_be_overtaken(shipment)
            if owed != known and await self._remember(shipment.event, owed):
                if known is None and isinstance(alarm, AlarmCleared):
                    await self._note(lambda: self._active.ended(alarm))
                known = owed
            elif self._to_be_given_back(shipment, noted=owed == known) and shipment.withdraw():
                self._metrics.given_back()
                self._absent.gone(shipment.device, shipment.seq, owed)
                raise self._later("its sinks do not take it at present")
            else:
                await shipment.changed()
        if known is None and isinstance(alarm, AlarmCleared):
            await self._note(lambda: self._active.ended(alarm))

    def _not_to_be_overtaken(self, shipment: Shipment) -> None:
        """What has to let older ones go first goes before the younger ones."""
        if held := [route for route, parcel in shipment.owed.items() if parcel.barred]:
            self._absent.gone(shipment.device, shipment.seq, held)

    def _to_be_given_back(self, shipment: Shipment, *, noted: bool) -> bool:
        """Whether it is not to wait here: we leave, too many wait, or what it waits for is not here itself."""
        return self._leaving or (noted and (self._crowded or shipment.barred))

    @property
    def _crowded(self) -> bool:
        return self._waiting > self._patience.max_waiting

    def _later(self, why: str) -> TryLater:
        return TryLater(why, delay_s=HAND_OVER_S if self._leaving else self._patience.later_s)

    async def _remember(self, event: str, owed: list[str]) -> bool:
        """Write down what is owed; whether that is known for good."""
        try:
            await self._progress.remember(event, owed)
        except BusError as error:
            facts = {"event_id": event, "reason": str(error)}
            logger.warning("what is owed of an alarm is not written down", extra=facts)
            return False
        return True

    @contextmanager
    def _one_more_waits(self) -> Iterator[None]:
        self._waiting += 1
        self._metrics.waiting(self._waiting)
        try:
            yield
        finally:
            self._waiting -= 1
            self._metrics.waiting(self._waiting)

    async def _note(self, step: Callable[[], Awaitable[T]]) -> T | None:
        """Keep the list of raised alarms. It waits for NATS, but nothing else that is wrong stops an alarm."""
        while True:
            try:
                return await step()
            except BusUnavailable:
                await asyncio.sleep(NATS_RETRY_S)  # in order, or an end would be noted before its beginning
            except BusError as error:
                logger.error("the list of raised alarms is not complete", extra={"reason": str(error)})
                return None


def _routes(owed: list[str]) -> Iterator[tuple[Route, int]]:
    """The routes that are written down; what was kept back before is not."""
    return ((Route.parse(route), 0) for route in owed)


def _as_it_began(alarm: AlarmCleared) -> AlarmCleared:
    """The end, put at the time of its beginning, where the device says how long the alarm lasted."""
    if alarm.duration_s is None:
        return alarm
    return alarm.model_copy(update={"at": alarm.at - timedelta(seconds=alarm.duration_s)})
