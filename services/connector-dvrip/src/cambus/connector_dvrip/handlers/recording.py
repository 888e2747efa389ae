"""Recordings on the device: searching and playing (DVRIP §7.4, §10.1)."""

from datetime import datetime
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.recordings import (
    STREAM_NUMBERS,
    cursor_behind,
    file_query,
    read_cursor,
    recording_of,
)
from cambus.connector_dvrip.playbacks import Clip
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.messages.search import FileQuery, FileRecord
from cambus.schemas.commands import recording as commands
from cambus.schemas.errors import BadRequest, NotFound, Unsupported
from cambus.schemas.model import Done

MAX_CLIPS: Final = 2000
SEEK: Final = ("OtherFunction", "SupportPlaybackLocate")


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.FIND, find, during_upgrade=False)
    add(table, commands.CALENDAR, calendar, during_upgrade=False)
    add(table, commands.PLAY, play, during_upgrade=False)
    add(table, commands.TOUCH, touch, exclusive=False)
    add(table, commands.PAUSE, pause)
    add(table, commands.RESUME, resume)
    add(table, commands.SEEK, seek)
    add(table, commands.STOP, stop, exclusive=False)


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


async def play(session: DvripSession, request: commands.RecordingPlayRequest) -> commands.RecordingPlayReply:
    """Play a recording, or what was recorded in a span of time, onto the bus."""
    if request.speed <= 0:
        raise Unsupported("these devices play forwards only")
    stream = STREAM_NUMBERS.get(request.stream)
    if stream is None:
        raise Unsupported(f"the device records no stream {request.stream}")
    clips = await _clips(session, request, stream)
    name, subject = await session.playbacks.start(request.channel, clips, stream, request.ttl_s)
    return commands.RecordingPlayReply(session=name, subject=subject, ttl_s=request.ttl_s)


async def _clips(session: DvripSession, request: commands.RecordingPlayRequest, stream: int) -> list[Clip]:
    """The recordings to play: the one named, or all that a span of time touches."""
    start = None if request.start is None else session.zone.to_local(request.start)
    end = None if request.end is None else session.zone.to_local(request.end)
    if request.recording is not None:
        return [Clip(request.recording, start, end)]
    if start is None or end is None or end <= start:
        raise BadRequest("start, end: wanted a span of time, or a recording")
    query = FileQuery(session.client.profile.wire_channel(request.channel), start, end, stream=stream)
    records = await session.client.files.find(query, limit=MAX_CLIPS)
    clips = [_clip(record, start, end) for record in records]
    if not clips:
        raise NotFound("nothing was recorded in that time", reason="no-recording")
    return clips


def _clip(record: FileRecord, start: datetime, end: datetime) -> Clip:
    """A recording, cut to the span that is wanted."""
    begin = record.begin if record.begin is not None and record.begin >= start else start
    finish = record.end if record.end is not None and record.end <= end else end
    return Clip(record.name, begin, finish, record.length_kib)


async def touch(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """Keep a playback from lapsing."""
    session.playbacks.get(request.session).touch()
    return Done()


async def pause(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """Hold a playback."""
    await session.playbacks.get(request.session).playback.pause()
    return Done()


async def resume(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """Go on with a playback."""
    await session.playbacks.get(request.session).playback.resume()
    return Done()


async def seek(session: DvripSession, request: commands.RecordingSeekRequest) -> Done:
    """Play from another instant of the present recording; a device that can not is stopped and started there."""
    running = session.playbacks.get(request.session)
    running.publisher.mark_discontinuity()
    await running.playback.seek(session.zone.to_local(request.at), locate=session.facts.has(*SEEK))
    return Done()


async def stop(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """End a playback."""
    await session.playbacks.stop(request.session)
    return Done()
