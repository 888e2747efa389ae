"""Alarms that a replica which is no more had begun: whoever holds the device now ends them.

A connector knows the alarms it has told, and ends those a device does not end. One that is killed takes that with it:
what it had begun would last for ever. So whoever holds the device looks at what the alarm router has as raised
(`cambus-alarms`). An alarm of this protocol that this replica has not told itself, while it holds the device, is left
behind. If the device does not tell it again for a while, it is over.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.errors import CambusError
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised, ClearCause
from cambus.schemas.events.base import Event
from cambus.schemas.ids import derived_event_id
from cambus.schemas.spec import EventSpec
from cambus.schemas.state.alarms import ActiveAlarm

logger = logging.getLogger(__name__)

MAX_TOLD: Final = 100_000
LOOKS: Final = 10
"""How often we look while a hold lasts."""

Publish = Callable[[EventSpec[Any], Event], Awaitable[Any]]
HolderOf = Callable[[str], object | None]
"""What holds a device here for the time being; None while we do not hold it."""


class LeftBehind:
    """Ends alarms that were left behind.

    Args:
        bus: the connection.
        protocol: whose alarms.
        publish: makes an event durable.
        holder_of: tells which devices are ours.
        hold_s: how long a device has to tell such an alarm again.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        bus: Bus,
        protocol: str,
        publish: Publish,
        holder_of: HolderOf,
        hold_s: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._watching = KeyValue(bus, assets.KV_ALARMS, ActiveAlarm).watch()
        self._protocol = protocol
        self._publish = publish
        self._holder_of = holder_of
        self._hold_s = hold_s
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._raised: dict[str, ActiveAlarm] = {}
        self._told: OrderedDict[tuple[str, str], object | None] = OrderedDict()
        self._since: dict[str, tuple[object, float]] = {}

    async def publish(self, spec: EventSpec[Any], event: Event) -> Any:
        """Publish an event of a device, and remember which alarms are of our telling."""
        if isinstance(event, AlarmRaised):
            self._told[event.device, event.key] = self._holder_of(event.device)
            self._told.move_to_end((event.device, event.key))
            if len(self._told) > MAX_TOLD:
                self._told.popitem(last=False)
        elif isinstance(event, AlarmCleared):
            self._told.pop((event.device, event.key), None)
        return await self._publish(spec, event)

    async def run(self) -> None:
        """End what is left behind, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="raised alarms")
            group.create_task(self._look(), name="alarms left behind")

    async def _follow(self) -> None:
        async for key, entry in self._watching:
            if entry is not None and self._concerns(entry.value.raised):
                self._raised[key] = entry.value
            else:
                self._raised.pop(key, None)
                self._since.pop(key, None)

    def _concerns(self, raised: AlarmRaised) -> bool:
        """Whether an alarm is one that who holds the device ends; those pushed to an alarm port are that port's."""
        return raised.protocol == self._protocol and raised.via != "push"

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._hold_s / LOOKS)
            for key, active in list(self._raised.items()):
                if self._is_over(key, active):
                    await self._end(key, active)

    def _is_over(self, key: str, active: ActiveAlarm) -> bool:
        """Whether an alarm was left behind, and not told again for all of its hold."""
        raised = active.raised
        holder = self._holder_of(raised.device)
        if holder is None or self._told.get((raised.device, raised.key)) is holder:
            self._since.pop(key, None)
            return False
        known = self._since.get(key)
        if known is None or known[0] is not holder:
            self._since[key] = known = holder, self._clock()
        return self._clock() - known[1] >= self._hold_s

    async def _end(self, key: str, active: ActiveAlarm) -> None:
        raised, at = active.raised, datetime.now(UTC)
        cleared = AlarmCleared(
            id=derived_event_id(raised.at, raised.device, raised.id, "left-behind"),
            device=raised.device,
            protocol=raised.protocol,
            at=at,
            channel=raised.channel,
            type=raised.type,
            severity=raised.severity,
            key=raised.key,
            native=raised.native,
            raised=raised.id,
            duration_s=max(0.0, (at - raised.at).total_seconds()),
            cause=ClearCause.TIMEOUT,
        )
        try:
            await self._publish(alarm_events.CLEARED, cleared)
        except (BusError, CambusError, OSError) as error:
            logger.warning("an alarm that was left behind lasts on", extra={"reason": str(error)})
            return
        logger.info(
            "ended an alarm that was left behind", extra={"device": raised.device, "event_id": raised.id}
        )
        self._since[key] = self._holder_of(raised.device) or self, self._clock()
