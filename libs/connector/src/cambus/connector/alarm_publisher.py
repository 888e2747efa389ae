"""Alarms of one device, made durable, and the ends a device does not tell."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cambus.client.errors import BusError
from cambus.connector.context import DeviceHooks
from cambus.connector.device_events import DeviceEvents
from cambus.connector.held_alarms import AlarmEvent, HeardAlarm, HeldAlarms
from cambus.schemas.errors import CambusError
from cambus.schemas.events.alarm import ClearCause

logger = logging.getLogger(__name__)


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
        kept = await self._publish(self._alarms.heard(alarm, datetime.now(UTC), _now()))
        if not self._expiring and self._alarms.next_timeout() is not None:
            self._expiring = True
            self._hooks.spawn(self._expire(), "alarms")
        return kept

    async def ended(self, over: Callable[[HeardAlarm], bool], cause: ClearCause) -> None:
        """The alarms of which `over` says so have ended."""
        keys = [key for key, alarm in self._alarms.active.items() if over(alarm)]
        await self._publish(self._alarms.ended(keys, datetime.now(UTC), _now(), cause))

    async def _expire(self) -> None:
        """End alarms as they run out, for as long as there are any."""
        try:
            while (due := self._alarms.next_timeout()) is not None:
                await asyncio.sleep(max(due - _now(), 0.0))
                await self._publish(self._alarms.expire(datetime.now(UTC), _now()))
        finally:
            self._expiring = False

    async def _publish(self, events: list[AlarmEvent]) -> bool:
        for event in events:
            try:
                await self._events.publish(event.spec, event_id=event.event_id, **event.fields)
            except (BusError, CambusError) as error:
                self._alarms.forget(event)
                extra = {"device": self._events.device, "reason": str(error)}
                logger.error("alarm not published", extra=extra)
                return False
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
