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
from typing import TypeVar

from cambus.alarm_router.absent import Absent
from cambus.alarm_router.actions import Actions
from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.backlog import Backlog
from cambus.alarm_router.escalation import Escalations
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.order import Order
from cambus.alarm_router.outlets import Outlets
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.routing import Addressed, Routing
from cambus.alarm_router.rules import Told, phase_of
from cambus.alarm_router.shipment import Shipment
from cambus.client.consumer import DeadLetterError, TryLater
from cambus.client.errors import BusError, BusUnavailable
from cambus.client.tasks import end
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmAcknowledged

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


@dataclass(frozen=True, slots=True)
class Handling:
    """What an alarm goes through beside its delivery.

    Attributes:
        routing: says where it goes.
        active: knows what is raised.
        actions: carries out what rules want done.
        escalations: tells others if nothing happens.
    """

    routing: Routing
    active: ActiveAlarms
    actions: Actions
    escalations: Escalations


class Router:
    """Delivers alarms. Those of one device go along a route in the order of the stream."""

    def __init__(
        self,
        handling: Handling,
        outlets: Outlets,
        progress: Progress,
        metrics: RouterMetrics,
        patience: Patience,
        backlog: Backlog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._routing = handling.routing
        self._active = handling.active
        self._actions = handling.actions
        self._escalations = handling.escalations
        self._outlets = outlets
        self._progress = progress
        self._metrics = metrics
        self._patience = patience
        self._backlog = backlog
        self._clock = clock
        self._order = Order(backlog)
        self._absent = Absent(3 * patience.later_s, clock)
        self._under_way: dict[str, Shipment] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._waiting = 0
        self._leaving = False

    @property
    def given_back(self) -> int:
        """How many wait in NATS because too many wait here."""
        return len(self._absent)

    async def handle(self, alarm: Told, seq: int, *, again: bool) -> None:
        """Deliver an alarm to everyone who is to have it; returns when they do.

        Args:
            alarm: its beginning, its end, or what is done about it.
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
        now = self._clock()
        shipment = Shipment(alarm.id, alarm.device, seq, now + self._patience.give_up_s, now)
        self._under_way[alarm.id] = shipment
        try:
            async with self._order.turn(alarm.device, seq, again=again):
                if self._leaving:
                    raise self._later("not now")
                acting = await self._begin(alarm, shipment, again=again)
                self._backlog.settled(alarm.device, seq)
            if acting is None:
                await self._see_through(alarm, shipment)
            else:
                await self._act(acting, alarm, shipment)
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
        self._actions.hand_over()
        self._backlog.forget()
        for shipment in self._under_way.values():
            shipment.delay()

    def take_on(self) -> None:
        """Take alarms on (again)."""
        self._absent.forget()
        self._actions.take_on()
        self._leaving = False

    # --- the beginning ----------------------------------------------------------------------------------

    async def _begin(self, alarm: Told, shipment: Shipment, *, again: bool) -> "asyncio.Task[None] | None":
        """Do what has to be done in the order of the stream: bookkeeping, and queueing on every route.

        Returns:
            What is to be done beside the delivery, if anything.
        """
        owed = await self._progress.owed(alarm.id) if again else None
        self._absent.back(alarm.device, shipment.seq)
        noted = None if owed is None else self._routing.owed(alarm, owed)
        match alarm:
            case AlarmRaised():
                return await self._begin_raised(alarm, shipment, noted, again=again)
            case AlarmCleared():
                began = await self._note(lambda: self._active.beginning(alarm))
                self._send(alarm, self._routing.end(alarm, began) if noted is None else noted, shipment)
                over = alarm.raised or (began.id if began is not None else None)
                if over is not None and len(self._escalations):
                    await self._note(lambda: self._escalations.ended(over))
            case AlarmAcknowledged():
                self._send(alarm, self._routing.of_our_own(alarm) if noted is None else noted, shipment)
                await self._note(lambda: self._active.acknowledged(alarm))
                await self._note(lambda: self._escalations.acknowledged(alarm.alarm.id))
            case _:
                self._send(alarm, self._routing.of_our_own(alarm) if noted is None else noted, shipment)
        return None

    async def _begin_raised(
        self, alarm: AlarmRaised, shipment: Shipment, noted: list[Addressed] | None, *, again: bool
    ) -> "asyncio.Task[None] | None":
        """The same for a beginning; what was noted before may have ended since."""
        addressed = self._routing.beginning(alarm, again=again) if noted is None else noted
        acting = addressed if noted is None else self._routing.acting(alarm)
        acting = [each for each in acting if each.rule is not None and each.rule.actions]
        for each in acting:
            self._actions.expect(each)
        self._send(alarm, addressed, shipment)
        if noted is None and await self._note(lambda: self._active.raised(alarm)):
            for each in addressed:
                if each.rule is not None and each.rule.escalation:
                    rule = each.rule
                    await self._note(lambda rule=rule: self._escalations.begin(rule, alarm))  # type: ignore[misc]
        if not acting:
            return None
        work = self._actions.carry_out(acting, alarm, only_begun=noted is not None)
        return asyncio.create_task(work, name="actions")

    def _send(self, alarm: Told, addressed: list[Addressed], shipment: Shipment) -> None:
        barred = self._absent.before(shipment.device, shipment.seq)
        for each in addressed:
            for route in each.routes:
                parcel = shipment.add(route, each.notice)
                if route.id in barred:
                    parcel.bar()
                else:
                    self._outlets.send(parcel)
        self._not_to_be_overtaken(shipment)
        if not addressed:
            self._metrics.unmatched(phase_of(alarm))

    async def _act(self, acting: "asyncio.Task[None]", alarm: Told, shipment: Shipment) -> None:
        """See the delivery through, and the actions; what of them is left when the delivery fails goes on first."""
        try:
            await self._see_through(alarm, shipment)
        finally:
            try:
                await acting
            finally:
                await end(acting)

    # --- the end ----------------------------------------------------------------------------------------

    async def _see_through(self, alarm: Told, shipment: Shipment) -> None:
        """Wait for every route; write down what is owed as soon as one of them has to wait."""
        while shipment.owed and not shipment.delayed:
            await shipment.changed()
        if shipment.owed:
            with self._one_more_waits():
                await self._wait_for_sinks(alarm, shipment)
        elif isinstance(alarm, AlarmCleared):
            await self._note(lambda: self._active.ended(alarm))
        if shipment.failures:
            await self._remember(shipment, sorted(shipment.failures))  # a retry is for those
            reasons = "; ".join(f"{route}: {why}" for route, why in shipment.failures.items())
            raise DeadLetterError(reasons)

    async def _wait_for_sinks(self, alarm: Told, shipment: Shipment) -> None:
        known: list[str] | None = None  # what is written down
        while owed := sorted(shipment.owed):
            self._not_to_be_overtaken(shipment)
            if owed != known and await self._remember(shipment, owed):
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

    async def _remember(self, shipment: Shipment, owed: list[str]) -> bool:
        """Write down what is owed; whether that is known for good."""
        try:
            await self._progress.remember(shipment.event, [shipment.routes[route] for route in owed])
        except BusError as error:
            facts = {"event_id": shipment.event, "reason": str(error)}
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
