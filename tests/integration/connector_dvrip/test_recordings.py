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
    ("count", "quirks"),
    [
        (200, {}),
        (200, {"search_codes": "110_111"}),
        (200, {"equal_begin": True}),
        (200, {"list_keys": "seed"}),
        (700, {"search_ceiling": 511}),
    ],
)
async def test_every_recording_is_found_once_whatever_the_pages(call, simulator, count, quirks):
    simulator.update_quirks({"recordings": count, **quirks})
    whole, _ = await every_page(call, limit=2000)
    paged, pages = await every_page(call, limit=30)
    known = [each.file_name for each in simulator.device.recordings(0, 0, "h264")]
    assert [each.id for each in whole] == known
    assert [each.id for each in paged] == known
    assert (len(known), pages) == (count, -(-count // 30))


@pytest.mark.parametrize("code", [119, 109])
async def test_nothing_found_is_an_empty_list(call, simulator, code):
    simulator.quirks.search_empty_code = code
    request = recording.RecordingFindRequest(channel=0, start=LONG_AGO, end=LONG_AGO + timedelta(hours=1))
    reply = await call(recording.FIND, request)
    assert (reply.recordings, reply.cursor) == ([], None)


async def test_a_recording_says_when_and_how_much(call, simulator):
    simulator.quirks.recordings = 3
    found, _ = await every_page(call)
    known = {each.file_name: each for each in simulator.device.recordings(0, 0, "h264")}
    assert len(found) == len(known) == 3
    for each in found:
        assert each.channel == 0
        assert each.start < each.end <= datetime.now(UTC) + timedelta(minutes=5)
        kib = -(-simulator.device.recording_size(known[each.id]) // 1024)  # which is all the device tells
        assert each.bytes == kib * 1024
        assert each.event != "other"


async def test_pictures_are_found_apart_from_video(call, simulator):
    pictures, _ = await every_page(call, kind="picture")
    assert [each.id for each in pictures] == [
        each.file_name for each in simulator.device.recordings(0, 0, "jpg")
    ]
    assert {each.kind for each in pictures} == {"picture"}
    videos, _ = await every_page(call)
    assert {each.kind for each in videos} == {"video"}
    assert not {each.id for each in pictures} & {each.id for each in videos}


async def test_what_was_recorded_for_a_cause_is_found_by_it(call, simulator, monkeypatch):
    asked = []
    find = simulator.device._handlers[1440]
    monkeypatch.setitem(
        simulator.device._handlers,
        1440,
        lambda request: (asked.append(request.body["OPFileQuery"]["Event"]), find(request))[1],
    )
    whole, _ = await every_page(call)
    by_cause = {}
    for cause in recording.RecordingCause:
        asked.clear()
        by_cause[cause], _ = await every_page(call, event=cause)
        assert {each.event for each in by_cause[cause]} <= {cause}
        assert (
            asked[0] == {"continuous": "R", "motion": "M", "alarm": "AP", "manual": "HV", "other": "K"}[cause]
        )
    assert by_cause[recording.RecordingCause.MOTION]
    assert by_cause[recording.RecordingCause.ALARM]
    found = [each.id for some in by_cause.values() for each in some]
    assert sorted(found) == sorted(each.id for each in whole)


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
