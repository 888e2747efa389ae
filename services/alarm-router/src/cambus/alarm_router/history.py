"""The alarms that were and what became of them, read from the stream of events: as far back as that is kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from cambus.bus.connection import Bus
from cambus.client.consumer import device_of
from cambus.client.ordered import ALL, OrderedReader, Stored, from_instant
from cambus.client.received import read_event
from cambus.schemas import assets, subjects
from cambus.schemas import headers as header
from cambus.schemas.commands.alarm_cases import AlarmCase, AlarmsHistoryReply, AlarmsHistoryRequest
from cambus.schemas.errors import CambusError, DeadlineExceeded
from cambus.schemas.events.alarm import RAISED, AlarmCleared, AlarmEvent, AlarmRaised
from cambus.schemas.events.alarm_handling import (
    ACKNOWLEDGED,
    AlarmAcknowledged,
    AlarmActed,
    AlarmEscalated,
)
from cambus.schemas.ids import ulid_time

EARLY = timedelta(minutes=5)
"""So much the clock of a connector may be ahead of the one of NATS."""

MAX_EVENTS = 100_000
"""Events that are looked at for one answer."""

TIMEOUT_S = 20.0
SOON = timedelta(hours=1)


async def search(bus: Bus, request: AlarmsHistoryRequest) -> AlarmsHistoryReply:
    """The alarms a request asks for.

    Raises:
        DeadlineExceeded: there are too many events to read in time; ask for less time or fewer devices.
        BusError: NATS refuses or does not answer.
    """
    cases = _Cases(request)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for event in _events(bus, _subjects(request.devices), request):
                cases.happened(event)
    except TimeoutError:
        raise DeadlineExceeded("too many events: ask for less time, or for fewer devices") from None
    return cases.reply()


async def case_of(bus: Bus, alarm: AlarmRaised) -> AlarmCase:
    """One alarm and what became of it.

    Raises:
        DeadlineExceeded: there are too many events of its device to read in time.
        BusError: NATS refuses or does not answer.
    """
    request = AlarmsHistoryRequest(
        devices=[alarm.device], since=alarm.at, until=alarm.at + timedelta(milliseconds=1), limit=1000
    )
    found = [case for case in (await search(bus, request)).alarms if case.raised is not None]
    return next(
        (case for case in found if case.raised and case.raised.id == alarm.id), AlarmCase(raised=alarm)
    )


async def find_raised(bus: Bus, event: str) -> AlarmRaised | None:
    """The beginning of an alarm, by its id; None if there is none any more. Raises BusError."""
    subject = [subjects.events(noun="alarm", past="raised")]
    for since in (ulid_time(event) - SOON, None):
        start = from_instant(since) if since is not None else ALL
        async for stored in _stored(bus, subject, start):
            found = _read(stored) if event.encode() in stored.data else None
            if isinstance(found, AlarmRaised) and found.id == event:
                return found
    return None


async def find_acknowledged(bus: Bus, alarm: AlarmRaised) -> AlarmAcknowledged | None:
    """Who looks after an alarm; None while nobody does. Raises BusError."""
    async for stored in _stored(bus, [ACKNOWLEDGED.subject(alarm.device)], from_instant(alarm.at - EARLY)):
        found = _read(stored) if alarm.id.encode() in stored.data else None
        if isinstance(found, AlarmAcknowledged) and found.alarm.id == alarm.id:
            return found
    return None


async def _events(
    bus: Bus, wanted: Sequence[str], request: AlarmsHistoryRequest
) -> AsyncIterator[AlarmEvent]:
    """The events of alarms from an instant on; beginnings after the time that is asked for are left out unread."""
    until_ns = (request.until + EARLY).timestamp() * 1e9
    number = 0
    async for stored in _stored(bus, wanted, from_instant(request.since - EARLY)):
        device = device_of(stored.subject)
        if not any(fnmatchcase(device, pattern) for pattern in request.devices):
            continue
        if stored.timestamp_ns > until_ns and stored.subject == RAISED.subject(device):
            continue
        number += 1
        if number > MAX_EVENTS:
            raise DeadlineExceeded("too many events: ask for less time, or for fewer devices")
        event = _read(stored)
        if event is not None:
            yield event


async def _stored(bus: Bus, wanted: Sequence[str], start: dict[str, Any]) -> AsyncIterator[Stored]:
    """What is stored now, from a place on."""
    async with OrderedReader(bus, assets.STREAM_EVENTS, wanted, start=start) as reader:
        left = reader.initial_pending
        while left:
            stored = await anext(reader)
            left = stored.pending
            if header.RETRY_FOR not in stored.headers:
                yield stored


def _read(stored: Stored) -> AlarmEvent | None:
    """An event; None if nobody can read it."""
    try:
        event = read_event(
            stored.subject,
            stored.data,
            stored.headers,
            seq=stored.seq,
            attempts=1,
            timestamp_ns=stored.timestamp_ns,
        ).event
    except (CambusError, ValueError):
        return None
    return event if isinstance(event, AlarmEvent) else None


def _subjects(devices: Sequence[str]) -> list[str]:
    """The subjects of the alarms of some devices; of all where one is a pattern."""
    plain = all(not set("*?") & set(device) for device in devices) and len(devices) <= 20
    return [subjects.events(device, "alarm") for device in (devices if plain else ["*"])]


class _Cases:
    """Puts events together to alarms, in the order in which they were stored."""

    def __init__(self, request: AlarmsHistoryRequest) -> None:
        self._request = request
        self._cases: dict[str, AlarmCase] = {}
        self._lasting: dict[tuple[str, str], str] = {}
        self._complete_until: datetime | None = None

    def happened(self, event: AlarmEvent) -> None:
        """One event more."""
        match event:
            case AlarmRaised():
                self._begin(event)
            case AlarmCleared():
                self._end(event)
            case AlarmAcknowledged():
                self._change(event.alarm.id, acknowledged=event.acknowledgement)
            case AlarmEscalated() if event.alarm.id in self._cases:
                self._change(event.alarm.id, escalated=[*self._cases[event.alarm.id].escalated, event])
            case AlarmActed() if event.raised in self._cases:
                self._change(event.raised, actions=[*self._cases[event.raised].actions, event])

    def reply(self) -> AlarmsHistoryReply:
        """What was found."""
        wanted = self._request.acknowledged
        found = [
            case
            for case in self._cases.values()
            if wanted is None or (case.acknowledged is not None) == wanted
        ]
        return AlarmsHistoryReply(alarms=found, complete_until=self._complete_until)

    def _begin(self, raised: AlarmRaised) -> None:
        if self._new(raised):
            self._cases[raised.id] = AlarmCase(raised=raised, duration_s=0.0 if raised.momentary else None)
            if not raised.momentary:
                self._lasting.setdefault((raised.device, raised.key), raised.id)

    def _end(self, cleared: AlarmCleared) -> None:
        paired = self._lasting.pop((cleared.device, cleared.key), None)
        began = cleared.raised or paired
        if began is not None and began in self._cases:
            raised = self._cases[began].raised
            lasted = cleared.duration_s
            if lasted is None and raised is not None:
                lasted = max(0.0, (cleared.at - raised.at).total_seconds())
            self._change(began, cleared=cleared, duration_s=lasted)
        elif began is None and self._new(cleared):
            self._cases[cleared.id] = AlarmCase(raised=None, cleared=cleared, duration_s=cleared.duration_s)

    def _new(self, event: AlarmEvent) -> bool:
        """Whether an event is the first of an alarm that is asked for, and there is room for it."""
        request = self._request
        if (
            event.id in self._cases
            or not request.since <= event.at < request.until
            or event.severity.rank < request.min_severity.rank
            or not any(fnmatchcase(event.type.value, pattern) for pattern in request.types)
        ):
            return False
        if len(self._cases) >= request.limit:
            self._complete_until = min(self._complete_until or event.at, event.at)
            return False
        return True

    def _change(self, alarm: str, **fields: object) -> None:
        if alarm in self._cases:
            self._cases[alarm] = self._cases[alarm].model_copy(update=fields)
