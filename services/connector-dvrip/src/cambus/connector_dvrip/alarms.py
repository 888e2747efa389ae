"""Alarms from reports: beginnings paired with ends, repeats collapsed, ends that never come supplied.

A table without I/O or clock: reports and time go in, events to publish come out.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.mapping.alarms import MappedAlarm, alarm_event_id, map_alarm
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.events.alarm import ClearCause
from cambus.schemas.spec import EventSpec

K = TypeVar("K")
V = TypeVar("V")

MAX_ACTIVE: Final = 4096
"""Alarms of one device that may be active; beyond it the oldest counts as over."""

SAME_S: Final = 5.0
"""An end reported again within so many seconds, perhaps by another way, is the same one (DVRIP §12)."""

_REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """An event to be published."""

    spec: EventSpec[Any]
    event_id: str
    fields: dict[str, Any]


@dataclass(slots=True)
class _Active:
    """An alarm that has begun."""

    alarm: MappedAlarm
    event_id: str
    since: float
    held_until: float


class AlarmTracker:
    """The alarms of one device, over all its sessions.

    Args:
        device: its id, part of what makes events unique.
        hold_s: an alarm that is neither ended nor repeated for so long is over.
    """

    def __init__(self, device: str, hold_s: float) -> None:
        self._device = device
        self._hold_s = hold_s
        self._active: OrderedDict[str, _Active] = OrderedDict()
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._ordinals: OrderedDict[tuple[str, str, datetime | None], int] = OrderedDict()

    @property
    def active(self) -> frozenset[str]:
        """The keys of the alarms that have begun and not ended."""
        return frozenset(self._active)

    def report(
        self,
        report: AlarmReport,
        *,
        zone: DeviceZone,
        channels: int,
        at: datetime,
        now: float,
        via: str = "session",
    ) -> list[AlarmEvent]:
        """Take a report; return the events it makes, none for a repeat.

        Args:
            report: what the device said.
            zone: of its clock.
            channels: how many it has.
            at: when it was heard.
            now: the same moment on the monotonic clock, seconds.
            via: how it was heard.
        """
        alarm = map_alarm(report, zone, channels)
        if report.status is AlarmStatus.STOP:
            return self._end(alarm, at, now, ClearCause.ENDED)
        if report.status is AlarmStatus.NONE:
            return [self._raised(alarm, at, via, momentary=True)]
        known = self._active.get(alarm.key)
        if known is not None:
            known.held_until = now + self._hold_s
            return []
        events = self._make_room(at, now)
        raised = self._raised(alarm, at, via, momentary=False)
        self._active[alarm.key] = _Active(alarm, raised.event_id, now, now + self._hold_s)
        return [*events, raised]

    def expire(self, at: datetime, now: float) -> list[AlarmEvent]:
        """End the alarms whose hold has run out."""
        events = []
        for active in [active for active in self._active.values() if active.held_until <= now]:
            events += self._end(active.alarm, at, now, ClearCause.TIMEOUT)
        return events

    def next_timeout(self) -> float | None:
        """When `expire` has something to do, None: never."""
        return min((active.held_until for active in self._active.values()), default=None)

    # --- inside -----------------------------------------------------------------------------------------

    def _raised(self, alarm: MappedAlarm, at: datetime, via: str, *, momentary: bool) -> AlarmEvent:
        fields = {**alarm.fields(), "input": alarm.input, "momentary": momentary, "via": via, "at": at}
        return AlarmEvent(alarm_events.RAISED, self._id(alarm, "raised", at), fields)

    def _end(self, alarm: MappedAlarm, at: datetime, now: float, cause: ClearCause) -> list[AlarmEvent]:
        """The end of an alarm. One whose beginning was not seen is told all the same: it may have been before us."""
        active = self._active.pop(alarm.key, None)
        if active is None and now - self._ended.get(alarm.key, -SAME_S) < SAME_S:
            return []
        _remember(self._ended, alarm.key, now)
        fields = {**alarm.fields(), "cause": cause, "at": at}
        if active is not None:
            fields |= {"raised": active.event_id, "duration_s": max(now - active.since, 0.0)}
        if cause is not ClearCause.ENDED:
            fields["device_time"] = None
        return [AlarmEvent(alarm_events.CLEARED, self._id(alarm, f"cleared-{cause.value}", at), fields)]

    def _make_room(self, at: datetime, now: float) -> list[AlarmEvent]:
        if len(self._active) < MAX_ACTIVE:
            return []
        oldest = next(iter(self._active.values()))
        return self._end(oldest.alarm, at, now, ClearCause.TIMEOUT)

    def _id(self, alarm: MappedAlarm, what: str, at: datetime) -> str:
        """An id that depends on what the device said only, and counts what it says twice in one second."""
        facts = (alarm.key, what, alarm.device_time)
        ordinal = self._ordinals.get(facts, -1) + 1
        _remember(self._ordinals, facts, ordinal)
        return alarm_event_id(self._device, alarm, what, at, ordinal)


def _remember(table: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep the newest few entries of a table."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > _REMEMBERED:
        table.popitem(last=False)
