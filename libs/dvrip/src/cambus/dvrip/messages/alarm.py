"""Alarms a device reports: 1504 on the session, 1508 to the alarm centre (DVRIP §12)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cambus.dvrip.alarms import canonical_alarm
from cambus.dvrip.values import as_object, parse_address, parse_number, parse_time


class AlarmStatus(StrEnum):
    """Begin, end, or a momentary event."""

    START = "Start"
    STOP = "Stop"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class AlarmReport:
    """What a device says about one alarm, in whichever form.

    Attributes:
        event: canonical name (`cambus.dvrip.alarms`); ``other`` when unknown.
        native: the device's name.
        channel: 0-based channel or input.
        status: begin, end or momentary.
        time: device local time, or None.
        is_log: a log entry rather than an alarm (1508 ``Type`` Log).
        serial: serial number the alarm centre message carries, "" on a session.
        address: device address it carries, "" on a session.
        description: its text.
        raw: as received.
    """

    event: str
    native: str
    channel: int
    status: AlarmStatus
    time: datetime | None
    is_log: bool = False
    serial: str = ""
    address: str = ""
    description: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any], counters: Counter[str] | None = None) -> "AlarmReport":
        """Read the body of a 1504 or 1508, the alarm itself or wrapped in its name.

        ``counters`` as in `parse_time`.
        """
        raw = body
        for key in ("AlarmInfo", "NetAlarmCenterMsg", "NetAlarmCenter"):
            if isinstance(body.get(key), dict):
                raw = as_object(body[key])
                break
        native = str(raw.get("Event", ""))
        return cls(
            event=canonical_alarm(native),
            native=native,
            channel=max(parse_number(raw.get("Channel")), 0),
            status=_status(raw.get("Status")),
            time=parse_time(raw.get("StartTime"), counters),
            is_log=str(raw.get("Type", "")) == "Log",
            serial=str(raw.get("SerialID", "")),
            address=parse_address(raw.get("Address")),
            description=str(raw.get("Descrip", "")),
            raw=raw,
        )


def _status(value: object) -> AlarmStatus:
    try:
        return AlarmStatus(str(value))
    except ValueError:
        return AlarmStatus.NONE
