"""Recordings found by range, by page, by minute and by day."""

import base64
import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from cambus.simulators.dvrip.archive import Archive, ArchivePlan

START = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def search(world):
    """Sends a file query and returns the answer."""
    peer = world.user()

    def ask(begin="2000-00-00 00:00:00", end="9999-12-31 23:59:59", channel=0, **extra):
        query = {
            "BeginTime": begin,
            "EndTime": end,
            "Channel": channel,
            "DriverTypeMask": "0x0000FFFF",
            "Event": "*",
            "StreamType": "0x00000000",
            "Type": "h264",
            **extra,
        }
        return peer.ask(1440, {"Name": "OPFileQuery", "OPFileQuery": query})

    return ask


def walk(search, **extra):
    """Page as clients do: from the begin of the last record, duplicates dropped by name."""
    names, begin, pages = [], "2000-01-01 00:00:00", 0
    while True:
        reply = search(begin, **extra)
        if reply.ret in (119, 109):
            return names, pages
        records = reply.json["OPFileQuery"]
        pages += 1
        fresh = [each["FileName"] for each in records if each["FileName"] not in names]
        names += fresh
        begin = records[-1]["BeginTime"]
        if len(records) < 64 or not fresh or reply.ret == 110:
            return names, pages


def test_recordings_come_in_pages_of_64_without_loss_or_repetition(world, search):
    names, pages = walk(search)
    assert names == [each.file_name for each in world.device.recordings(0, 0, "h264")]
    assert (len(names), pages) == (70, 2)


def test_many_recordings_with_equal_begin_times_are_all_found(world, search):
    world.quirks.update({"recordings": 1500, "equal_begin": True})
    names, pages = walk(search)
    assert len(names) == len(set(names)) == 1500
    assert pages > 20


def test_a_chain_of_searches_may_end_at_511(world, search):
    world.quirks.update({"recordings": 1500, "search_ceiling": 511})
    begin, sizes = "2000-01-01 00:00:00", []
    while not sizes or sizes[-1] == 64:
        records = search(begin).json["OPFileQuery"]
        sizes.append(len(records))
        begin = records[-1]["BeginTime"]
    assert sum(sizes) == 511
    assert len(search(begin).json["OPFileQuery"]) == 64


def test_codes_of_a_search_may_tell_part_and_all(world, search):
    world.quirks.search_codes = "110_111"
    assert search().ret == 111
    last = world.device.recordings(0, 0, "h264")[-1]
    assert search(f"{last.begin:%Y-%m-%d %H:%M:%S}").ret == 110


def test_nothing_found_is_119_or_109_without_a_name(world, search):
    empty = search("2040-01-01 00:00:00")
    assert (empty.ret, empty.json["Name"]) == (119, "")
    world.quirks.search_empty_code = 109
    assert search("2040-01-01 00:00:00").ret == 109
    assert search(channel=9).ret == 109
    assert search("2026-03-01 11:00:00", "2026-03-01 10:00:00").ret == 109


def test_a_device_may_answer_the_same_page_for_ever(world, search):
    world.quirks.search_repeats = True
    first = search("2000-01-01 00:00:00").json["OPFileQuery"]
    assert len(first) == 64
    assert search(first[-1]["BeginTime"]).json["OPFileQuery"] == first


def test_records_have_the_keys_and_values_of_the_protocol(world, search):
    record = search().json["OPFileQuery"][0]
    assert sorted(record) == ["BeginTime", "DiskNo", "EndTime", "FileLength", "FileName", "SerialNo"]
    known = world.device.recordings(0, 0, "h264")[0]
    assert int(record["FileLength"], 16) == -(-world.device.recording_size(known) // 1024)
    assert record["FileName"].startswith(f"/idea0/2026-03-01/001/{known.begin:%H.%M.%S}-")


def test_letters_streams_pictures_and_masks_select(world, search):
    letters = {name.split("[")[1][0] for name in walk(search, Event="MA")[0]}
    assert letters == {"M", "A"}
    assert all("[1]." in name for name in walk(search, StreamType="0x00000001")[0])
    pictures = search(Type="jpg").json["OPFileQuery"]
    assert len(pictures) == 7
    assert pictures[0]["FileName"].endswith(".jpg")


def test_channel_masks_may_replace_the_channel(world):
    peer = world.user()
    query = {
        "BeginTime": "2000-01-01 00:00:00",
        "EndTime": "2037-01-01 00:00:00",
        "LowChannel": 2,
        "HighChannel": 0,
    }
    records = peer.ask(1440, {"OPFileQuery": query}).json["OPFileQuery"]
    assert all("/002/" in record["FileName"] for record in records)


def test_the_list_may_be_called_file_list(world, search):
    world.quirks.list_keys = "seed"
    assert len(search().json["FileList"]) == 64


@pytest.mark.parametrize("shape", ["json", "binary", "empty"])
def test_minutes_of_a_day_in_every_shape(world, shape):
    world.quirks.update({"by_time": shape, "recordings": 30})
    peer = world.user()
    query = {
        "BeginTime": "2026-03-01 00:00:00",
        "EndTime": "2026-03-01 23:59:59",
        "HighChannel": 0,
        "LowChannel": 3,
        "Type": "h264",
        "Event": "*",
        "Sync": 0,
    }
    reply = peer.ask(1444, {"Name": "OPFileQuery", "OPFileQuery": query})
    if shape == "empty":
        assert reply.payload == b""
        return
    if shape == "json":
        entry = reply.json["OPFileQuery"][0]["ByTimeInfo"][1]
        channel, bitmap = entry["iChannel"], base64.b64decode(entry["cRecordBitMap"])
    else:
        assert struct.unpack_from("<i", reply.payload) == (2,)
        channel, bitmap = struct.unpack_from("<i", reply.payload, 4 + 724)[0], reply.payload[4 + 724 + 4 :]
    assert (channel, len(bitmap)) == (1, 720)
    codes = [bitmap[minute // 2] >> 4 * (minute % 2) & 15 for minute in range(1440)]
    recorded = [minute for minute, code in enumerate(codes) if code]
    assert recorded == list(range(11 * 60 + 55, 12 * 60))  # 30 recordings of 10 s, the last ends at noon


def test_the_calendar_marks_days(world):
    peer = world.user()

    def calendar(month):
        section = {"Event": "*", "FileType": "h264", "Month": month, "Year": 2026, "Rev": ""}
        return peer.ask(1446, {"Name": "OPSCalendar", "OPSCalendar": section}).json["OPSCalendar"]

    assert calendar(3) == {"Mask": 1}
    assert calendar(4) == {"Mask": 0}
    year = calendar(0)
    assert [each["Mask"] for each in year] == [0, 0, 1] + [0] * 9


def test_recordings_follow_one_another_and_have_names_of_their_own():
    half_past = START.replace(tzinfo=None)
    archive = Archive(ArchivePlan(files=200, file_s=60), 4, half_past + timedelta(seconds=7))
    for channel in range(4):
        files = archive.files(channel, 0)
        assert all(a.end == b.begin for a, b in pairwise(files))
        assert files[-1].end == half_past
    names = [
        each.file_name for channel in range(4) for stream in (0, 1) for each in archive.files(channel, stream)
    ]
    assert len(names) == len(set(names)) == 1600


def test_playing_a_range_joins_the_files_of_it(world, playback):
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 0))
    times = {"StartTime": "2026-03-01 11:59:00", "EndTime": "2026-03-01 11:59:30"}
    assert owner.ask(1420, playback("DownloadStart", 0, **times)).ret == 100
    world.advance(0.2)
    got = sum(len(packet.payload) for packet in data.read() if packet.id == 1426)
    assert got == sum(
        world.device.recording_size(each) for each in world.device.recordings(0, 0, "h264")[-6:-3]
    )
