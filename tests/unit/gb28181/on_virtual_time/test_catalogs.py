"""Catalogs as devices send them: in parts, late, twice, short of what they announce (GB-102 to GB-106, GB-113)."""

import asyncio
import random
from itertools import pairwise

import pytest

from cambus.gb28181.catalog_assembly import Outcome
from cambus.gb28181.errors import DeviceOffline
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.xml import Element


def code(number):
    return f"3402000000131{number:07d}"


def part(numbers, announced):
    items = [Element("Item").add("DeviceID", code(n)).add("Name", f"camera {n}") for n in numbers]
    listed = Element("DeviceList", children=items, attributes={"Num": str(len(items))})
    return [Element("SumNum", str(announced)), *([listed] if items else [])]


def codes(result):
    return {int(each[13:]) for each in result.items}


def tell(rig, asked, parts, *, gap_s=0.05, start_s=0.02):
    for at, each in enumerate(parts):
        rig.answers(asked, each, after_s=start_s + at * gap_s)


async def test_parts_of_one_item_in_any_order_and_twice_make_one_catalog(rig):
    numbers = [*range(60), 3, 59, 0]
    random.Random(1).shuffle(numbers)
    rig.line.on_send = lambda asked: tell(rig, asked, [part([n], 60) for n in numbers])
    result = await rig.device.catalog(now=rig.now)
    assert (result.outcome, codes(result), result.announced) == (Outcome.COMPLETE, set(range(60)), 60)


async def test_all_parts_at_once_are_no_matter(rig):
    rig.line.on_send = lambda asked: tell(rig, asked, [part([n], 40) for n in range(40)], gap_s=0.0)
    assert codes(await rig.device.catalog(now=rig.now)) == set(range(40))


async def test_it_ends_as_soon_as_all_are_there_and_it_is_quiet(rig, loop):
    rig.line.on_send = lambda asked: tell(rig, asked, [part([1, 2], 2)])
    before = loop.time()
    await rig.device.catalog(now=rig.now)
    assert loop.time() - before == pytest.approx(0.02 + 0.3, abs=0.05)


async def test_fewer_than_announced_end_as_partial_after_the_gap_with_both_numbers(rig, loop):
    rig.line.on_send = lambda asked: tell(rig, asked, [part([1, 2], 9)])
    before = loop.time()
    result = await rig.device.catalog(now=rig.now)
    assert (result.outcome, len(result.items), result.announced) == (Outcome.PARTIAL, 2, 9)
    assert loop.time() - before == pytest.approx(5.0, abs=0.1)


async def test_a_number_announced_for_each_message_still_yields_all(rig):
    rig.line.on_send = lambda asked: tell(
        rig, asked, [part([4 * n + m for m in range(4)], 4) for n in range(10)]
    )
    result = await rig.device.catalog(now=rig.now)
    assert (result.outcome, codes(result)) == (Outcome.COMPLETE, set(range(40)))


async def test_parts_that_come_late_are_merged_and_told(rig):
    anew = []
    rig.line.on_send = lambda asked: tell(rig, asked, [part([1], 3), part([2], 3), part([3], 3)], gap_s=9.0)
    first = await rig.device.catalog(now=rig.now, on_late=anew.append)
    assert (first.outcome, codes(first)) == (Outcome.PARTIAL, {1})
    await asyncio.sleep(30.0)
    assert [(each.outcome, codes(each)) for each in anew] == [
        (Outcome.PARTIAL, {1, 2}),
        (Outcome.COMPLETE, {1, 2, 3}),
    ]


async def test_parts_that_come_after_a_minute_count_no_more(rig):
    anew = []
    rig.line.on_send = lambda asked: tell(rig, asked, [part([1], 2), part([2], 2)], gap_s=70.0)
    await rig.device.catalog(now=rig.now, on_late=anew.append)
    await asyncio.sleep(100.0)
    assert not anew


async def test_two_catalogs_at_a_time_do_not_mix(rig):
    answers = iter([[part([1], 2), part([2], 2)], [part([7], 1)]])
    rig.line.on_send = lambda asked: tell(rig, asked, next(answers), gap_s=1.0)
    one, two = await asyncio.gather(rig.device.catalog(now=rig.now), rig.device.catalog(code(9), now=rig.now))
    assert (codes(one), codes(two)) == ({1, 2}, {7})


async def test_a_late_part_of_one_catalog_does_not_get_into_the_next(rig):
    answers = iter([[part([1], 2), part([2], 2)], [part([7], 1)]])
    rig.line.on_send = lambda asked: tell(rig, asked, next(answers), gap_s=5.3)
    await rig.device.catalog(now=rig.now)
    assert codes(await rig.device.catalog(now=rig.now)) == {7}


async def test_no_part_at_all_is_asked_for_again_twice_and_then_failed(rig, loop):
    asked_at = []
    rig.line.on_send = lambda _: asked_at.append(loop.time())
    result = await rig.device.catalog(now=rig.now)
    assert (result.outcome, result.items) == (Outcome.FAILED, {})
    assert [round(b - a) for a, b in pairwise(asked_at)] == [
        40,
        90,
    ]  # 30 s of waiting in each


async def test_a_device_that_goes_ends_the_waiting_between_two_attempts(rig):
    asking = asyncio.create_task(rig.device.catalog(now=rig.now))
    await rig.asked()
    await asyncio.sleep(35.0)
    rig.device.gone()
    with pytest.raises(DeviceOffline):
        await asking


async def test_an_answer_to_the_second_attempt_is_enough(rig):
    def answer(asked):
        if len(rig.line.sent) == 2:
            tell(rig, asked, [part([1], 1)])

    rig.line.on_send = answer
    assert codes(await rig.device.catalog(now=rig.now)) == {1}


@pytest.mark.parametrize("listed", [True, False])
async def test_an_empty_catalog_is_complete(rig, listed):
    empty = Element("DeviceList", attributes={"Num": "0"})
    rig.line.on_send = lambda asked: rig.answers(
        asked, [Element("SumNum", "0"), *([empty] if listed else [])]
    )
    result = await rig.device.catalog(now=rig.now)
    assert (result.outcome, result.items) == (Outcome.COMPLETE, {})


@pytest.mark.parametrize(
    "node", ["34020000", "34020000002150000001", "34020000002160000001", "34020000002000000001"]
)
async def test_a_part_of_the_catalog_is_asked_for_by_its_node_and_by_time(rig, node):
    rig.line.on_send = lambda asked: tell(rig, asked, [part([1], 1)])
    await rig.device.catalog(node, now=rig.now, start="2024-05-01T00:00:00", end="2024-05-02T00:00:00")
    (asked,) = rig.line.sent
    assert isinstance(asked, Envelope)
    assert (asked.code, asked.element.get("StartTime"), asked.element.get("EndTime")) == (
        node,
        "2024-05-01T00:00:00",
        "2024-05-02T00:00:00",
    )


async def test_without_a_time_none_is_said(rig):
    rig.line.on_send = lambda asked: tell(rig, asked, [part([1], 1)])
    await rig.device.catalog(now=rig.now)
    assert [each.name for each in rig.line.sent[0].element.children] == ["CmdType", "SN", "DeviceID"]
