"""What is told of an event, to whoever it goes: the JSON, and what templates are filled in with."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cambus.alarm_router.rules import Told, phase_of
from cambus.schemas.codec import JSON, encode
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmAcknowledged, AlarmEscalated, AlarmSuppressed
from cambus.schemas.model import Message

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
MAX_LINE: Final = 1000
"""Characters of somebody's text that go into a template: what gateways, headers and addresses take of it."""


class RoutedAlarm(Message):
    """What a sink receives, as JSON."""

    type: str
    rule: str
    suppressed: int
    alarm: Told


@dataclass(frozen=True)
class Notice:
    """An event as one rule tells it.

    Attributes:
        alarm: the event.
        rule: the rule's id.
        rule_name: what people call it.
        device_name: what people call the device.
        suppressed: how many beginnings were kept back before.
    """

    alarm: Told
    rule: str
    rule_name: str = ""
    device_name: str = ""
    suppressed: int = 0

    @property
    def event(self) -> str:
        """The event's name, `alarm.raised`."""
        return f"alarm.{phase_of(self.alarm)}"

    @cached_property
    def body(self) -> bytes:
        """The JSON: `{"type": "alarm.raised", "rule": …, "suppressed": n, "alarm": {…}}`."""
        routed = RoutedAlarm.model_construct(
            type=self.event, rule=self.rule, suppressed=self.suppressed, alarm=self.alarm
        )
        return encode(routed, JSON, limit=MAX_BODY_BYTES)

    @property
    def cloud_event(self) -> bytes:
        """The same as the data of a CloudEvent 1.0 in structured mode (JSON event format §3)."""
        alarm = self.alarm
        attributes = {
            "specversion": "1.0",
            "id": alarm.id,
            "source": f"/cambus/devices/{alarm.device}",
            "type": f"cambus.v1.{self.event}",
            "subject": alarm.key,
            "time": alarm.at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": JSON,
        }
        return json.dumps(attributes).encode()[:-1] + b', "data": ' + self.body + b"}"

    @property
    def began(self) -> str:
        """The id of the event that began the alarm; empty if nobody knows."""
        match self.alarm:
            case AlarmRaised(id=began):
                return began
            case AlarmCleared(raised=raised):
                return raised or ""
            case AlarmAcknowledged(alarm=alarm) | AlarmEscalated(alarm=alarm):
                return alarm.id
            case AlarmSuppressed():
                return ""

    @cached_property
    def values(self) -> dict[str, str]:
        """What `cambus.schemas.template` fills in; texts of devices are kept to one line."""
        alarm = self.alarm
        lasted = alarm.duration_s if isinstance(alarm, AlarmCleared) else None
        acknowledged = alarm if isinstance(alarm, AlarmAcknowledged) else None
        return {
            "id": alarm.id,
            "event": self.event,
            "device": alarm.device,
            "device_name": _line(self.device_name) or alarm.device,
            "channel": "" if alarm.channel is None else str(alarm.channel),
            "type": alarm.type.value,
            "severity": alarm.severity.value,
            "text": _line(_text_of(alarm)),
            "at": alarm.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "key": alarm.key,
            "raised": self.began,
            "duration_s": "" if lasted is None else f"{lasted:.0f}",
            "rule": self.rule,
            "rule_name": self.rule_name or self.rule,
            "suppressed": str(alarm.count if isinstance(alarm, AlarmSuppressed) else self.suppressed),
            "step": str(alarm.step + 1) if isinstance(alarm, AlarmEscalated) else "",
            "by": _line(acknowledged.by) if acknowledged is not None else "",
            "note": _line(acknowledged.note) if acknowledged is not None else "",
        }


def _text_of(alarm: Told) -> str:
    """What the device or its connector says of the alarm."""
    raised = alarm.alarm if isinstance(alarm, AlarmAcknowledged | AlarmEscalated) else alarm
    if isinstance(raised, AlarmRaised) and raised.text:
        return raised.text
    return raised.native.text if raised.native is not None else ""


def _line(text: str) -> str:
    """A text as one line without control characters, and not endless."""
    beginning = text[: 4 * MAX_LINE]
    line = " ".join("".join(each if each.isprintable() else " " for each in beginning).split())
    return line if len(line) <= MAX_LINE and len(beginning) == len(text) else f"{line[: MAX_LINE - 1]}…"
