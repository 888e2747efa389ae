"""Alarms from reports, as events of the bus: each beginning and each end once, under an id two replicas agree on.

Which reports are news is decided by the protocol library (`cambus.dvrip.alarm_tracker`); here they become events. No
clock and no I/O inside.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.mapping.alarms import DEVICE_WIDE, MappedAlarm, alarm_event_id, map_alarm
from cambus.dvrip.alarm_tracker import AlarmChange, AlarmTracker, Change
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.events.alarm import ClearCause
from cambus.schemas.spec import EventSpec

K = TypeVar("K")
V = TypeVar("V")

SAME_S: Final = 5.0
"""An end reported again within so many seconds, perhaps by another way, is the same one (DVRIP §12); one reported again
with the time it had is, however late."""

_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """An event to be published.

    Attributes:
        spec, event_id, fields: of the event.
        report: what the device said.
        begun: id and time of the beginning that an end ends.
    """

    spec: EventSpec[Any]
    event_id: str
    fields: dict[str, Any]
    report: AlarmReport
    begun: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When a report was heard, and what its words mean.

    Attributes:
        at: by our clock.
        now: the same on the monotonic clock, seconds.
        zone: of the device's clock.
        channels: how many the device has.
    """

    at: datetime
    now: float
    zone: DeviceZone
    channels: int


class DeviceAlarms:
    """The alarms of one device, over all its sessions.

    Args:
        device: its id, part of what makes events unique.
        hold_s: an alarm that is neither ended nor repeated for so long is over.
    """

    def __init__(self, device: str, hold_s: float) -> None:
        self._device = device
        self._tracker = AlarmTracker(hold_s)
        self._begun: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._ended: OrderedDict[str, tuple[float, datetime | None]] = OrderedDict()
        self._ordinals: OrderedDict[tuple[str, str, datetime | None], int] = OrderedDict()

    @property
    def active(self) -> frozenset[str]:
        """The keys of the alarms that have begun and not ended."""
        return frozenset(self._begun)

    def is_active(self, report: AlarmReport) -> bool:
        """Whether the alarm a report is about has begun and not ended."""
        return self._tracker.is_active(_of_device(report))

    def report(self, report: AlarmReport, moment: Moment, via: str = "session") -> list[AlarmEvent]:
        """Take a report; return the events it makes, none for a repeat."""
        report = _of_device(report)
        changes = self._tracker.receive(report, via, moment.now)
        events = [self._event(change, moment, via) for change in changes]
        if report.status is AlarmStatus.STOP and not any(change.report is report for change in changes):
            events += self._end_of_unknown(report, moment)
        return events

    def forget(self, event: AlarmEvent) -> None:
        """An event could not be kept and the device was not told that it was heard: told again, it is news."""
        key = event.fields["key"]
        if event.spec is alarm_events.CLEARED:
            self._ended.pop(key, None)
            if event.begun is not None:
                self._begun.setdefault(key, event.begun)
            return
        self._tracker.forget(event.report)
        if self._begun.get(key, ("", 0.0))[0] == event.event_id:
            del self._begun[key]

    def expire(self, moment: Moment) -> list[AlarmEvent]:
        """End the alarms whose hold has run out."""
        return [self._event(change, moment, "session") for change in self._tracker.expire(moment.now)]

    def next_timeout(self) -> float | None:
        """When `expire` has something to do, None: never."""
        return self._tracker.next_timeout()

    # --- inside -----------------------------------------------------------------------------------------

    def _event(self, change: AlarmChange, moment: Moment, via: str) -> AlarmEvent:
        alarm = map_alarm(change.report, moment.zone, moment.channels)
        if change.change is Change.CLEARED:
            cause = ClearCause.TIMEOUT if change.timed_out else ClearCause.ENDED
            return self._cleared(alarm, change.report, moment, cause)
        momentary = change.change is Change.MOMENTARY
        event_id = self._id(alarm, "raised", moment.at)
        if not momentary:
            self._begun[alarm.key] = event_id, moment.now
        facts = {
            "input": alarm.input,
            "momentary": momentary,
            "via": via,
            "trusted": via != "push",  # whoever reaches the port can say so
            "at": moment.at,
        }
        return AlarmEvent(alarm_events.RAISED, event_id, {**alarm.fields(), **facts}, change.report)

    def _cleared(
        self, alarm: MappedAlarm, report: AlarmReport, moment: Moment, cause: ClearCause
    ) -> AlarmEvent:
        fields: dict[str, Any] = {**alarm.fields(), "cause": cause, "at": moment.at}
        begun = self._begun.pop(alarm.key, None)
        if begun is not None:
            fields |= {"raised": begun[0], "duration_s": max(moment.now - begun[1], 0.0)}
        if cause is not ClearCause.ENDED:
            fields["device_time"] = None  # the device did not say when it ended
        _remember(self._ended, alarm.key, (moment.now, fields["device_time"]))
        event_id = self._id(alarm, f"cleared-{cause.value}", moment.at)
        return AlarmEvent(alarm_events.CLEARED, event_id, fields, report, begun)

    def _end_of_unknown(self, report: AlarmReport, moment: Moment) -> list[AlarmEvent]:
        """The end of an alarm whose beginning was before our time: others may still hold it as active."""
        alarm = map_alarm(report, moment.zone, moment.channels)
        ended_at, said = self._ended.get(alarm.key, (-SAME_S, None))
        if moment.now - ended_at < SAME_S or (said is not None and said == alarm.device_time):
            return []
        return [self._cleared(alarm, report, moment, ClearCause.ENDED)]

    def _id(self, alarm: MappedAlarm, what: str, at: datetime) -> str:
        """An id that depends on what the device said only, and counts what it says twice in one second."""
        facts = (alarm.key, what, alarm.device_time)
        ordinal = self._ordinals.get(facts, -1) + 1
        _remember(self._ordinals, facts, ordinal)
        return alarm_event_id(self._device, alarm, what, at, ordinal)


def _of_device(report: AlarmReport) -> AlarmReport:
    """A report without the channel that means nothing in it."""
    return replace(report, channel=0) if report.event in DEVICE_WIDE else report


def _remember(table: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep the newest entries of a table."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > _REMEMBERED:
        table.popitem(last=False)
