"""Alarms of one device, made durable, and the ends a device does not tell."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

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


async def keep(events: DeviceEvents, told: Sequence[T], forget: Callable[[T], None]) -> bool:
    """Make durable what became of the alarms of a device; in order, also with what other tasks keep after it.

    Args:
        events: publishes.
        told: what became of them.
        forget: called with what could not be kept: were it told again, it would be news.

    Returns:
        Whether all of it is kept: only then the device is to be told that it was heard.
    """
    # Each is in the outbox's hands before any of them is waited for, so nothing comes between them.
    outcomes = await asyncio.gather(
        *(events.publish(each.spec, event_id=each.event_id, **each.fields) for each in told),
        return_exceptions=True,
    )
    for each, outcome in zip(told, outcomes, strict=True):
        if isinstance(outcome, BusError | CambusError):
            forget(each)
            logger.error("alarm not published", extra={"device": events.device, "reason": str(outcome)})
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
        self._events = events
        self._hooks = hooks
        self._expiring = False

    async def heard(self, alarm: HeardAlarm) -> bool:
        """The device told an alarm; whether all of it is durable: only then the device is to be told so."""
        kept = await self._keep(self._alarms.heard(alarm, datetime.now(UTC), _now()))
        if not self._expiring and self._alarms.next_timeout() is not None:
            self._expiring = True
            self._hooks.spawn(self._expire(), "alarms")
        return kept

    async def ended(self, over: Callable[[HeardAlarm], bool], cause: ClearCause) -> None:
        """The alarms of which `over` says so have ended."""
        keys = [key for key, alarm in self._alarms.active.items() if over(alarm)]
        await self._keep(self._alarms.ended(keys, datetime.now(UTC), _now(), cause))

    async def _expire(self) -> None:
        """End alarms as they run out, for as long as there are any."""
        try:
            while (due := self._alarms.next_timeout()) is not None:
                await asyncio.sleep(max(due - _now(), 0.0))
                await self._keep(self._alarms.expire(datetime.now(UTC), _now()))
        finally:
            self._expiring = False

    async def _keep(self, told: list[AlarmEvent]) -> bool:
        return await keep(self._events, told, self._alarms.forget)


def _now() -> float:
    return asyncio.get_running_loop().time()
