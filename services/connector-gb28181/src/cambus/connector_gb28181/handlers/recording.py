"""Recordings on the device: searching, fetching, and recording by hand (§7, §8.4, GB-120 to GB-132)."""

import asyncio
import calendar as calendars
from datetime import datetime
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.downloads import Wanted
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.recordings import (
    Span,
    cursor_behind,
    query_of,
    read_cursor,
    recording_of,
)
from cambus.connector_gb28181.ordering import stream_number
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.records import search
from cambus.gb28181.values import read_time, write_time
from cambus.schemas.commands import recording as commands
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.model import Done

CONTENT_TYPES: Final = {
    commands.DownloadFormat.NATIVE: "video/mp2p",
    commands.DownloadFormat.MP4: "video/mp4",
}
MAX_SPAN_S: Final = 31 * 86_400


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.FIND, find, exclusive=False)
    add(table, commands.CALENDAR, calendar, exclusive=False)
    add(table, commands.DOWNLOAD, download, exclusive=False)
    add(table, commands.MANUAL, manual)
    for spec in (commands.LOCK, commands.UNLOCK):
        table.refuse(
            spec,
            "GB/T 28181 has no message that keeps a recording from being overwritten; download it to keep it",
        )


async def find(session: GbSession, request: commands.RecordingFindRequest) -> commands.RecordingFindReply:
    """Search recordings, oldest first, a page at a time; the device is asked for all from there on."""
    zone, is_2022 = session.device.options.zone, session.remote.version.is_2022
    query = query_of(request, zone, is_2022=is_2022)
    begin, behind = read_cursor(request.cursor, request.start)
    found = await session.remote.records(query, session.code_of(request.channel), now=_now)
    page = [
        recording
        for item in found.records
        if (recording := recording_of(item, request, zone)) is not None
        and recording.end > request.start
        and recording.start < request.end
    ]
    if behind:
        page = [each for each in page if each.start >= begin]
        names = [each.id for each in page]
        page = page[names.index(behind) + 1 :] if behind in names else page
    more = len(page) > request.limit
    page = page[: request.limit]
    return commands.RecordingFindReply(
        recordings=page,
        cursor=cursor_behind(page[-1]) if more else None,
        complete=found.complete,
        announced=found.announced,
    )


async def calendar(
    session: GbSession, request: commands.RecordingCalendarRequest
) -> commands.RecordingCalendarReply:
    """List the days with recordings: all of a month are asked for, for the protocol has no shorter question."""
    zone = session.device.options.zone
    last = calendars.monthrange(request.year, request.month)[1]
    begin = datetime(request.year, request.month, 1, tzinfo=zone)
    end = datetime(request.year, request.month, last, 23, 59, 59, tzinfo=zone)
    query = search(write_time(begin, zone), write_time(end, zone))
    found = await session.remote.records(query, session.code_of(request.channel), now=_now)
    days: set[int] = set()
    for item in found.records:
        start, stop = read_time(item.start, zone), read_time(item.end, zone)
        if start is not None and stop is not None and start <= end and stop >= begin:
            first, final = max(start, begin), min(stop, end)
            days.update(range(first.astimezone(zone).day, final.astimezone(zone).day + 1))
    return commands.RecordingCalendarReply(days=sorted(days))


async def download(
    session: GbSession, request: commands.RecordingDownloadRequest
) -> commands.RecordingDownloadReply:
    """Fetch a recording, or what was recorded in a span of time."""
    wanted = Wanted(request.channel, request.stream, span_of(request), request.format, request.resume)
    name, subject, size, route = await session.downloads.start(wanted)
    return commands.RecordingDownloadReply(
        session=name,
        subject=subject,
        content_type=CONTENT_TYPES[request.format],
        bytes=size,
        offset=0 if request.resume is None else request.resume.bytes,
        route=route,
    )


async def manual(session: GbSession, request: commands.RecordingManualRequest) -> Done:
    """Have the device record a channel now, or by its schedule again (GB-089)."""
    number, is_2022 = stream_number(request.stream), session.remote.version.is_2022
    if number and not is_2022:
        raise Unsupported("the device records its channels, not single streams")
    order = DeviceControl(record="Record" if request.on else "StopRecord", stream_number=number or None)
    await session.remote.control(order, session.code_of(request.channel))
    return Done()


def span_of(request: commands.RecordingPlayRequest | commands.RecordingDownloadRequest) -> Span:
    """What is wanted: the recording that is named, or the part of it, or of all, that lies in a span of time.

    Raises:
        BadRequest: neither is given, or nothing is left.
    """
    whole = Span.named(request.recording) if request.recording is not None else None
    start = int(request.start.timestamp()) if request.start is not None else None
    end = -int(-request.end.timestamp() // 1) if request.end is not None else None
    if whole is not None:
        start, end = max(whole.start, start or 0), min(whole.end, end or whole.end)
    if start is None or end is None or end <= start:
        raise BadRequest("start, end: wanted a span of time, or a recording")
    if end - start > MAX_SPAN_S:
        raise BadRequest(f"end: wanted at most {MAX_SPAN_S // 86_400} days after start")
    return Span(start, end, whole.source_type if whole is not None else 0)


def _now() -> float:
    return asyncio.get_running_loop().time()
