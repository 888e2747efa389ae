"""A camera that was set in motion is stopped: on release, when its operator is gone, and after 30 s in any case."""

import asyncio

import pytest

from cambus.connector_dvrip.motion import Motions, Movement
from cambus.dvrip.errors import ConnectionLost, DeviceError
from cambus.dvrip.messages.ptz import Move
from cambus.schemas.commands.ptz import MAX_MOVE_S

pytestmark = pytest.mark.asyncio
RIGHT = Movement(Move.RIGHT, 4)
UP = Movement(Move.UP, 2)


class Head:
    """Notes what it hears, and when."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.heard = []
        self.fails = 0
        self.answer = asyncio.Event()
        self.answer.set()

    async def start(self, channel, move, speed=5):
        self.heard.append(("start", channel, move, round(self.loop.time() - self.began, 1)))
        await self.answer.wait()

    async def stop(self, channel, move, speed=5):
        if self.fails:
            self.fails -= 1
            raise ConnectionLost("in between")
        self.heard.append(("stop", channel, move, round(self.loop.time() - self.began, 1)))


@pytest.fixture
async def head():
    return Head()


@pytest.fixture
async def motions(head):
    made = Motions("gate-1", head)
    yield made
    await made.close()


async def test_the_longest_movement_there_is_lasts_thirty_seconds():
    assert MAX_MOVE_S == 30


async def test_release_stops_at_once(head, motions):
    await motions.move(0, [RIGHT], MAX_MOVE_S)
    await asyncio.sleep(1)
    await motions.stop(0)
    assert head.heard == [("start", 0, Move.RIGHT, 0.0), ("stop", 0, Move.RIGHT, 1.0)]
    await asyncio.sleep(60)
    assert len(head.heard) == 2


@pytest.mark.parametrize("duration_s", [0.5, 30.0])
async def test_an_operator_who_is_never_heard_of_again_leaves_nothing_turning(head, motions, duration_s):
    await motions.move(1, [RIGHT, UP], duration_s)
    await asyncio.sleep(60)
    assert head.heard[2:] == [("stop", 1, Move.RIGHT, duration_s), ("stop", 1, Move.UP, duration_s)]
    assert motions.channels == frozenset()


async def test_a_caller_who_goes_before_the_start_is_answered_leaves_nothing_turning(head, motions):
    head.answer.clear()
    moving = asyncio.create_task(motions.move(0, [RIGHT], MAX_MOVE_S))
    await asyncio.sleep(1)
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert head.heard == [("start", 0, Move.RIGHT, 0.0), ("stop", 0, Move.RIGHT, 1.0)]


async def test_a_start_the_device_refuses_is_stopped_all_the_same(head, motions):
    async def refuse(channel, move, speed=5):
        raise DeviceError(118)

    head.start = refuse
    with pytest.raises(DeviceError):
        await motions.move(0, [RIGHT], MAX_MOVE_S)
    await asyncio.sleep(0.1)
    assert [what for what, *_ in head.heard] == ["stop"]


async def test_each_further_command_gives_thirty_seconds_more(head, motions):
    for _ in range(3):
        await motions.move(0, [RIGHT], MAX_MOVE_S)
        await asyncio.sleep(20)
    assert all(what == "start" for what, *_ in head.heard)
    await asyncio.sleep(11)
    assert head.heard[-1] == ("stop", 0, Move.RIGHT, 70.0)


async def test_a_stop_that_fails_once_is_sent_again(head, motions):
    await motions.move(0, [RIGHT], 5.0)
    head.fails = 1
    await asyncio.sleep(6)
    assert head.heard[-1] == ("stop", 0, Move.RIGHT, 5.0)


@pytest.mark.parametrize("instead", ["stop", "another movement"])
async def test_a_stop_that_is_refused_or_cut_short_is_sent_again_at_once(head, motions, instead):
    async def end(channel):
        await (motions.stop(channel) if instead == "stop" else motions.move(channel, [UP], MAX_MOVE_S))

    await motions.move(0, [RIGHT], MAX_MOVE_S)
    head.fails = 1
    with pytest.raises(ConnectionLost):
        await end(0)
    await asyncio.sleep(0.1)
    assert head.heard[-1] == ("stop", 0, Move.RIGHT, 0.0)

    stop, busy = head.stop, asyncio.Event()

    async def wait_for_the_line(channel, move, speed=5):
        await busy.wait()
        await stop(channel, move, speed)

    await motions.move(1, [RIGHT], MAX_MOVE_S)
    head.stop = wait_for_the_line
    ending = asyncio.create_task(end(1))
    await asyncio.sleep(1)
    ending.cancel()  # the caller's deadline
    await asyncio.gather(ending, return_exceptions=True)
    busy.set()
    await asyncio.sleep(0.1)
    assert head.heard[-1][:3] == ("stop", 1, Move.RIGHT)


async def test_the_end_of_the_session_stops_what_moves(head, motions):
    await motions.move(0, [RIGHT], MAX_MOVE_S)
    await motions.move(3, [UP], MAX_MOVE_S)
    await motions.close()
    assert {(what, channel) for what, channel, *_ in head.heard[2:]} == {("stop", 0), ("stop", 3)}
