"""Work in a row, without a task where there is none."""

import asyncio
from collections import deque

from cambus.connector.lane import Lane


def tasks() -> set[asyncio.Task[None]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


class Bench:
    """Does pieces one after the other, each when it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.go = asyncio.Event()
        self.at_work = asyncio.Event()

    async def work(self, waiting: deque[str]) -> None:
        piece = waiting.popleft()
        self.begun.append(piece)
        self.at_work.set()
        if piece == "bad":
            raise ValueError(piece)
        await self.go.wait()
        self.done.append(piece)


async def settle() -> None:
    while tasks():
        await asyncio.wait(tasks())


async def test_pieces_are_done_in_their_order_and_then_no_task_is_left() -> None:
    bench = Bench()
    lane = Lane[str]("lane", 10, bench.work)
    lane.begin()
    assert not tasks()
    bench.go.set()
    assert lane.put("a")
    assert lane.put("b")
    await settle()
    assert lane.put("c")
    await settle()
    assert bench.done == ["a", "b", "c"]


async def test_what_comes_before_the_beginning_waits() -> None:
    bench = Bench()
    bench.go.set()
    lane = Lane[str]("lane", 10, bench.work)
    assert lane.put("early")
    assert not tasks()
    lane.begin()
    await settle()
    assert bench.done == ["early"]


async def test_only_so_many_wait() -> None:
    bench = Bench()
    lane = Lane[str]("lane", 2, bench.work)
    lane.begin()
    lane.put("a")
    await bench.at_work.wait()
    assert [lane.put(piece) for piece in "bcd"] == [True, True, False]
    bench.go.set()
    await settle()
    assert bench.done == ["a", "b", "c"]


async def test_what_was_not_begun_is_handed_back_at_the_end() -> None:
    bench = Bench()
    lane = Lane[str]("lane", 10, bench.work)
    lane.begin()
    lane.put("a")
    lane.put("b")
    await bench.at_work.wait()
    assert await lane.close() == ["b"]
    assert not tasks()
    assert bench.done == []
    assert lane.put("late")
    assert not tasks()


async def test_a_piece_that_fails_does_not_stop_the_next() -> None:
    bench = Bench()
    bench.go.set()
    lane = Lane[str]("lane", 10, bench.work)
    lane.begin()
    for piece in ("bad", "good"):
        lane.put(piece)
    await settle()
    assert bench.begun == ["bad", "good"]
    assert bench.done == ["good"]


async def test_work_that_fails_before_it_took_anything_loses_that_piece_alone() -> None:
    seen: list[str] = []

    async def work(waiting: deque[str]) -> None:
        seen.append(waiting[0])
        if waiting[0] == "bad":
            raise ValueError
        waiting.popleft()

    lane = Lane[str]("lane", 10, work)
    lane.begin()
    for piece in ("bad", "good"):
        lane.put(piece)
    await settle()
    assert seen == ["bad", "good"]
