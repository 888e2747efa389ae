"""Recordings on a device, searched over the bus."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.gb28181.record_assembly import RecordTimes
from cambus.gb28181.times import Times
from cambus.schemas.commands import recording
from cambus.schemas.errors import BadRequest, DeadlineExceeded, NotFound, Unsupported
from cambus.simulators.gb28181.archive import ELSEWHERE, ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks

EPOCH = 1_714_800_000
FILES, FILE_S = 24, 60
PLAN = ArchivePlan(FILES, FILE_S, EPOCH)
BEGIN = datetime.fromtimestamp(EPOCH - FILES * FILE_S, UTC)
END = datetime.fromtimestamp(EPOCH, UTC)


@pytest.fixture
async def find(bench, device):
    async def send(**fields):
        request = recording.RecordingFindRequest(**{"channel": 0, "start": BEGIN, "end": END, **fields})
        return await bench.client.call(recording.FIND, request, device=device)

    return send


async def test_all_of_a_span_are_listed_oldest_first_with_their_causes(bench, device, find):
    simulator = await bench.online(device, profile="hik_nvr", archive=PLAN)
    reply = await find()
    assert reply.complete
    assert reply.announced == FILES
    starts = [each.start for each in reply.recordings]
    assert starts == [BEGIN + timedelta(seconds=FILE_S * number) for number in range(FILES)]
    assert {each.end - each.start for each in reply.recordings} == {timedelta(seconds=FILE_S)}
    assert [each.event for each in reply.recordings[:4]] == ["continuous", "continuous", "alarm", "manual"]
    assert all(each.bytes and each.native["FilePath"] for each in reply.recordings)
    (query,) = (message.body.decode() for message in simulator.heard("RecordInfo"))
    assert "<StartTime>2024-05-04T12:56:00</StartTime>" in query  # the device's time: +08:00
    assert "<Secrecy>0</Secrecy><Type>all</Type>" in query.replace("\r\n", "")


async def test_pages_follow_each_other_without_gap_or_overlap(bench, device, find):
    await bench.online(device, archive=PLAN)
    seen, cursor = [], None
    while True:
        reply = await find(limit=7, cursor=cursor)
        seen += [each.id for each in reply.recordings]
        cursor = reply.cursor
        if cursor is None:
            break
    whole = await find()
    assert seen == [each.id for each in whole.recordings]
    assert len(set(seen)) == FILES


async def test_a_cause_is_asked_of_the_device(bench, device, find):
    simulator = await bench.online(device, profile="hik_nvr", archive=PLAN)
    reply = await find(event="alarm")
    assert len(reply.recordings) == FILES // 4
    assert {each.event for each in reply.recordings} == {"alarm"}
    assert b"<Type>alarm</Type>" in simulator.heard("RecordInfo")[-1].body
    with pytest.raises(Unsupported):
        await find(event="motion")
    with pytest.raises(Unsupported):
        await find(stream="sub")


async def test_the_edition_of_2022_is_asked_by_stream_and_alarm(bench, device, find):  # GB-132
    simulator = await bench.online(device, profile="std_2022", archive=PLAN)
    await find(event="motion", stream="sub")
    query = simulator.heard("RecordInfo")[-1].body
    for line in (
        b"<StreamNumber>1</StreamNumber>",
        b"<AlarmMethod>5</AlarmMethod>",
        b"<AlarmType>2</AlarmType>",
    ):
        assert line in query


async def test_other_storages_are_searched_where_that_is_wanted(bench, device, find):  # GB-132
    plan = ArchivePlan(FILES, FILE_S, EPOCH, elsewhere=2)
    simulator = await bench.online(device, profile="hik_nvr", archive=plan)
    span = {"start": BEGIN - timedelta(seconds=2 * FILE_S)}
    assert len((await find(**span)).recordings) == FILES
    assert b"IndistinctQuery" not in simulator.heard("RecordInfo")[-1].body
    everywhere = (await find(**span, everywhere=True)).recordings
    assert b"<IndistinctQuery>1</IndistinctQuery>" in simulator.heard("RecordInfo")[-1].body
    own = simulator.channels[0]
    assert [each.native["RecordLocation"] for each in everywhere] == [ELSEWHERE] * 2 + [own] * FILES


async def test_another_zone_is_the_devices_not_ours(bench, device, find):
    simulator = await bench.online(device, archive=PLAN, record={"options": {"time_zone": "UTC"}})
    await find()
    assert b"<StartTime>2024-05-04T04:56:00</StartTime>" in simulator.heard("RecordInfo")[-1].body


async def test_a_span_without_recordings_is_an_empty_success(bench, device, find):  # GB-122
    await bench.online(device, archive=PLAN)
    reply = await find(start=BEGIN - timedelta(days=2), end=BEGIN - timedelta(days=1))
    assert (reply.recordings, reply.complete) == ([], True)


async def test_parts_that_are_lost_make_the_answer_partial(bench, device, find):  # GB-121
    simulator = await bench.online(device, archive=PLAN, quirks=Quirks(shuffle_parts=True))
    whole = await find()
    assert whole.complete
    hurry(bench, records=RecordTimes(first_s=5.0, gap_s=0.5, total_s=10.0))
    simulator.quirks.lose_parts = {2}
    reply = await find()
    assert not reply.complete
    assert reply.announced == FILES
    assert 0 < len(reply.recordings) < FILES


async def test_silence_is_an_error_and_no_empty_list(bench, device, find):
    await bench.online(device, archive=PLAN, quirks=Quirks(drop={"RecordInfo"}))
    hurry(bench, records=RecordTimes(first_s=0.5, gap_s=0.5, total_s=2.0))
    with pytest.raises(DeadlineExceeded) as failed:
        await find()
    assert failed.value.reason == "unconfirmed"


async def test_what_can_not_be_asked_is_refused(bench, device, find):
    await bench.online(device, archive=PLAN)
    with pytest.raises(NotFound):
        await find(channel=7)
    with pytest.raises(BadRequest):
        await find(start=END, end=BEGIN)
    with pytest.raises(BadRequest):
        await find(cursor="x|y")
    with pytest.raises(Unsupported):
        await find(kind="picture")


async def test_the_calendar_has_the_days_with_recordings(bench, device):
    await bench.online(device, archive=ArchivePlan(60, 3600, EPOCH))
    request = recording.RecordingCalendarRequest(channel=0, year=2024, month=5)
    reply = await bench.client.call(recording.CALENDAR, request, device=device)
    assert reply.days == [2, 3, 4]
    other = recording.RecordingCalendarRequest(channel=0, year=2024, month=4)
    assert (await bench.client.call(recording.CALENDAR, other, device=device)).days == []


async def test_recording_by_hand_begins_and_ends(bench, device):
    simulator = await bench.online(device)
    for on, words in ((True, b"Record"), (False, b"StopRecord")):
        request = recording.RecordingManualRequest(channel=0, on=on)
        await bench.client.call(recording.MANUAL, request, device=device)
        body = simulator.heard("DeviceControl")[-1].body
        assert b"<RecordCmd>" + words + b"</RecordCmd>" in body


def hurry(bench, **times):
    """Shorten the times of the one connector."""
    platform = bench.connectors["replica-1"].service.signalling.platform
    remote_times = Times(**times)
    object.__setattr__(platform.settings, "times", remote_times)  # frozen, and there is no setting for it
    for remote in platform._devices.values():
        remote._times = remote_times
