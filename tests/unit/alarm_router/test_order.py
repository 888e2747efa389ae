"""Events of a device begin one by one, the oldest first."""

import asyncio

import pytest

from cambus.alarm_router.backlog import Backlog
from cambus.alarm_router.order import Order

LONG = 3600.0


class Events:
    """Events that want to begin, and the order in which they did."""

    def __init__(self, settle_s: float = 0.01) -> None:
        self.backlog = Backlog(LONG)
        self.begun: list[tuple[str, int]] = []
        self.held = asyncio.Event()
        self.held.set()
        self._order = Order(self.backlog, settle_s)
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, device: str, seq: int, *, again: bool = False) -> asyncio.Task[None]:
        task = asyncio.create_task(self._one(device, seq, again=again))
        self._tasks.append(task)
        await self.rest()
        return task

    async def _one(self, device: str, seq: int, *, again: bool) -> None:
        async with self._order.turn(device, seq, again=again):
            self.begun.append((device, seq))
            await self.held.wait()

    @staticmethod
    async def rest() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def over(self) -> list[tuple[str, int]]:
        await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 10)
        assert self._order._lanes == {}
        return self.begun


@pytest.fixture
async def events() -> Events:
    return Events()


async def test_new_events_begin_at_once(events: Events) -> None:
    await events.come("a", 1)
    await events.come("b", 2)
    assert await events.over() == [("a", 1), ("b", 2)]


async def test_one_begins_when_the_one_before_has(events: Events) -> None:
    events.held.clear()
    for seq in (1, 3, 2):
        await events.come("a", seq)
    await events.come("b", 4)
    assert events.begun == [("a", 1), ("b", 4)]
    events.held.set()
    assert await events.over() == [("a", 1), ("b", 4), ("a", 2), ("a", 3)]


async def test_what_comes_again_is_collected_and_put_in_order_with_what_is_new() -> None:
    events = Events(settle_s=0.5)
    await events.come("a", 3, again=True)
    await events.come("a", 4)
    await events.come("a", 1, again=True)
    await events.come("b", 5)
    await events.come("a", 2, again=True)
    assert events.begun == [("b", 5)]
    assert await events.over() == [("b", 5), ("a", 1), ("a", 2), ("a", 3), ("a", 4)]


async def test_what_is_new_waits_for_older_ones_that_may_come_again(events: Events) -> None:
    events.backlog.expect({"a": [1, 2]}, 2, LONG)
    await events.come("a", 4)
    await events.come("a", 3)
    assert events.begun == []
    for seq in (2, 1):
        await events.come("a", seq)
        events.backlog.settled("a", seq)
    assert await events.over() == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]


async def test_when_nothing_is_waited_for_any_more_the_oldest_goes_first(events: Events) -> None:
    events.backlog.expect({"a": [1]}, 1, LONG)
    for seq in (4, 2, 3):
        await events.come("a", seq)
    events.backlog.forget()
    assert await events.over() == [("a", 2), ("a", 3), ("a", 4)]


@pytest.mark.parametrize("begun", [False, True])
async def test_one_that_is_cancelled_stops_nobody(events: Events, begun: bool) -> None:
    events.held.clear()
    tasks = [await events.come("a", seq) for seq in (1, 2, 3)]
    tasks[0 if begun else 1].cancel()
    events.held.set()
    assert (await events.over())[-1] == ("a", 3)


async def test_one_that_is_cancelled_as_its_turn_comes_stops_nobody(events: Events) -> None:
    events.held.clear()
    first, second, _ = [await events.come("a", seq) for seq in (1, 2, 3)]
    first.add_done_callback(lambda _: second.cancel())
    events.held.set()
    assert (await events.over())[-1] == ("a", 3)
