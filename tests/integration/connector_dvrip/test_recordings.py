"""Recordings on the device: found page by page, and the days that have some."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.schemas.commands import logs, recording
from cambus.schemas.errors import BadRequest

LONG_AGO = datetime(2000, 1, 2, tzinfo=UTC)


def span():
    return {"start": LONG_AGO, "end": datetime.now(UTC) + timedelta(days=1)}


@pytest.fixture
async def call(bench, simulator, device):
    await bench.online(device, simulator)

    async def send(spec, request):
        return await bench.client.call(spec, request, device=device)

    return send


async def every_page(call, **fields):
    found, cursor, pages = [], None, 0
    while True:
        request = recording.RecordingFindRequest(**{"channel": 0, **span(), **fields, "cursor": cursor})
        reply = await call(recording.FIND, request)
        found += reply.recordings
        pages += 1
        cursor = reply.cursor
        if cursor is None:
            return found, pages


@pytest.mark.parametrize(
    "quirks", [{}, {"search_codes": "110_111"}, {"equal_begin": True}, {"list_keys": "seed"}]
)
async def test_every_recording_is_found_once_whatever_the_pages(call, simulator, quirks):
    simulator.update_quirks({"recordings": 200, **quirks})
    whole, _ = await every_page(call, limit=2000)
    paged, pages = await every_page(call, limit=30)
    assert len(whole) == 200
    assert len({each.id for each in whole}) == 200
    assert [each.id for each in paged] == [each.id for each in whole]
    assert pages == 7


@pytest.mark.parametrize("code", [119, 109])
async def test_nothing_found_is_an_empty_list(call, simulator, code):
    simulator.quirks.search_empty_code = code
    request = recording.RecordingFindRequest(channel=0, start=LONG_AGO, end=LONG_AGO + timedelta(hours=1))
    reply = await call(recording.FIND, request)
    assert (reply.recordings, reply.cursor) == ([], None)


async def test_a_recording_says_when_and_how_much(call, simulator):
    simulator.quirks.recordings = 3
    found, _ = await every_page(call)
    for each in found:
        assert each.channel == 0
        assert each.start < each.end <= datetime.now(UTC) + timedelta(minutes=5)
        assert each.bytes > 0
        assert each.event != "other"


async def test_a_cursor_of_somebody_else_is_refused(call):
    for cursor in ("nonsense", "2026-01-01T00:00:00", "x|y"):
        with pytest.raises(BadRequest, match="cursor"):
            await call(recording.FIND, recording.RecordingFindRequest(channel=0, **span(), cursor=cursor))


async def test_an_empty_span_is_refused(call):
    request = recording.RecordingFindRequest(channel=0, start=LONG_AGO, end=LONG_AGO)
    with pytest.raises(BadRequest, match="end"):
        await call(recording.FIND, request)


async def test_days_with_recordings_are_listed(call, simulator):
    found, _ = await every_page(call)
    day = found[0].start
    reply = await call(
        recording.CALENDAR, recording.RecordingCalendarRequest(channel=0, year=day.year, month=day.month)
    )
    assert day.day in reply.days


async def test_the_log_is_read_page_by_page(call):
    whole, cursor = [], None
    while True:
        reply = await call(logs.FIND, logs.LogsFindRequest(**span(), limit=2, cursor=cursor))
        whole += reply.entries
        cursor = reply.cursor
        if cursor is None:
            break
    at_once = await call(logs.FIND, logs.LogsFindRequest(**span(), limit=5000))
    assert [entry.native for entry in whole] == [entry.native for entry in at_once.entries][: len(whole)]
    assert "LogIn" in {entry.type for entry in whole}
