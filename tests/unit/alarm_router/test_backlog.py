"""What is waited for after a change of duty."""

import asyncio

import pytest

from cambus.alarm_router.backlog import Backlog

LONG = 3600.0


@pytest.fixture
async def backlog() -> Backlog:
    return Backlog(LONG)


async def test_nothing_is_waited_for_when_everything_is_settled(backlog: Backlog) -> None:
    assert not backlog.older("a", 7)
    backlog.settled("a", 7)


async def test_older_events_of_the_device_are_waited_for_and_no_others(backlog: Backlog) -> None:
    backlog.expect({"a": [3, 5], "b": [4]}, 3, LONG)
    assert not backlog.older("c", 9)
    assert not backlog.older("a", 3)
    assert backlog.older("a", 5)
    backlog.settled("a", 3)
    backlog.settled("b", 4)
    assert not backlog.older("a", 5)
    assert backlog.older("a", 9)
    backlog.settled("a", 5)
    assert not backlog.older("a", 9)
    backlog.forget()


async def test_when_all_that_was_unsettled_has_come_the_rest_is_not_waited_for(backlog: Backlog) -> None:
    backlog.expect({"a": [3, 5], "b": [4]}, 1, LONG)
    backlog.settled("b", 4)  # so both of a were settled before
    assert not backlog.older("a", 9)


async def test_the_same_event_counts_once_and_a_new_one_not_at_all(backlog: Backlog) -> None:
    backlog.expect({"a": [3], "b": [4, 6]}, 2, LONG)
    for seq in (4, 4, 5, 7):
        backlog.settled("b", seq)
    assert backlog.older("a", 9)
    backlog.settled("b", 6)
    assert not backlog.older("a", 9)


async def test_what_never_comes_is_not_waited_for_for_ever(backlog: Backlog) -> None:
    given_up = asyncio.Event()
    backlog.on_news = given_up.set
    backlog.expect({"a": [3]}, 1, 0.01)
    given_up.clear()
    await asyncio.wait_for(given_up.wait(), 10)
    assert not backlog.older("a", 9)


async def test_who_waits_is_told_of_every_change(backlog: Backlog) -> None:
    told: list[bool] = []
    backlog.on_news = lambda: told.append(backlog.older("a", 9))
    backlog.expect({"a": [3, 5]}, 2, LONG)
    backlog.settled("a", 3)
    backlog.settled("a", 5)
    assert told == [False, True, False]


@pytest.mark.parametrize("why", ["others come", "NATS is away", "NATS was away"])
async def test_it_is_waited_for_while_there_is_reason_to(why: str) -> None:
    away = why == "NATS is away"
    backlog = Backlog(LONG, lambda: not away)
    backlog.expect({"a": [3], "b": [4]}, 2, 1.0)
    assert not backlog.over.is_set()
    loop = asyncio.get_running_loop()
    backlog._heard_at = loop.time() - 2.0  # so long nothing has come
    if why == "others come":
        backlog.settled("b", 4)
    elif why == "NATS was away":
        backlog.more_time()
    backlog._give_up()
    assert backlog.older("a", 9)
    away = False
    backlog._heard_at = loop.time() - 2.0
    backlog._give_up()
    assert not backlog.older("a", 9)
    assert backlog.over.is_set()


async def test_but_not_for_ever() -> None:
    backlog = Backlog(LONG)
    backlog.expect({"a": [3]}, 2, 1.0)
    backlog._until = asyncio.get_running_loop().time()
    backlog.more_time()
    backlog._give_up()
    assert not backlog.older("a", 9)


async def test_how_many_are_to_come_again_is_known(backlog: Backlog) -> None:
    backlog.expect({"a": [3, 5], "b": [4]}, 3, LONG)
    assert backlog.unsettled == 3
    backlog.settled("b", 4)
    assert backlog.unsettled == 2
    backlog.forget()
    assert backlog.unsettled == 0
