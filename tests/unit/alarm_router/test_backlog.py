"""Who waits for whom after a change of duty."""

import asyncio

import pytest

from cambus.alarm_router.backlog import Backlog

LONG = 3600.0


@pytest.fixture
async def backlog() -> Backlog:
    return Backlog(LONG)


def expect(backlog: Backlog, found: dict[str, list[int]], count: int, *, within_s: float = LONG) -> None:
    backlog.expect(found, count, asyncio.get_running_loop().time() + within_s)


async def waits(backlog: Backlog, device: str, seq: int) -> asyncio.Task[None]:
    waiting = asyncio.create_task(backlog.older_first(device, seq))
    for _ in range(3):
        await asyncio.sleep(0)
    return waiting


async def test_nobody_waits_when_everything_is_settled(backlog: Backlog) -> None:
    await backlog.older_first("a", 7)
    backlog.settled("a", 7)


async def test_an_event_waits_for_the_older_ones_of_its_device_and_for_no_others(backlog: Backlog) -> None:
    expect(backlog, {"a": [3, 5], "b": [4]}, 3)
    await backlog.older_first("c", 9)
    await backlog.older_first("a", 3)
    waiting = await waits(backlog, "a", 9)
    backlog.settled("a", 3)
    backlog.settled("b", 4)
    assert not waiting.done()
    backlog.settled("a", 5)
    await asyncio.wait_for(waiting, 10)


async def test_what_comes_again_in_the_wrong_order_waits_too(backlog: Backlog) -> None:
    expect(backlog, {"a": [3, 5]}, 2)
    younger = await waits(backlog, "a", 5)
    await backlog.older_first("a", 3)
    assert not younger.done()
    backlog.settled("a", 3)
    await asyncio.wait_for(younger, 10)


async def test_when_all_that_was_unsettled_has_come_nobody_waits_for_the_rest(backlog: Backlog) -> None:
    expect(backlog, {"a": [3, 5], "b": [4]}, 1)
    waiting = await waits(backlog, "a", 9)
    backlog.settled("b", 4)  # so both of a were settled before
    await asyncio.wait_for(waiting, 10)


async def test_the_same_event_counts_once(backlog: Backlog) -> None:
    expect(backlog, {"a": [3], "b": [4, 6]}, 2)
    waiting = await waits(backlog, "a", 9)
    backlog.settled("b", 4)
    backlog.settled("b", 4)
    backlog.settled("b", 5)
    assert not waiting.done()
    backlog.settled("b", 6)
    await asyncio.wait_for(waiting, 10)


async def test_what_never_comes_is_not_waited_for_for_ever(backlog: Backlog) -> None:
    expect(backlog, {"a": [3]}, 1, within_s=0.01)
    await asyncio.wait_for(backlog.older_first("a", 9), 10)
    await backlog.older_first("a", 10)


async def test_who_goes_off_duty_waits_no_longer(backlog: Backlog) -> None:
    expect(backlog, {"a": [3]}, 1)
    waiting = await waits(backlog, "a", 9)
    backlog.forget()
    await asyncio.wait_for(waiting, 10)
