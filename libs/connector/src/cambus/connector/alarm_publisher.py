"""Alarms of one device, made durable, and the ends a device does not tell."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from cambus.client.errors import BusError
from cambus.connector.context import DeviceHooks
from cambus.connector.device_events import DeviceEvents
from cambus.connector.held_alarms import AlarmEvent, HeardAlarm, HeldAlarms
from cambus.schemas.errors import CambusError
from cambus.schemas.events.alarm import ClearCause
from cambus.schemas.spec import EventSpec

logger = logging.getLogger(__name__)


class ToBeKept(Protocol):
    """An event that is to be published."""

    @property
    def spec(self) -> EventSpec[Any]:
        """Of what kind it is."""

    @property
    def event_id(self) -> str:
        """Its id."""

    @property
    def fields(self) -> dict[str, Any]:
        """Its own fields."""


T = TypeVar("T", bound=ToBeKept)


class AlarmKeeper(Generic[T]):
    """Makes durable what becomes of the alarms of one device, in order.

    Args:
        events: publishes.
        forget: called with what could not be kept: were it told again, it would be news.
    """

    def __init__(self, events: DeviceEvents, forget: Callable[[T], None]) -> None:
        self._events = events
        self._forget = forget
        self._under_way: set[asyncio.Future[bool]] = set()

    async def keep(self, told: Sequence[T]) -> bool:
        """Keep what a report makes; nothing, if it is a repeat: of what may still be under way.

        Returns:
            Whether all of it is kept: only then the device is to be told that it was heard.
        """
        if not told:
            return await self._rest()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._under_way.add(done)
        kept = False
        try:
            kept = await self._publish(told)
        finally:
            self._under_way.discard(done)
            done.set_result(kept)
        return kept

    async def _rest(self) -> bool:
        """Wait for what is under way; whether all of that was kept."""
        waiting = set(self._under_way)
        if waiting:
            await asyncio.wait(waiting)
        return all(each.result() for each in waiting)

    async def _publish(self, told: Sequence[T]) -> bool:
        # Each is in the outbox's hands before any of them is waited for, so nothing comes between them.
        outcomes = await asyncio.gather(
            *(self._events.publish(each.spec, event_id=each.event_id, **each.fields) for each in told),
            return_exceptions=True,
        )
        for each, outcome in zip(told, outcomes, strict=True):
            if isinstance(outcome, BusError | CambusError):
                self._forget(each)
                extra = {"device": self._events.device, "reason": str(outcome)}
                logger.error("alarm not published", extra=extra)
            elif isinstance(outcome, BaseException):
                raise outcome
        return not any(isinstance(outcome, BaseException) for outcome in outcomes)


class AlarmPublisher:
    """Publishes what becomes of the alarms of one device.

    Args:
        alarms: which of them last.
        events: makes events durable.
        hooks: runs what outlives sessions: an alarm ends also while the device is away.
    """

    def __init__(self, alarms: HeldAlarms, events: DeviceEvents, hooks: DeviceHooks) -> None:
        self._alarms = alarms
        self._keeper: AlarmKeeper[AlarmEvent] = AlarmKeeper(events, alarms.forget)
        self._hooks = hooks
        self._expiring = False

    async def heard(self, alarm: HeardAlarm) -> bool:
        """The device told an alarm; whether all of it is durable: only then the device is to be told so."""
        kept = await self._keeper.keep(self._alarms.heard(alarm, datetime.now(UTC), _now()))
        if not self._expiring and self._alarms.next_timeout() is not None:
            self._expiring = True
            self._hooks.spawn(self._expire(), "alarms")
        return kept

    async def ended(self, over: Callable[[HeardAlarm], bool], cause: ClearCause) -> None:
        """The alarms of which `over` says so have ended."""
        keys = [key for key, alarm in self._alarms.active.items() if over(alarm)]
        await self._keeper.keep(self._alarms.ended(keys, datetime.now(UTC), _now(), cause))

    async def _expire(self) -> None:
        """End alarms as they run out, for as long as there are any."""
        try:
            while (due := self._alarms.next_timeout()) is not None:
                await asyncio.sleep(max(due - _now(), 0.0))
                await self._keeper.keep(self._alarms.expire(datetime.now(UTC), _now()))
        finally:
            self._expiring = False


def _now() -> float:
    return asyncio.get_running_loop().time()
