"""What happens with one alarm: find its routes, deliver along each, remember what is not finished."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.flood import FloodGate, RecentKeys
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.rules import Phase, Route, RuleBook
from cambus.alarm_router.sinks import Sinks, body_of
from cambus.alarm_router.webhook import DeliveryFailedError
from cambus.schemas.events.alarm import AlarmCleared, AlarmEvent, AlarmRaised

logger = logging.getLogger(__name__)

RouteKey = tuple[str, str, str]
"""Route, device and pairing key."""


class UndeliveredError(Exception):
    """Some routes have not taken the event; it is to be delivered again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt at an event this is, from 1, and whether no other follows."""

    number: int = 1
    last: bool = False


class Router:
    """Delivers alarms; one event at a time per alarm, any number of alarms in parallel."""

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
        self._waiting: set[RouteKey] = set()  # routes whose beginning is not delivered yet
        self._withheld = RecentKeys()  # routes whose beginning was suppressed

    async def raised(self, alarm: AlarmRaised, attempt: Attempt) -> None:
        """Deliver the beginning of an alarm.

        Raises:
            UndeliveredError: Some routes have not taken it.
            BusError: NATS refuses or does not answer.
        """
        await self._active.raised(alarm)
        await self._deliver(alarm, "raised", alarm, attempt)

    async def cleared(self, alarm: AlarmCleared, attempt: Attempt) -> None:
        """Deliver the end of an alarm to whoever has heard of its beginning.

        Raises:
            UndeliveredError: Some routes have not taken it, or not even the beginning yet.
            BusError: NATS refuses or does not answer.
        """
        began = await self._active.beginning_of(alarm)
        await self._deliver(alarm, "cleared", began or alarm, attempt)
        await self._active.cleared(alarm)

    async def _deliver(self, alarm: AlarmEvent, phase: Phase, began: AlarmEvent, attempt: Attempt) -> None:
        routes = list(self._rules.routes(alarm, phase, began))
        done = await self._progress.done(alarm.id) if attempt.number > 1 else frozenset()
        todo = [route for route in routes if route.id not in done]
        if not routes:
            self._metrics.unmatched(phase)
        results = await asyncio.gather(*(self._along(route, alarm, phase, attempt) for route in todo))
        failures = [reason for reason in results if reason is not None]
        if not failures:
            if done:
                await self._progress.forget(alarm.id)
            return
        finished = done | {route.id for route, reason in zip(todo, results, strict=True) if reason is None}
        if finished != done:
            await self._progress.remember(alarm.id, finished)
        raise UndeliveredError(f"{len(failures)} of {len(routes)} routes: {'; '.join(failures[:3])}")

    async def _along(self, route: Route, alarm: AlarmEvent, phase: Phase, attempt: Attempt) -> str | None:
        """One attempt on one route; why it failed, None if it is done with."""
        key = (route.id, alarm.device, alarm.key)
        suppressed = self._suppressed(route, alarm, phase, key, attempt)
        if suppressed is None:
            return None
        if phase == "cleared" and key in self._waiting and not attempt.last:
            return f"{route.id}: its beginning is not delivered yet"
        started = self._clock()
        kind = route.sink.kind
        try:
            await self._sinks.deliver(route, alarm.id, body_of(alarm, phase, route.rule.id, suppressed))
        except DeliveryFailedError as error:
            self._metrics.failed(kind)
            if phase == "raised":
                (self._waiting.discard if attempt.last else self._waiting.add)(key)
            logger.warning(
                "a sink did not take an alarm",
                extra={
                    "device": alarm.device,
                    "route": route.id,
                    "attempt": attempt.number,
                    "reason": str(error),
                },
            )
            return f"{route.id}: {error}"
        self._waiting.discard(key)
        self._metrics.delivered(kind, self._clock() - started)
        return None

    def _suppressed(
        self, route: Route, alarm: AlarmEvent, phase: Phase, key: RouteKey, attempt: Attempt
    ) -> int | None:
        """How many beginnings were kept back before this event; None when it is kept back itself."""
        if phase == "cleared":
            return None if self._withheld.discard(key) else 0
        interval_s = route.rule.min_interval_s
        if interval_s <= 0 or attempt.number > 1:
            return 0  # an event that passed once is not judged again
        flood = self._flood.admit(
            (route.id, alarm.device, alarm.key), interval_s=interval_s, now=self._clock()
        )
        if flood is None:
            self._withheld.add(key)
            self._metrics.suppressed()
        else:
            self._withheld.discard(key)
        return flood
