"""Searching recordings, minutes, days and the log ends, finds everything once, and survives odd answers."""

import pytest

from cambus.dvrip.errors import RequestTimeout
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.values import format_time, parse_time

BEGIN, END = parse_time("2026-02-16 00:00:00"), parse_time("2026-02-16 23:59:59")


class Recordings:
    """A device with ``count`` recordings of ``step_s`` seconds; pages of 64, codes as told."""

    def __init__(
        self, scripted, count, *, step_s=60, per_begin=1, code=100, ceiling=None, key="OPFileQuery"
    ) -> None:
        from datetime import timedelta

        self.records = []
        for index in range(count):
            begin = BEGIN + timedelta(seconds=index // per_begin * step_s)
            end = begin + timedelta(seconds=step_s)
            self.records.append(
                {
                    "BeginTime": format_time(begin),
                    "EndTime": format_time(end),
                    "DiskNo": 0,
                    "SerialNo": index,
                    "FileLength": "0x0000B000",
                    "FileName": f"/idea0/2026-02-16/001/{begin:%H.%M.%S}-{end:%H.%M.%S}[M][@{index:x}][0].h264",
                }
            )
        self.code = code
        self.ceiling = ceiling
        self.key = key
        self.in_chain = 0
        scripted.on[1440] = self.search

    def search(self, message):
        begin = message.body["OPFileQuery"]["BeginTime"]
        page = [record for record in self.records if record["BeginTime"] >= begin][:64]
        if self.ceiling is not None:
            page = page[: self.ceiling - self.in_chain]
            self.in_chain = 0 if len(page) < 64 else self.in_chain + len(page)
        if page:
            message.reply({self.key: page, "Ret": self.code})
        else:
            message.reply({"Name": "", "Ret": 119})


def query(**changes):
    return FileQuery(0, BEGIN, END, **changes)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, 200])
@pytest.mark.parametrize("key", ["OPFileQuery", "FileList"])
async def test_pages_of_64_give_every_recording_once(scripted, client, count, key):
    device = Recordings(scripted, count, key=key)
    found = await client.files.find(query())
    assert [record.name for record in found] == [record["FileName"] for record in device.records]


async def test_a_record_that_is_twice_on_a_page_is_found_once(scripted, client):
    device = Recordings(scripted, 40)
    device.records = [record for record in device.records for _ in range(2)]
    found = [record.name for record in await client.files.find(query())]
    assert found == [record["FileName"] for record in device.records[::2]]


@pytest.mark.parametrize("per_begin", [2, 7, 64])
async def test_equal_begin_times_lose_and_double_nothing(scripted, client, per_begin):
    device = Recordings(scripted, 300, per_begin=per_begin)
    found = [record.name for record in await client.files.find(query())]
    assert len(found) == len(set(found))
    # 64 with one begin fill a page: the device can show no more of that second, but the search goes on behind
    # it.
    assert found == [record["FileName"] for record in device.records]


async def test_more_records_in_one_second_than_a_page_holds_do_not_end_the_search(scripted, client):
    device = Recordings(scripted, 300, per_begin=100)
    found = {record.name for record in await client.files.find(query())}
    assert len(found) == 3 * 64
    assert device.records[200]["FileName"] in found


@pytest.mark.parametrize(
    ("code", "count", "pages"),
    [(110, 30, 1), (111, 30, 2), (100, 30, 1), (110, 64, 1), (111, 64, 2), (100, 64, 2)],
)
async def test_found_all_and_found_part_end_or_continue_the_search(scripted, client, code, count, pages):
    Recordings(scripted, count, code=code)
    assert len(await client.files.find(query())) == count
    assert len(scripted.messages(1440)) == pages


@pytest.mark.parametrize("code", [109, 119])
async def test_nothing_more_found_ends_a_search_that_found_something(scripted, client, code):
    device = Recordings(scripted, 64)

    def once(message):
        if len(scripted.messages(1440)) == 1:
            message.reply({"OPFileQuery": device.records, "Ret": 100})
        else:
            message.reply({"Name": "", "Ret": code})

    scripted.on[1440] = once
    assert len(await client.files.find(query())) == 64
    assert len(scripted.messages(1440)) == 2


@pytest.mark.parametrize("code", [109, 119])
async def test_nothing_found_is_an_empty_list(scripted, client, code):
    scripted.on[1440] = lambda message: message.reply({"Name": "", "Ret": code})
    assert await client.files.find(query()) == []


async def test_the_ceiling_of_511_is_crossed(scripted, client):
    device = Recordings(scripted, 1200, step_s=30, ceiling=511)
    found = [record.name for record in await client.files.find(query())]
    assert found == [record["FileName"] for record in device.records]


async def test_a_page_that_repeats_for_ever_ends_the_search(scripted, client):
    device = Recordings(scripted, 64)
    scripted.on[1440] = lambda message: message.reply({"OPFileQuery": device.records, "Ret": 100})
    assert len(await client.files.find(query())) == 64
    assert len(scripted.messages(1440)) <= 3


async def test_a_limit_ends_the_search(scripted, client):
    Recordings(scripted, 300)
    assert len(await client.files.find(query(), limit=70)) == 70


async def test_an_end_before_the_begin_finds_nothing(scripted, client):
    assert await client.files.find(FileQuery(0, END, BEGIN)) == []
    assert scripted.messages(1440) == []


async def test_records_tell_channel_size_and_event(scripted, client):
    Recordings(scripted, 1)
    (record,) = await client.files.find(query())
    assert (record.length_kib, record.event, record.begin) == (0xB000, "motion", BEGIN)


async def test_the_query_is_what_devices_expect(scripted, client):
    Recordings(scripted, 0)
    await client.files.find(query(event="AM", kind="jpg", stream=1))
    assert (await scripted.hears(1440)).body["OPFileQuery"] == {
        "BeginTime": "2026-02-16 00:00:00",
        "EndTime": "2026-02-16 23:59:59",
        "Channel": 0,
        "DriverTypeMask": "0x0000FFFF",
        "Event": "AM",
        "StreamType": "0x00000001",
        "Type": "jpg",
    }


def bitmap():
    data = bytearray(720)
    data[0] = 0x31  # minute 0 regular, minute 1 motion
    data[719] = 0x50  # minute 1439 manual
    return bytes(data)


@pytest.mark.parametrize("form", ["json", "binary"])
async def test_recordings_by_minute_come_as_json_or_binary(scripted, client, form):
    import base64
    import struct

    def answer(message):
        if form == "binary":
            message.reply(struct.pack("<ii", 1, 0) + bitmap())
        else:
            info = [{"iChannel": 0, "cRecordBitMap": base64.b64encode(bitmap()).decode()}]
            message.reply({"OPFileQuery": [{"ByTimeInfo": info}]})

    scripted.on[1444] = answer
    minutes = await client.files.by_time(query())
    assert len(minutes) == 1440
    assert (minutes[0], minutes[1], minutes[2], minutes[1439]) == (1, 3, 0, 5)


@pytest.mark.parametrize("answer", [b"", b"\x01\x00", b'{"Ret":102}'])
async def test_without_a_search_by_minute_the_files_tell(scripted, client, answer):
    Recordings(scripted, 3)
    scripted.on[1444] = lambda message: message.reply(answer)
    minutes = await client.files.by_time(query())
    assert minutes[:5] == [3, 3, 3, 0, 0]


@pytest.mark.parametrize(("mask", "days"), [(0b101, [[1, 3]]), ([0] * 11 + [1 << 30], [[]] * 11 + [[31]])])
async def test_the_calendar_of_a_month_or_a_year(scripted, client, mask, days):
    scripted.on[1446] = lambda message: message.reply({"OPSCalendar": {"Mask": mask}})
    assert await client.files.calendar(2026, 0) == days


@pytest.mark.parametrize("key", ["OPLogQuery", "LogList"])
async def test_the_log_is_read_page_by_page_until_null(scripted, client, key):
    lines = [
        {
            "Data": "admin,DVRIP-Web:10.0.0.2" + "x" * 300,
            "Position": i,
            "Time": "2026-02-16 01:00:00",
            "Type": "LogIn",
            "User": "System",
        }
        for i in range(150)
    ]

    def answer(message):
        position = message.body["OPLogQuery"]["LogPosition"]
        message.reply({key: lines[position : position + 64] or None})

    scripted.on[1442] = answer
    entries = await client.files.log(BEGIN, END)
    assert [entry.position for entry in entries] == list(range(150))
    assert entries[0].type == "LogIn"


async def test_a_log_that_goes_in_circles_ends(scripted, client):
    scripted.on[1442] = lambda message: message.reply({"OPLogQuery": [{"Position": 0, "Type": "x"}]})
    assert len(await client.files.log(BEGIN, END)) == 1


async def test_silence_of_a_search_names_its_timeout(scripted, make_client):
    scripted.on[1440] = lambda message: None
    client = make_client(search=0.1)
    await client.connect()
    with pytest.raises(RequestTimeout) as caught:
        await client.files.find(query())
    assert caught.value.name == "search"
