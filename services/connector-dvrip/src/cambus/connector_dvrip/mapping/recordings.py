"""Recordings and log entries of the device."""

from datetime import datetime
from typing import Final

from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.mapping.native import json_object, text
from cambus.dvrip.messages.search import FileQuery, FileRecord, parse_file_name
from cambus.dvrip.messages.search import LogEntry as NativeLogEntry
from cambus.schemas.commands.logs import LogEntry
from cambus.schemas.commands.recording import DeviceRecording, RecordingCause, RecordingFindRequest
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.ids import StreamName

STREAM_NUMBERS: Final[dict[StreamName, int]] = {"main": 0, "sub": 1}
KIB: Final = 1024
_CURSOR: Final = "|"

_CAUSES: Final = {
    "regular": RecordingCause.CONTINUOUS,
    "motion": RecordingCause.MOTION,
    "alarm": RecordingCause.ALARM,
    "induction": RecordingCause.ALARM,
    "manual": RecordingCause.MANUAL,
    "urgent": RecordingCause.MANUAL,
}
_EVENTS: Final = {
    RecordingCause.CONTINUOUS: "R",
    RecordingCause.MOTION: "M",
    RecordingCause.ALARM: "AP",
    RecordingCause.MANUAL: "HV",
    RecordingCause.OTHER: "K",
}


def file_query(request: RecordingFindRequest, channel: int, zone: DeviceZone) -> FileQuery:
    """Return the device's search for a request, from where its cursor stands; `channel` as the device counts.

    Raises:
        BadRequest: the cursor is none of ours, or the span is empty.
        Unsupported: the device has no such stream.
    """
    if request.stream is not None and request.stream not in STREAM_NUMBERS:
        raise Unsupported(f"the device records no stream {request.stream}")
    if request.end <= request.start:
        raise BadRequest("end: wanted a time after start")
    start, end = zone.span_to_local(request.start, request.end)
    begin, _ = read_cursor(request.cursor, start)
    return FileQuery(
        channel=channel,
        begin=begin,
        end=end,
        event="*" if request.event is None else _EVENTS[request.event],
        kind="h264" if request.kind == "video" else "jpg",
        stream=STREAM_NUMBERS[request.stream or "main"],
    )


def read_cursor(cursor: str | None, start: datetime) -> tuple[datetime, str]:
    """Return where a search goes on: from which local time, and behind which file.

    Raises:
        BadRequest: it is none of ours.
    """
    if cursor is None:
        return start, ""
    time, _, name = cursor.partition(_CURSOR)
    try:
        begin = datetime.fromisoformat(time)
    except ValueError:
        raise BadRequest("cursor: wanted the one of the previous page") from None
    if begin.tzinfo is not None or not name:
        raise BadRequest("cursor: wanted the one of the previous page")
    return begin, name


def cursor_behind(record: FileRecord) -> str | None:
    """Return where the next page begins; None for a record without a time, behind which nothing can be asked."""
    return None if record.begin is None else f"{record.begin.isoformat()}{_CURSOR}{record.name}"


def recording_of(
    record: FileRecord, request: RecordingFindRequest, zone: DeviceZone
) -> DeviceRecording | None:
    """Return a recording of the device; None for one that says nowhere when it was made."""
    named = parse_file_name(record.name)
    begin = record.begin or (named.begin if named else None)
    end = record.end or (named.end if named else None)
    if begin is None or end is None or len(record.name) > 500:
        return None
    start, stop = zone.span_to_utc(begin, end)
    return DeviceRecording(
        id=record.name,
        channel=request.channel,
        stream=request.stream or "main",
        start=start,
        end=stop,
        bytes=max(record.length_kib, 0) * KIB,
        event=_CAUSES.get(record.event, RecordingCause.OTHER),
        kind=request.kind,
        native=json_object({key: record.raw[key] for key in ("DiskNo", "SerialNo") if key in record.raw}),
    )


def log_entry_of(entry: NativeLogEntry, zone: DeviceZone) -> LogEntry:
    """Return a log entry of the device."""
    return LogEntry(
        at=None if entry.time is None else zone.to_utc(entry.time),
        local_time="" if entry.time is None else entry.time.isoformat(sep=" "),
        type=text(entry.type),
        user=text(entry.user),
        text=text(entry.data, 500),
        native={"Position": entry.position},
    )
