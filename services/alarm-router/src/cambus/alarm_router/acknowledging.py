"""Somebody looks after an alarm: said once of each alarm, by the first who does.

The event is the record of it. Its id follows from the alarm, so that two who say so at the same time make one event:
the one that JetStream has stored first.
"""

from datetime import UTC, datetime
from typing import TypeVar

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.history import find_acknowledged, find_raised
from cambus.bus.connection import Bus
from cambus.schemas import headers as header
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands.alarm_cases import AlarmsAcknowledgeReply, AlarmsAcknowledgeRequest
from cambus.schemas.errors import NotFound
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.events.alarm_handling import ACKNOWLEDGED, AlarmAcknowledged
from cambus.schemas.events.base import Event
from cambus.schemas.ids import derived_event_id
from cambus.schemas.spec import EventSpec

E = TypeVar("E", bound=Event)


async def publish(bus: Bus, spec: EventSpec[E], event: E) -> bool:
    """Publish an event of our own; False if it is in the stream already. Raises BusError."""
    headers = {header.MESSAGE_ID: event.id, header.CONTENT_TYPE: MSGPACK}
    answer = await bus.jetstream.publish(spec.subject(event.device), encode(event, MSGPACK), headers=headers)
    return not answer.duplicate


async def acknowledge(
    bus: Bus, active: ActiveAlarms, request: AlarmsAcknowledgeRequest
) -> AlarmsAcknowledgeReply:
    """Say that somebody looks after an alarm.

    Raises:
        NotFound: there is no such alarm, or none any more.
        BusError: NATS refuses or does not answer.
    """
    alarm = await find(bus, active, request.id)
    known = await find_acknowledged(bus, alarm)
    if known is None:
        said = _event(alarm, request)
        if await publish(bus, ACKNOWLEDGED, said):
            return AlarmsAcknowledgeReply(acknowledged=said.acknowledgement)
        known = await find_acknowledged(bus, alarm) or said
    return AlarmsAcknowledgeReply(acknowledged=known.acknowledgement, already=True)


async def find(bus: Bus, active: ActiveAlarms, event: str) -> AlarmRaised:
    """The beginning of an alarm, by its id.

    Raises:
        NotFound: there is no such alarm, or none any more.
        BusError: NATS refuses or does not answer.
    """
    for entry in (await active.stored.items()).values():
        if entry.value.raised.id == event:
            return entry.value.raised
    found = await find_raised(bus, event)
    if found is None:
        raise NotFound(f"there is no alarm {event}; cambusctl alarms lists those that are raised")
    return found


def _event(alarm: AlarmRaised, request: AlarmsAcknowledgeRequest) -> AlarmAcknowledged:
    return AlarmAcknowledged.model_validate(
        {
            "id": derived_event_id(alarm.at, alarm.device, alarm.id, "acknowledged"),
            "device": alarm.device,
            "protocol": "cambus",
            "at": datetime.now(UTC),
            "channel": alarm.channel,
            "type": alarm.type,
            "severity": alarm.severity,
            "key": alarm.key,
            "native": alarm.native,
            "alarm": alarm,
            "by": request.by,
            "note": request.note,
        }
    )
