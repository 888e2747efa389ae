"""In which minutes of a day, and on which days, a channel has recordings: whatever shape the device's answer has."""

import base64
import struct

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.profile import Credentials
from cambus.dvrip.values import parse_time
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator

BEGIN, END = parse_time("2026-02-16 00:00:00"), parse_time("2026-02-16 23:59:59")


def bitmap(code):
    return bytes([code]) + bytes(719)


def as_json(channels):
    info = [{"iChannel": n, "cRecordBitMap": base64.b64encode(bitmap(n % 5 + 1)).decode()} for n in channels]
    return {"OPFileQuery": [{"ByTimeInfo": [each]} for each in info]}


def as_binary(channels):
    entries = (struct.pack("<i", n) + bitmap(n % 5 + 1) for n in channels)
    return struct.pack("<i", len(channels)) + b"".join(entries)


@pytest.mark.parametrize(
    ("channel", "low", "high"), [(0, 1, 0), (3, 8, 0), (31, 1 << 31, 0), (32, 0, 1), (63, 0, 1 << 31)]
)
@pytest.mark.parametrize("form", [as_json, as_binary])
async def test_the_minutes_are_those_of_the_channel_that_was_asked_for(
    scripted, client, channel, low, high, form
):
    scripted.on[1444] = lambda message: message.reply(form([63, 32, 31, 3, 0, 1]))
    minutes = await client.files.by_time(FileQuery(channel, BEGIN, END))
    assert minutes == [channel % 5 + 1] + [0] * 1439
    asked = (await scripted.hears(1444)).body["OPFileQuery"]
    assert (asked["LowChannel"], asked["HighChannel"]) == (low, high)
    assert (asked["BeginTime"], asked["EndTime"]) == ("2026-02-16 00:00:00", "2026-02-16 23:59:59")


@pytest.mark.parametrize("form", [as_json, as_binary])
async def test_a_channel_the_answer_leaves_out_is_looked_up_in_the_files(scripted, client, form):
    scripted.on[1444] = lambda message: message.reply(form([1, 2]))
    scripted.on[1440] = lambda message: message.reply({"Name": "", "Ret": 119})
    assert await client.files.by_time(FileQuery(7, BEGIN, END)) == [0] * 1440
    assert (await scripted.hears(1440)).body["OPFileQuery"]["Channel"] == 7


@pytest.fixture
async def recorder():
    """A recorder with recordings of five minutes."""
    plan = ArchivePlan(files=30, file_s=10)
    async with DvripSimulator(user="admin", password="admin", channels=2, archive=plan, seed=1) as made:
        yield made


async def test_the_files_tell_the_minutes_the_device_itself_would_have_told(recorder):
    client = DvripClient("127.0.0.1", recorder.port, credentials=Credentials("admin", "admin"))
    await client.connect()
    day = recorder.device.recordings(1, 0, "h264")[0].begin
    query = FileQuery(1, day.replace(hour=0, minute=0, second=0), day.replace(hour=23, minute=59, second=59))
    told = {}
    for shape in ("json", "binary", "empty"):
        recorder.quirks.by_time = shape
        told[shape] = await client.files.by_time(query)
    await client.close()
    assert any(told["json"])
    assert told["json"] == told["binary"]
    recorded = [minute for minute, code in enumerate(told["json"]) if code]
    assert [minute for minute, code in enumerate(told["empty"]) if code] == recorded


@pytest.mark.parametrize(
    ("month", "mask", "days"),
    [
        (8, {"Mask": 0b101}, [[1, 3]]),
        (8, {"Mask": "0x80000000"}, [[]]),
        (8, {"Mask": 0x40000000}, [[31]]),
        (0, {"Mask": [0] * 7 + [5] + [0] * 4}, [[]] * 7 + [[1, 3]] + [[]] * 4),
        (0, [{"Mask": 1}] + [{"Mask": 0}] * 11, [[1]] + [[]] * 11),
    ],
)
async def test_a_month_is_asked_for_by_its_number_and_a_year_by_nought(scripted, client, month, mask, days):
    scripted.on[1446] = lambda message: message.reply({"OPSCalendar": mask})
    assert await client.files.calendar(2016, month) == days
    assert (await scripted.hears(1446)).body["OPSCalendar"] == {
        "Event": "*",
        "FileType": "h264",
        "Month": month,
        "Year": 2016,
        "Rev": "",
    }
