"""Recordings on the device: searching, fetching, and recording by hand (DVRIP §7.4, §8, §10.1)."""

from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.downloads import Wanted
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.recordings import (
    STREAM_NUMBERS,
    cursor_behind,
    file_query,
    read_cursor,
    recording_of,
)
from cambus.connector_dvrip.session import DvripSession
from cambus.connector_dvrip.walk import Clip, walk, whole
from cambus.dvrip.messages.search import FileQuery, FileRecord, parse_file_name
from cambus.dvrip.operations.config import element
from cambus.schemas.commands import recording as commands
from cambus.schemas.errors import BadRequest, NotFound, Unsupported
from cambus.schemas.ids import StreamName
from cambus.schemas.model import Done

MAX_CLIPS: Final = 2000
CONTENT_TYPES: Final = {
    commands.DownloadFormat.NATIVE: "application/x-dvrip-media",
    commands.DownloadFormat.MP4: "video/mp4",
}


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.FIND, find, during_upgrade=False)
    add(table, commands.CALENDAR, calendar, during_upgrade=False)
    add(table, commands.DOWNLOAD, download, during_upgrade=False)
    add(table, commands.MANUAL, manual, during_upgrade=False)
    for spec in (commands.LOCK, commands.UNLOCK):
        table.refuse(
            spec,
            "DVRIP has no message that keeps a single recording from being overwritten; download it to keep it",
        )


async def find(session: DvripSession, request: commands.RecordingFindRequest) -> commands.RecordingFindReply:
    """Search recordings, oldest first, a page at a time."""
    query = file_query(request, session.client.profile.wire_channel(request.channel), session.zone)
    _, behind = read_cursor(request.cursor, query.begin)
    page: list[FileRecord] = []
    passed = not behind
    async for record in session.client.files.iterate(query):
        if passed:
            page.append(record)
        passed = passed or record.name == behind
        if len(page) > request.limit:
            break
    more = len(page) > request.limit
    page = page[: request.limit]
    found = [recording_of(record, request, session.zone) for record in page]
    return commands.RecordingFindReply(
        recordings=[recording for recording in found if recording is not None],
        cursor=cursor_behind(page[-1]) if more else None,
    )


async def calendar(
    session: DvripSession, request: commands.RecordingCalendarRequest
) -> commands.RecordingCalendarReply:
    """List the days with recordings; the device knows them for all channels together."""
    months = await session.client.files.calendar(request.year, request.month)
    return commands.RecordingCalendarReply(days=months[0] if months else [])


async def download(
    session: DvripSession, request: commands.RecordingDownloadRequest
) -> commands.RecordingDownloadReply:
    """Fetch a recording, or what was recorded in a span of time."""
    clips = await clips_of(session, request)
    wanted = Wanted(request.channel, clips, stream_number(request.stream), request.format, request.resume)
    name, subject = await session.downloads.start(wanted)
    return commands.RecordingDownloadReply(
        session=name,
        subject=subject,
        content_type=CONTENT_TYPES[request.format],
        bytes=wanted.bytes,
        offset=0 if request.resume is None else request.resume.bytes,
        recordings=len(clips),
    )


async def manual(session: DvripSession, request: commands.RecordingManualRequest) -> Done:
    """Have the device record a channel whatever its schedule says, or by its schedule again (DVRIP §8, Record)."""
    if request.stream != "main":
        raise Unsupported("these devices record their channels, not single streams")
    mode = "ManualRecord" if request.on else "ConfigRecord"
    await session.client.config.merge(element("Record", request.channel), {"RecordMode": mode})
    return Done()


def stream_number(stream: StreamName) -> int:
    """Return how the device counts a stream.

    Raises:
        Unsupported: it records no such stream.
    """
    number = STREAM_NUMBERS.get(stream)
    if number is None:
        raise Unsupported(f"the device records no stream {stream}")
    return number


async def clips_of(
    session: DvripSession, request: commands.RecordingPlayRequest | commands.RecordingDownloadRequest
) -> list[Clip]:
    """Return what to ask the device for: the recording that is named, or all that a span of time touches.

    Raises:
        BadRequest: neither is given.
        NotFound: nothing was recorded in that time.
        DvripError: the search failed.
    """
    stream = stream_number(request.stream)
    zone = session.zone
    start = None if request.start is None else zone.to_local(request.start)
    end = None if request.end is None else zone.to_local(request.end)
    channel = session.client.profile.wire_channel(request.channel)
    if request.recording is not None:
        record = await _look_up(session, FileRecord(request.recording, start, end, 0), channel, stream)
        return [whole(record, start, end)]
    if request.start is None or request.end is None or request.end <= request.start:
        raise BadRequest("start, end: wanted a span of time, or a recording")
    start, end = zone.span_to_local(request.start, request.end)
    records = await session.client.files.find(FileQuery(channel, start, end, stream=stream), limit=MAX_CLIPS)
    clips = walk(records, start, end)
    if not clips:
        raise NotFound("nothing was recorded in that time", reason="no-recording")
    return clips


async def _look_up(session: DvripSession, asked: FileRecord, channel: int, stream: int) -> FileRecord:
    """What the search says of a recording, its size above all; what was asked for if its name tells no time."""
    named = parse_file_name(asked.name)
    if named is None:
        return asked
    query = FileQuery(channel, named.begin, named.end, stream=stream)
    async for record in session.client.files.iterate(query, limit=MAX_CLIPS):
        if record.name == asked.name:
            return record
    return asked
