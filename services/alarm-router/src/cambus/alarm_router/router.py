"""What happens with one alarm: find its routes, deliver along each, remember what is not finished."""

import asyncio
import logging
import time
from collections.abc import Callable

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.flood import FloodGate, RecentKeys
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.rules import Phase, Route, RuleBook
from cambus.alarm_router.sinks import Sinks, body_of
from cambus.alarm_router.webhook import DeliveryFailedError
from cambus.schemas.errors import Offline
from cambus.schemas.events.alarm import AlarmCleared, AlarmEvent, AlarmRaised

logger = logging.getLogger(__name__)


class UndeliveredError(Offline):
    """Some routes have not taken the event; it is to be tried again."""


class Router:
    """Delivers alarms: those of one device one after the other, in the order of the stream."""

    def __init__(
        self,
        rules: RuleBook,
        sinks: Sinks,
        active: ActiveAlarms,
        progress: Progress,
        metrics: RouterMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._sinks = sinks
        self._active = active
        self._progress = progress
        self._metrics = metrics
        self._clock = clock
        self._flood = FloodGate()
        self._withheld = RecentKeys()  # routes whose beginning was suppressed

    async def raised(self, alarm: AlarmRaised, *, again: bool) -> None:
        """Deliver the beginning of an alarm.

        Args:
            alarm: the beginning.
            again: whether it was tried before, here or by a process that is gone.

        Raises:
            UndeliveredError: some routes have not taken it.
            BusError: NATS refuses or does not answer.
        """
        await self._active.raised(alarm)
        await self._deliver(alarm, "raised", alarm, again=again)

    async def cleared(self, alarm: AlarmCleared, *, again: bool) -> None:
        """Deliver the end of an alarm to whoever was told of its beginning.

        Raises:
            UndeliveredError: some routes have not taken it.
            BusError: NATS refuses or does not answer.
        """
        began = await self._active.beginning_of(alarm)
        await self._deliver(alarm, "cleared", began or alarm, again=again)
        await self._active.cleared(alarm)

    async def _deliver(self, alarm: AlarmEvent, phase: Phase, began: AlarmEvent, *, again: bool) -> None:
        routes = list(self._rules.routes(alarm, phase, began))
        done = await self._progress.done(alarm.id) if again else frozenset()
        todo = [route for route in routes if route.id not in done]
        if not routes:
            self._metrics.unmatched(phase)
        results = await asyncio.gather(*(self._along(route, alarm, phase, again=again) for route in todo))
        failures = [reason for reason in results if reason is not None]
        if not failures:
            if done:
                await self._progress.forget(alarm.id)
            return
        finished = done | {route.id for route, reason in zip(todo, results, strict=True) if reason is None}
        if finished != done:
            await self._progress.remember(alarm.id, finished)
        raise UndeliveredError(f"{len(failures)} of {len(routes)} routes: {'; '.join(failures[:3])}")

    async def _along(self, route: Route, alarm: AlarmEvent, phase: Phase, *, again: bool) -> str | None:
        """One attempt on one route; why it failed, None if it is done with."""
        suppressed = self._suppressed(route, alarm, phase, again=again)
        if suppressed is None:
            return None
        started = self._clock()
        kind = route.sink.kind
        try:
            await self._sinks.deliver(route, alarm.id, body_of(alarm, phase, route.rule.id, suppressed))
        except DeliveryFailedError as error:
            self._metrics.failed(kind)
            logger.warning(
                "a sink did not take an alarm",
                extra={"device": alarm.device, "route": route.id, "reason": str(error)},
            )
            return f"{route.id}: {error}"
        self._metrics.delivered(kind, self._clock() - started)
        return None

    def _suppressed(self, route: Route, alarm: AlarmEvent, phase: Phase, *, again: bool) -> int | None:
        """How many beginnings were kept back before this event; None when it is kept back itself."""
        key = (route.id, alarm.device, alarm.key)
        if phase == "cleared":
            return None if self._withheld.discard(key) else 0
        if route.rule.min_interval_s <= 0 or (again and key not in self._withheld):
            return 0  # an event that passed once is not judged again
        suppressed = self._flood.admit(key, interval_s=route.rule.min_interval_s, now=self._clock())
        if suppressed is None:
            self._withheld.add(key)
            self._metrics.suppressed()
        else:
            self._withheld.discard(key)
        return suppressed
