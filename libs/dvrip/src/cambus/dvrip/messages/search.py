"""Searches for recordings and log entries (DVRIP §7.4): 1440, 1442, 1444, 1446."""

import base64
import binascii
import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.messages.bodies import named, value_of
from cambus.dvrip.payload import decode_body, looks_like_json
from cambus.dvrip.values import as_list, as_object, format_hex, format_time, parse_number, parse_time

FILE_QUERY: Final = "OPFileQuery"
LOG_QUERY: Final = "OPLogQuery"
CALENDAR: Final = "OPSCalendar"

#: Event letters in file names and queries.
EVENTS: Final[Mapping[str, str]] = {
    "A": "alarm",
    "M": "motion",
    "R": "regular",
    "H": "manual",
    "K": "key",
    "V": "urgent",
    "P": "induction",
}
#: Codes of the by-time bitmap.
MINUTE_CODES: Final[Mapping[int, str]] = {
    0: "none",
    1: "regular",
    2: "alarm",
    3: "motion",
    4: "card",
    5: "manual",
}
MINUTES_PER_DAY: Final = 1440
_BITMAP_BYTES: Final = MINUTES_PER_DAY // 2

_FILE_NAME: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})/(?P<channel>\d{1,3})/(?P<begin>\d{2}\.\d{2}\.\d{2})-(?P<end>\d{2}\.\d{2}\.\d{2})"
    r"(?:\[(?P<event>[A-Za-z]+)\])?"
)


@dataclass(frozen=True, slots=True)
class FileQuery:
    """What to look for.

    Attributes:
        channel: as the device counts.
        begin: device local time.
        end: device local time.
        event: ``*`` or event letters together.
        kind: ``h264`` (also for H.265) or ``jpg``.
        stream: 0 main, 1 extra.
    """

    channel: int
    begin: datetime
    end: datetime
    event: str = "*"
    kind: str = "h264"
    stream: int = 0

    def body(self) -> dict[str, Any]:
        """The body of 1440."""
        query = {
            "BeginTime": format_time(self.begin),
            "EndTime": format_time(self.end),
            "Channel": self.channel,
            "DriverTypeMask": "0x0000FFFF",
            "Event": self.event,
            "StreamType": format_hex(self.stream),
            "Type": self.kind,
        }
        return named(FILE_QUERY, query)

    def by_time_body(self) -> dict[str, Any]:
        """The body of 1444 for this one channel (bit 0 = channel 1)."""
        low = 1 << self.channel if self.channel < 32 else 0
        high = 1 << self.channel - 32 if self.channel >= 32 else 0
        query = {
            "BeginTime": format_time(self.begin),
            "EndTime": format_time(self.end),
            "HighChannel": high,
            "LowChannel": low,
            "Type": self.kind,
            "Event": self.event,
            "Sync": 0,
        }
        return named(FILE_QUERY, query)


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file name tells, best effort; times local to the device."""

    channel: int
    begin: datetime
    end: datetime
    event: str


def parse_file_name(name: str) -> FileName | None:
    """Read a name like ``/idea0/2009-02-16/001/10.08.41-10.23.30[R][@7cb][0].h264``, or None.

    The name counts channels from 1, the result from 0. Never use a device's file name as a local path.
    """
    match = _FILE_NAME.search(name)
    if match is None:
        return None
    begin = parse_time(f"{match['date']} {match['begin'].replace('.', ':')}")
    end = parse_time(f"{match['date']} {match['end'].replace('.', ':')}")
    if begin is None or end is None or int(match["channel"]) == 0:
        return None
    if end < begin:
        end += timedelta(days=1)
    return FileName(int(match["channel"]) - 1, begin, end, (match["event"] or "").upper())


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One recording on the device.

    Attributes:
        name: opaque; how to ask for it.
        begin: device local time, or None.
        end: device local time, or None.
        length_kib: size in KiB, rounded up.
        disk: disk number.
        serial: number within it.
        raw: as received.
    """

    name: str
    begin: datetime | None
    end: datetime | None
    length_kib: int
    disk: int = 0
    serial: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: object, counters: Counter[str] | None = None) -> "FileRecord | None":
        """Read one record; None without a name. ``counters`` as in `parse_time`."""
        raw = as_object(value)
        name = raw.get("FileName")
        if not isinstance(name, str) or not name:
            return None
        return cls(
            name=name,
            begin=parse_time(raw.get("BeginTime"), counters),
            end=parse_time(raw.get("EndTime"), counters),
            length_kib=parse_number(raw.get("FileLength")),
            disk=parse_number(raw.get("DiskNo")),
            serial=parse_number(raw.get("SerialNo")),
            raw=raw,
        )

    @property
    def event(self) -> str:
        """The event in words, from the name; "" when it does not tell."""
        parsed = parse_file_name(self.name)
        return EVENTS.get(parsed.event[:1], "") if parsed else ""


def parse_file_records(body: Mapping[str, Any], counters: Counter[str] | None = None) -> list[FileRecord]:
    """The records of a 1441; the list is called ``OPFileQuery`` or ``FileList``."""
    items = as_list(value_of(body, FILE_QUERY, "FileList"))
    return [record for item in items if (record := FileRecord.parse(item, counters)) is not None]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the device's log; everything is text of the device, not to be trusted."""

    position: int
    time: datetime | None
    type: str
    data: str
    user: str


def log_body(begin: datetime, end: datetime, position: int = 0, kind: str = "LogAll") -> dict[str, Any]:
    """The body of 1442, from ``position`` on."""
    query = {
        "BeginTime": format_time(begin),
        "EndTime": format_time(end),
        "LogPosition": position,
        "Type": kind,
    }
    return named(LOG_QUERY, query)


def parse_log(body: Mapping[str, Any], counters: Counter[str] | None = None) -> list[LogEntry]:
    """The entries of a 1443; null when there are no more."""
    return [
        LogEntry(
            position=parse_number(raw.get("Position")),
            time=parse_time(raw.get("Time"), counters),
            type=str(raw.get("Type", "")),
            data=str(raw.get("Data", "")),
            user=str(raw.get("User", "")),
        )
        for raw in map(as_object, as_list(value_of(body, LOG_QUERY, "LogList")))
    ]


def calendar_body(year: int, month: int, event: str = "*", kind: str = "h264") -> dict[str, Any]:
    """The body of 1446; month 0 asks for the whole year."""
    query = {"Event": event, "FileType": kind, "Month": month, "Year": year, "Rev": ""}
    return named(CALENDAR, query)


def parse_calendar(body: Mapping[str, Any]) -> list[list[int]]:
    """The days with recordings, per month asked for: one list, or twelve for month 0."""
    value = value_of(body, CALENDAR)
    items = value if isinstance(value, list) else as_object(value).get("Mask", 0)
    masks = items if isinstance(items, list) else [items]
    numbers = [parse_number(m.get("Mask") if isinstance(m, dict) else m) for m in masks]
    return [[day for day in range(1, 32) if number >> day - 1 & 1] for number in numbers]


def parse_by_time(payload: bytes) -> dict[int, list[int]]:
    """The by-time bitmaps of a 1445 by channel: 1440 codes, one per minute (`MINUTE_CODES`).

    JSON with base64, or binary: a count, then a channel number and 720 bytes each. An empty payload is empty.

    Raises:
        MalformedPayload: neither form fits.
    """
    if looks_like_json(payload):
        return _by_time_json(decode_body(payload))
    if len(payload) >= 4:
        (count,) = struct.unpack_from("<i", payload)
        if 0 <= count <= 256 and len(payload) >= 4 + count * (4 + _BITMAP_BYTES):
            result = {}
            for index in range(count):
                offset = 4 + index * (4 + _BITMAP_BYTES)
                (channel,) = struct.unpack_from("<i", payload, offset)
                result[channel] = _minutes(payload[offset + 4 : offset + 4 + _BITMAP_BYTES])
            return result
    raise MalformedPayload(f"{len(payload)} bytes are no bitmap list", context="recordings by time")


def _by_time_json(body: Mapping[str, Any]) -> dict[int, list[int]]:
    result = {}
    value = value_of(body, FILE_QUERY)
    groups = value if isinstance(value, list) else [value]
    for group in map(as_object, groups):
        for item in map(as_object, as_list(group.get("ByTimeInfo"))):
            try:
                bitmap = base64.b64decode(str(item.get("cRecordBitMap", "")), validate=False)
            except (binascii.Error, ValueError):
                raise MalformedPayload("cRecordBitMap is no base64", context="recordings by time") from None
            if len(bitmap) < _BITMAP_BYTES:
                raise MalformedPayload(
                    f"bitmap of {len(bitmap)} bytes, want {_BITMAP_BYTES}", context="recordings by time"
                )
            result[parse_number(item.get("iChannel"))] = _minutes(bitmap[:_BITMAP_BYTES])
    return result


def _minutes(bitmap: bytes) -> list[int]:
    return [code for byte in bitmap for code in (byte & 0x0F, byte >> 4)]
