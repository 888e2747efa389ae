"""One alarm out of many messages about it (DVRIP §12). No clock inside.

A device may repeat Start, forget Stop, and tell the same event on the session (1504) and to the alarm centre
(1508).
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus

HOLD_S: Final = 60.0
SAME_EVENT: Final = timedelta(seconds=5)
#: Alarms remembered per device, active or just over.
MAX_ALARMS: Final = 4096


class Change(StrEnum):
    """What became of an alarm."""

    RAISED = "raised"
    CLEARED = "cleared"
    MOMENTARY = "momentary"


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """A change worth telling.

    Attributes:
        change: what happened.
        report: the message it follows from; for an alarm nobody ended, the one that raised it.
        timed_out: nobody ended it; the hold did.
    """

    change: Change
    report: AlarmReport
    timed_out: bool = False


@dataclass(slots=True)
class _Alarm:
    report: AlarmReport
    source: str
    is_active: bool
    deadline: float


class AlarmTracker:
    """The alarms of one device.

    Args:
        hold_s: an alarm without a Stop ends this long after its last Start.

    Attributes:
        counters: ``duplicates``, ``unmatched_stops``, ``evicted``.
    """

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self.counters: Counter[str] = Counter()
        self._hold_s = hold_s
        self._alarms: OrderedDict[tuple[str, str, int], _Alarm] = OrderedDict()
        self._check_at = float("inf")  # no deadline is earlier

    def receive(self, report: AlarmReport, source: str, now: float) -> list[AlarmChange]:
        """Take a message.

        Args:
            report: what the device said.
            source: which way it came, e.g. ``session`` or ``centre``.
            now: the time.
        """
        changes = self.expire(now)
        key = _key(report)
        alarm = self._alarms.get(key)
        if report.status is AlarmStatus.STOP:
            changes.extend(self._stop(alarm, report))
        elif alarm is not None and alarm.is_active:
            alarm.deadline = now + self._hold_s
            self.counters["duplicates"] += 1
        elif alarm is not None and alarm.source != source and _is_same(alarm.report.time, report.time):
            self.counters["duplicates"] += 1  # told again on the other way, after its end
        else:
            is_active = report.status is AlarmStatus.START
            self._alarms[key] = _Alarm(report, source, is_active, now + self._hold_s)
            self._alarms.move_to_end(key)
            self._check_at = min(self._check_at, now + self._hold_s)
            changes.append(AlarmChange(Change.RAISED if is_active else Change.MOMENTARY, report))
            changes.extend(self._evict())
        return changes

    def forget(self, report: AlarmReport) -> None:
        """The alarm this message has begun was lost on the way: told again, it is news."""
        alarm = self._alarms.get(_key(report))
        if alarm is not None and alarm.report is report:
            del self._alarms[_key(report)]

    def is_active(self, report: AlarmReport) -> bool:
        """Whether the alarm this is about has begun and not ended."""
        alarm = self._alarms.get(_key(report))
        return alarm is not None and alarm.is_active

    def expire(self, now: float) -> list[AlarmChange]:
        """End the alarms whose Stop never came; forget those long over."""
        changes: list[AlarmChange] = []
        if now < self._check_at:
            return changes
        for key, alarm in list(self._alarms.items()):
            if now < alarm.deadline:
                continue
            if alarm.is_active:
                changes.append(AlarmChange(Change.CLEARED, alarm.report, timed_out=True))
            del self._alarms[key]
        self._check_at = min((alarm.deadline for alarm in self._alarms.values()), default=float("inf"))
        return changes

    def next_timeout(self) -> float | None:
        """When `expire` has something to tell, or None."""
        return min((alarm.deadline for alarm in self._alarms.values() if alarm.is_active), default=None)

    def clear(self) -> list[AlarmChange]:
        """End everything, e.g. because the device is gone for good."""
        changes = [
            AlarmChange(Change.CLEARED, alarm.report, timed_out=True)
            for alarm in self._alarms.values()
            if alarm.is_active
        ]
        self._alarms.clear()
        return changes

    def _stop(self, alarm: _Alarm | None, report: AlarmReport) -> list[AlarmChange]:
        if alarm is None or not alarm.is_active:
            self.counters["unmatched_stops"] += 1
            return []
        alarm.is_active = False
        return [AlarmChange(Change.CLEARED, report)]

    def _evict(self) -> list[AlarmChange]:
        if len(self._alarms) <= MAX_ALARMS:
            return []
        self.counters["evicted"] += 1
        _, oldest = self._alarms.popitem(last=False)
        return [AlarmChange(Change.CLEARED, oldest.report, timed_out=True)] if oldest.is_active else []


def _key(report: AlarmReport) -> tuple[str, str, int]:
    name = report.event if report.event not in {"other", "system"} else report.native
    return report.event, name, report.channel


def _is_same(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_EVENT
