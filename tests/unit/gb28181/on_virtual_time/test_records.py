"""Lists of recordings: in parts, short, empty, one search of a channel at a time (GB-120 to GB-123)."""

import asyncio
import random

import pytest

from cambus.gb28181.errors import Unconfirmed
from cambus.gb28181.manscdp.records import RecordItem, search
from cambus.gb28181.xml import Element

CHANNEL, SECOND = "34020000001310000001", "34020000001310000002"
QUERY = search("2024-05-04T00:00:00", "2024-05-05T00:00:00")


def record(number, channel=CHANNEL):
    start, end = (
        f"2024-05-04T{number // 60:02d}:{number % 60:02d}:00",
        f"2024-05-04T{number // 60:02d}:{number % 60:02d}:59",
    )
    return RecordItem(channel, "gate", f"{number}_{number + 1}", "gate", start, end, 0, "time")


def part(numbers, announced, channel=CHANNEL):
    items = [Element("Item", children=record(n, channel).elements()) for n in numbers]
    listed = Element("RecordList", children=items, attributes={"Num": str(len(items))})
    return [Element("Name", "gate"), Element("SumNum", str(announced)), *([listed] if items else [])]


def tell(rig, asked, parts, gap_s=0.05):
    for at, each in enumerate(parts):
        rig.answers(asked, each, after_s=0.02 + at * gap_s)


def numbers(result):
    return [int(each.file_path.partition("_")[0]) for each in result.records]


async def find(rig, channel=CHANNEL):
    return await rig.device.records(QUERY, channel, now=rig.now)


async def test_parts_out_of_order_and_twice_give_each_recording_once_and_the_oldest_first(rig):
    groups = [range(n, n + 7) for n in range(0, 70, 7)]
    parts = [part(each, 70) for each in [*groups, groups[2], groups[0]]]
    random.Random(3).shuffle(parts)
    rig.line.on_send = lambda asked: tell(rig, asked, parts)
    result = await find(rig)
    assert (result.complete, numbers(result)) == (True, list(range(70)))


async def test_a_list_that_stops_short_is_returned_as_what_it_is_after_the_gap(rig, loop):
    rig.line.on_send = lambda asked: tell(rig, asked, [part(range(n, n + 9), 299) for n in range(0, 261, 9)])
    before = loop.time()
    result = await find(rig)
    assert (len(result.records), result.announced, result.complete) == (261, 299, False)
    assert 5.0 <= loop.time() - before < 8.0


async def test_a_list_that_drips_ends_after_a_minute(rig, loop):
    rig.line.on_send = lambda asked: tell(rig, asked, [part([n], 100) for n in range(100)], gap_s=4.0)
    before = loop.time()
    assert not (await find(rig)).complete
    assert loop.time() - before == pytest.approx(60.0, abs=0.1)


@pytest.mark.parametrize("listed", [True, False])
async def test_nothing_recorded_is_an_empty_list(rig, listed):
    empty = [Element("RecordList", attributes={"Num": "0"})] if listed else []
    rig.line.on_send = lambda asked: rig.answers(asked, [Element("SumNum", "0"), *empty])
    result = await find(rig)
    assert (result.records, result.complete) == ((), True)


async def test_silence_is_no_empty_list(rig, loop):
    before = loop.time()
    with pytest.raises(Unconfirmed):
        await find(rig)
    assert loop.time() - before == pytest.approx(15.0, abs=0.1)


async def test_a_channel_is_searched_once_at_a_time_and_another_one_meanwhile(rig):
    open_, most = {}, {}

    def answer(asked):
        open_[asked.code] = open_.get(asked.code, 0) + 1
        most[asked.code] = max(most.get(asked.code, 0), open_[asked.code])
        tell(rig, asked, [part([1], 2, asked.code), part([2], 2, asked.code)], gap_s=1.0)
        asyncio.get_running_loop().call_later(1.02, lambda: open_.update({asked.code: 0}))

    rig.line.on_send = answer
    found = await asyncio.gather(*(find(rig, each) for each in (CHANNEL, CHANNEL, SECOND, CHANNEL)))
    assert most == {CHANNEL: 1, SECOND: 1}
    assert rig.line.sent[0].code != rig.line.sent[1].code
    assert [{each.code for each in result.records} for result in found] == [
        {CHANNEL},
        {CHANNEL},
        {SECOND},
        {CHANNEL},
    ]


async def test_parts_of_two_channels_in_turn_stay_apart(rig):
    searching = [asyncio.create_task(find(rig, each)) for each in (CHANNEL, SECOND)]
    await rig.asked(2)
    for number in range(5):
        for asked in rig.line.sent:
            rig.answers(asked, part([number], 5, asked.code), after_s=0.1 + number)
    for channel, each in zip((CHANNEL, SECOND), await asyncio.gather(*searching), strict=True):
        assert (numbers(each), {one.code for one in each.records}) == ([0, 1, 2, 3, 4], {channel})
