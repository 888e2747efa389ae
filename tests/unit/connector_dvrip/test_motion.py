"""Movements that always end, on a clock that jumps."""

import asyncio

import pytest

from cambus.connector_dvrip.motion import Motions, Movement, movements_of, speed_of
from cambus.dvrip.errors import ConnectionLost
from cambus.dvrip.messages.ptz import Move


class Control:
    def __init__(self):
        self.heard = []
        self.refuse = None

    async def start(self, channel, move, speed=5):
        await self._take("start", channel, move, speed)

    async def stop(self, channel, move, speed=5):
        await self._take("stop", channel, move, speed)

    async def _take(self, what, channel, move, speed):
        await asyncio.sleep(0)
        self.heard.append((what, channel, move))
        if self.refuse == what:
            raise ConnectionLost("gone")


@pytest.fixture
def control():
    return Control()


@pytest.fixture
async def motions(control):
    made = Motions("gate-1", control)
    yield made
    await made.close()


RIGHT = [Movement(Move.RIGHT, 4)]


async def test_nobody_turns_for_ever(motions, control):
    await motions.move(0, RIGHT, 30.0)
    await asyncio.sleep(29.9)
    assert control.heard == [("start", 0, Move.RIGHT)]
    await asyncio.sleep(0.2)
    assert control.heard[-1] == ("stop", 0, Move.RIGHT)
    assert not motions.channels


async def test_moving_on_renews_the_time_without_a_stop(motions, control):
    for _ in range(5):
        await motions.move(0, RIGHT, 30.0)
        await asyncio.sleep(20)
    assert [what for what, _, _ in control.heard] == ["start"] * 5
    await asyncio.sleep(11)
    assert control.heard[-1][0] == "stop"


async def test_a_stop_cancels_the_dead_mans_stop(motions, control):
    await motions.move(0, RIGHT, 30.0)
    await motions.stop(0)
    await asyncio.sleep(60)
    assert [what for what, _, _ in control.heard] == ["start", "stop"]


async def test_a_stop_reaches_a_camera_somebody_else_moves(motions, control):
    await motions.stop(3)
    assert control.heard == [("stop", 3, Move.UP)]


async def test_channels_move_and_stop_apart(motions, control):
    await motions.move(0, RIGHT, 10.0)
    await motions.move(1, [Movement(Move.UP, 1)], 20.0)
    await asyncio.sleep(11)
    assert motions.channels == {1}
    await motions.stop(1)
    assert control.heard[-2:] == [("stop", 0, Move.RIGHT), ("stop", 1, Move.UP)]


async def test_a_start_that_failed_is_stopped_all_the_same(motions, control):
    control.refuse = "start"
    with pytest.raises(ConnectionLost):
        await motions.move(0, RIGHT, 30.0)
    control.refuse = None
    await asyncio.sleep(0.1)
    assert control.heard[-1] == ("stop", 0, Move.RIGHT)


async def test_a_start_that_was_cancelled_is_stopped_all_the_same(motions, control):
    task = asyncio.create_task(motions.move(0, RIGHT, 30.0))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert ("stop", 0, Move.RIGHT) in control.heard


async def test_a_stop_that_fails_is_tried_again(motions, control, caplog):
    await motions.move(0, RIGHT, 1.0)
    control.refuse = "stop"
    await asyncio.sleep(2)
    assert [what for what, _, _ in control.heard] == ["start", "stop", "stop"]
    assert "movement not stopped" in caplog.text
    assert motions.channels == {0}
    control.refuse = None
    await asyncio.sleep(5)
    assert [what for what, _, _ in control.heard][3:] == ["stop"]
    assert not motions.channels


async def test_what_goes_on_in_another_direction_stops_in_the_first(motions, control):
    await motions.move(0, [*RIGHT, Movement(Move.ZOOM_IN, 1)], 30.0)
    await motions.move(0, [Movement(Move.LEFT, 4), Movement(Move.ZOOM_IN, 1)], 30.0)
    assert control.heard[2:] == [("stop", 0, Move.RIGHT), ("start", 0, Move.LEFT), ("start", 0, Move.ZOOM_IN)]
    await motions.stop(0)
    assert set(control.heard[5:]) == {("stop", 0, Move.LEFT), ("stop", 0, Move.ZOOM_IN)}


async def test_closing_stops_everything(motions, control):
    await motions.move(0, RIGHT, 30.0)
    await motions.move(1, [Movement(Move.ZOOM_IN, 1), Movement(Move.UP, 2)], 30.0)
    await motions.close()
    assert {entry[1:] for entry in control.heard if entry[0] == "stop"} == {
        (0, Move.RIGHT),
        (1, Move.ZOOM_IN),
        (1, Move.UP),
    }


async def test_closing_does_not_wait_for_a_device_that_hangs(motions, control, loop):
    await motions.move(0, RIGHT, 30.0)

    async def hang(*args):
        await asyncio.Event().wait()

    control.stop = hang
    began = loop.time()
    await motions.close()
    assert loop.time() - began <= 1.1


@pytest.mark.parametrize(
    ("speed", "step"), [(1.0, 8), (-1.0, 8), (0.5, 4), (0.01, 1), (0.0, 1), (0.99, 8), (0.13, 1)]
)
def test_speeds_have_eight_steps(speed, step):
    assert speed_of(speed) == step


def test_eight_directions_and_zoom():
    assert movements_of(0, 0, 0) == []
    assert movements_of(-0.5, -1, 0) == [Movement(Move.LEFT_DOWN, 8)]
    assert movements_of(0, 0, -0.2) == [Movement(Move.ZOOM_OUT, 2)]
    assert [each.move for each in movements_of(1, 0, 1)] == [Move.RIGHT, Move.ZOOM_IN]
