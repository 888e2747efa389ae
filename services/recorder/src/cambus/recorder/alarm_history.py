"""The alarms of a device in a span of time, read from the stream of events: as far back as that is kept."""

import asyncio
import logging
from datetime import datetime, timedelta

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.event_history import stored_events
from cambus.schemas.commands.recorder import FoundAlarm
from cambus.schemas.errors import CambusError
from cambus.schemas.events.alarm import CLEARED, RAISED, AlarmCleared, AlarmRaised

logger = logging.getLogger(__name__)

MAX_EVENTS = 10_000
"""Events that are read for one answer."""

LATE = timedelta(minutes=5)
"""An event may reach the stream so much later than it happened: a connector keeps it while NATS is away."""

EARLY = timedelta(minutes=1)
"""So much the clock of a connector may be ahead of the one of NATS."""

TIMEOUT_S = 5.0


class AlarmsUnknownError(Exception):
    """The alarms cannot be read now."""


async def alarms_between(
    bus: Bus, device: str, channel: int | None, start: datetime, end: datetime, *, limit: int
) -> tuple[list[FoundAlarm], datetime | None]:
    """The first alarms raised between two instants, and up to when they are all, if there are more.

    Raises:
        AlarmsUnknownError: NATS does not give them, or not in time.
    """
    subjects = [RAISED.subject(device), CLEARED.subject(device)]
    found: dict[str, FoundAlarm] = {}
    until: datetime | None = None
    read = 0
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for event in stored_events(bus, subjects, start - EARLY, until=end + LATE, most=MAX_EVENTS):
                read += 1
                if read == MAX_EVENTS and event.event.at > start:
                    until = min(event.event.at, end)
                match event.event:
                    case AlarmRaised(at=at) as raised if start <= at < end and _concerns(raised, channel):
                        if len(found) >= limit and at > start:
                            until = at
                            break
                        found[raised.id] = _found(raised)
                    case AlarmCleared(raised=str(raised_id)) as cleared if raised_id in found:
                        found[raised_id] = found[raised_id].model_copy(update={"end": cleared.at})
    except (BusError, CambusError, TimeoutError) as error:
        logger.warning("alarms cannot be read", extra={"device": device, "reason": str(error)})
        raise AlarmsUnknownError(str(error)) from error
    alarms = sorted(found.values(), key=lambda alarm: alarm.start)
    if until == end:
        until = None
    return [alarm for alarm in alarms if until is None or alarm.start < until], until


def _concerns(alarm: AlarmRaised, channel: int | None) -> bool:
    return channel is None or alarm.channel is None or alarm.channel == channel


def _found(alarm: AlarmRaised) -> FoundAlarm:
    return FoundAlarm(
        id=alarm.id,
        channel=alarm.channel,
        type=alarm.type,
        severity=alarm.severity,
        start=alarm.at,
        text=alarm.text,
    )
