"""What is asked of a device's archive and log when its clock is put forward or back, and what its answers mean."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.handlers.logs import find
from cambus.connector_dvrip.mapping.recordings import file_query, recording_of
from cambus.dvrip.messages.search import parse_file_records
from cambus.schemas.commands.logs import LogsFindRequest
from cambus.schemas.commands.recording import RecordingFindRequest
from cambus.schemas.errors import BadRequest

BERLIN = DeviceZone(ZoneInfo("Europe/Berlin"))
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)


def asked(start, end, **fields):
    return RecordingFindRequest(channel=0, start=start, end=end, **fields)


@pytest.mark.parametrize("change", [BACK, FORWARD])
@pytest.mark.parametrize("before_min", [0, 15, 45, 61])
@pytest.mark.parametrize("after_min", [1, 15, 45, 61])
def test_every_span_is_asked_for_from_an_earlier_to_a_later_time(change, before_min, after_min):
    start, end = change - timedelta(minutes=before_min), change + timedelta(minutes=after_min)
    query = file_query(asked(start, end), 0, BERLIN)
    assert query.begin < query.end
    assert query.begin <= BERLIN.to_local(start)
    assert query.end >= BERLIN.to_local(end)


@pytest.mark.parametrize("minutes", [0, -1, -600])
async def test_an_end_that_is_not_after_the_start_is_refused(minutes):
    end = BACK + timedelta(minutes=minutes)
    with pytest.raises(BadRequest, match="end"):
        file_query(asked(BACK, end), 0, BERLIN)
    session = SimpleNamespace(zone=BERLIN)
    with pytest.raises(BadRequest, match="end"):
        await find(session, LogsFindRequest(start=BACK, end=end))


async def test_the_log_is_asked_for_the_whole_hour_that_comes_twice():
    calls = []

    async def log(begin, end, kind, *, limit):
        calls.append((begin, end))
        return []

    session = SimpleNamespace(zone=BERLIN, client=SimpleNamespace(files=SimpleNamespace(log=log)))
    quarter = timedelta(minutes=15)
    await find(session, LogsFindRequest(start=BACK - quarter, end=BACK + quarter))
    assert [(f"{begin:%H:%M:%S}", f"{end:%H:%M:%S}") for begin, end in calls] == [("02:00:00", "02:59:59")]


def found(begin, end):
    record = {"BeginTime": begin, "EndTime": end, "FileName": "/idea0/x.h264", "FileLength": "0x10"}
    (parsed,) = parse_file_records({"OPFileQuery": [record]})
    return recording_of(parsed, asked(BACK, BACK + timedelta(hours=1)), BERLIN)


def test_a_recording_over_the_change_has_its_length():
    over = found("2026-10-25 02:50:00", "2026-10-25 02:10:00")
    assert (over.start, over.end) == (BACK - timedelta(minutes=10), BACK + timedelta(minutes=10))
    left_out = found("2026-03-29 01:50:00", "2026-03-29 03:10:00")
    assert left_out.end - left_out.start == timedelta(minutes=20)


def test_a_recording_that_ends_before_it_begins_has_none():
    backwards = found("2026-07-01 12:00:00", "2026-07-01 11:00:00")
    assert backwards.start == backwards.end == datetime(2026, 7, 1, 10, tzinfo=UTC)
