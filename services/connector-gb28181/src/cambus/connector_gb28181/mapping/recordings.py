"""Recordings of the device, as the bus knows them (§7, GB-120 to GB-123).

Times are the device's own, in the zone of its record. What a recording is called on the bus says when it was made:
the protocol plays and fetches by time and by nothing else.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from cambus.connector_gb28181.mapping.text import text
from cambus.connector_gb28181.ordering import STREAM_NUMBERS
from cambus.gb28181.manscdp.records import RecordItem, RecordQuery, search
from cambus.gb28181.values import read_time, write_time
from cambus.schemas.commands.recording import DeviceRecording, RecordingCause, RecordingFindRequest
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.model import JsonObject

_TYPES: Final = {
    RecordingCause.CONTINUOUS: "time",
    RecordingCause.ALARM: "alarm",
    RecordingCause.MANUAL: "manual",
}
_CAUSES: Final = {name: cause for cause, name in _TYPES.items()}
_SOURCE_TYPES: Final = {"all": 0, "manual": 1, "alarm": 2, "time": 3}
_STREAMS: Final = {number: name for name, number in STREAM_NUMBERS.items()}
_VIDEO: Final = "5"
_MOTION: Final = "2"
_ID = re.compile(r"(\d{1,10})-(\d{1,10})-([0-3])")
_CURSOR: Final = "|"


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be played or fetched.

    Attributes:
        start: UNIX seconds.
        end: UNIX seconds, exclusive.
        source_type: of the `u=` line: 0 all, 1 manual, 2 alarm, 3 time.
    """

    start: int
    end: int
    source_type: int = 0

    @property
    def name(self) -> str:
        """As the bus calls it."""
        return f"{self.start}-{self.end}-{self.source_type}"

    @classmethod
    def named(cls, name: str) -> "Span":
        """Read what `name` gave. Raises BadRequest for anything else."""
        match = _ID.fullmatch(name)
        span = cls(*(int(number) for number in match.groups())) if match is not None else None
        if span is None or span.end <= span.start:
            raise BadRequest("recording: wanted one that recording.find gave", reason="no-such-recording")
        return span


def query_of(request: RecordingFindRequest, zone: tzinfo, *, is_2022: bool) -> RecordQuery:
    """The device's search for a request, from where its cursor stands.

    Raises:
        BadRequest: the cursor is none of ours, or the span is empty.
        Unsupported: the edition the device speaks has no such search.
    """
    if request.kind == "picture":
        raise Unsupported("GB/T 28181 lists no pictures; snapshot.take makes one")
    if request.end <= request.start:
        raise BadRequest("end: wanted a time after start")
    begin, _ = read_cursor(request.cursor, request.start)
    query = search(write_time(begin, zone), write_time(request.end, zone), type_of(request.event))
    stream, method, kind = None, None, None
    if request.stream is not None and (is_2022 or request.stream != "main"):
        stream = STREAM_NUMBERS.get(request.stream)
        if stream is None or not is_2022:
            raise Unsupported(f"the device does not say what it recorded of the stream {request.stream}")
    if request.event is RecordingCause.MOTION:
        if not is_2022:
            raise Unsupported("the device tells recordings of motion from no other alarm; ask for those")
        method, kind = _VIDEO, _MOTION
    return RecordQuery(
        start=query.start,
        end=query.end,
        file_path=query.file_path,
        address=query.address,
        secrecy=query.secrecy,
        type=query.type,
        recorder=query.recorder,
        indistinct=1 if request.everywhere else None,
        stream_number=stream,
        alarm_method=method,
        alarm_type=kind,
    )


def type_of(cause: RecordingCause | None) -> str:
    """What the device calls a cause of recording."""
    if cause in {None, RecordingCause.OTHER}:
        return "all"
    return "alarm" if cause is RecordingCause.MOTION else _TYPES[RecordingCause(cause)]


def recording_of(item: RecordItem, request: RecordingFindRequest, zone: tzinfo) -> DeviceRecording | None:
    """A recording of the device; None for one that says nowhere when it was made, or is not what was asked for."""
    start, end = read_time(item.start, zone), read_time(item.end, zone)
    if start is None or end is None or end <= start:
        return None
    cause = _CAUSES.get((item.type or "").lower(), RecordingCause.OTHER)
    if request.event is RecordingCause.OTHER and cause is not RecordingCause.OTHER:
        return None
    span = Span(int(start.timestamp()), int(end.timestamp()), _SOURCE_TYPES[type_of(request.event)])
    return DeviceRecording(
        id=span.name,
        channel=request.channel,
        stream=_STREAMS.get(item.stream_number) if item.stream_number is not None else request.stream,  # type: ignore[arg-type]  # names of streams are all in the table
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        bytes=item.size_bytes if item.size_bytes is not None and item.size_bytes >= 0 else None,
        event=RecordingCause.MOTION if request.event is RecordingCause.MOTION else cause,
        native=_native(item),
    )


def _native(item: RecordItem) -> JsonObject:
    fields = {
        "Name": item.name,
        "FilePath": item.file_path,
        "Address": item.address,
        "Type": item.type,
        "RecorderID": item.recorder,
        "RecordLocation": item.location,
    }
    return {name: text(value, 255) for name, value in fields.items() if value}


def read_cursor(cursor: str | None, start: datetime) -> tuple[datetime, str]:
    """Where a search goes on: from which instant, and behind which recording. Raises BadRequest."""
    if cursor is None:
        return start, ""
    time, _, name = cursor.partition(_CURSOR)
    if not time.isascii() or not time.isdigit() or len(time) > 10 or not name:
        raise BadRequest("cursor: wanted the one of the previous page")
    return datetime.fromtimestamp(int(time), UTC), name


def cursor_behind(recording: DeviceRecording) -> str:
    """Where the next page begins."""
    return f"{int(recording.start.timestamp())}{_CURSOR}{recording.id}"
