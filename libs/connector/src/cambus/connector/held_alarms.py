"""Alarms that have begun and not ended, for protocols that do not say when one is over, or forget to.

An alarm that is told again while it lasts is the same one. One that is not told again for a while is over. No clock and
no I/O inside.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cambus.schemas.alarms import AlarmInput, AlarmType, NativeAlarm, Severity
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.events.alarm import ClearCause
from cambus.schemas.geo import GeoPoint
from cambus.schemas.ids import derived_event_id
from cambus.schemas.spec import EventSpec

MAX_ALARMS: Final = 4096
"""Alarms of one device that last at a time; the oldest of more is over."""


@dataclass(frozen=True, slots=True)
class HeardAlarm:
    """An alarm a device told, in the words of the bus.

    Attributes:
        type, severity, key, channel, input, native, text, location: as in the events.
        device_time: when it happened by the device's clock, converted; None if it did not say, or said nonsense.
        facts: what identifies the occurrence beside its time, in the device's own words, such as a number of its
            message; where there are none, the key does. The key says what we know of the device, and we may know
            more when it tells the alarm again.
    """

    type: AlarmType
    severity: Severity
    key: str
    channel: int | None
    native: NativeAlarm
    device_time: datetime | None
    input: AlarmInput | None = None
    text: str = ""
    location: GeoPoint | None = None
    facts: tuple[str | int, ...] = field(default=())

    def common(self) -> dict[str, Any]:
        """The fields that beginning and end have in common."""
        return {
            "type": self.type,
            "severity": self.severity,
            "key": self.key,
            "channel": self.channel,
            "native": self.native,
        }


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """An event to be published."""

    spec: EventSpec[Any]
    event_id: str
    key: str
    fields: dict[str, Any]


@dataclass(slots=True)
class _Held:
    alarm: HeardAlarm
    event_id: str
    begun: float
    until: float


class HeldAlarms:
    """The alarms of one device.

    Args:
        device: its id, part of what makes events unique.
        hold_s: an alarm that is not told again for so long is over.
    """

    def __init__(self, device: str, hold_s: float) -> None:
        self._device = device
        self._hold_s = hold_s
        self._held: OrderedDict[str, _Held] = OrderedDict()

    @property
    def active(self) -> dict[str, HeardAlarm]:
        """The alarms that have begun and not ended, by key."""
        return {key: held.alarm for key, held in self._held.items()}

    def heard(self, alarm: HeardAlarm, at: datetime, now: float) -> list[AlarmEvent]:
        """Take what the device told.

        Args:
            alarm: what.
            at: when, by our clock.
            now: the same on a clock that only rises, seconds.

        Returns:
            The events that makes: none if the alarm lasts already; with an end first if the one before was over and
            nobody had looked.
        """
        held = self._held.get(alarm.key)
        over = self.ended([alarm.key], at, now, ClearCause.TIMEOUT) if held and held.until <= now else []
        if held is not None and not over:
            held.until = now + self._hold_s
            return []
        event_id = derived_event_id(
            alarm.device_time or at, self._device, "raised", *(alarm.facts or (alarm.key,))
        )
        self._held[alarm.key] = _Held(alarm, event_id, now, now + self._hold_s)
        fields = alarm.common() | {
            "device_time": alarm.device_time,
            "input": alarm.input,
            "text": alarm.text,
            "location": alarm.location,
            "at": at,
        }
        raised = AlarmEvent(alarm_events.RAISED, event_id, alarm.key, fields)
        return [*over, raised, *self._evict(at, now)]

    def forget(self, event: AlarmEvent) -> None:
        """An event could not be published: were the alarm told again, that would be its beginning."""
        held = self._held.get(event.key)
        if held is not None and held.event_id == event.event_id:
            del self._held[event.key]

    def ended(self, keys: Iterable[str], at: datetime, now: float, cause: ClearCause) -> list[AlarmEvent]:
        """Alarms are over; those that do not last are none."""
        found = [self._held.pop(key) for key in list(keys) if key in self._held]
        return [self._cleared(held, at, now, cause) for held in found]

    def expire(self, at: datetime, now: float) -> list[AlarmEvent]:
        """End the alarms that were not told again."""
        over = [key for key, held in self._held.items() if held.until <= now]
        return self.ended(over, at, now, ClearCause.TIMEOUT)

    def next_timeout(self) -> float | None:
        """When `expire` has something to do; None while no alarm lasts."""
        return min((held.until for held in self._held.values()), default=None)

    def _evict(self, at: datetime, now: float) -> list[AlarmEvent]:
        if len(self._held) <= MAX_ALARMS:
            return []
        return self.ended([next(iter(self._held))], at, now, ClearCause.TIMEOUT)

    def _cleared(self, held: _Held, at: datetime, now: float, cause: ClearCause) -> AlarmEvent:
        event_id = derived_event_id(at, self._device, held.event_id, f"cleared-{cause.value}")
        fields = held.alarm.common() | {
            "raised": held.event_id,
            "duration_s": max(now - held.begun, 0.0),
            "cause": cause,
            "at": at,
        }
        return AlarmEvent(alarm_events.CLEARED, event_id, held.alarm.key, fields)
