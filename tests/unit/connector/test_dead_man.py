"""Movements that always end, on a clock that jumps."""

import asyncio

import pytest

from cambus.connector.dead_man import AGAIN_S, CLOSE_S, DeadMan


class GoneError(Exception):
    """The device does not do it."""


class Camera:
    """Takes starts and stops, or not."""

    def __init__(self):
        self.heard = []
        self.refuses = set()

    def act(self, what):
        async def take():
            await asyncio.sleep(0)
            self.heard.append(what)
            if what in self.refuses:
                raise GoneError("gone")

        return take


@pytest.fixture
def camera():
    return Camera()


@pytest.fixture
async def motions(camera):
    made = DeadMan("gate-1", GoneError)
    yield made
    camera.refuses.clear()
    await made.close()


async def move(motions, camera, key=0, duration_s=30.0):
    await motions.move(key, camera.act("start"), camera.act("stop"), duration_s)


async def test_nobody_turns_for_ever(motions, camera):
    await move(motions, camera)
    await asyncio.sleep(29.9)
    assert camera.heard == ["start"]
    await asyncio.sleep(0.2)
    assert camera.heard == ["start", "stop"]
    assert not motions.moving


async def test_moving_on_renews_the_time_without_a_stop(motions, camera):
    for _ in range(5):
        await move(motions, camera)
        await asyncio.sleep(20)
    assert camera.heard == ["start"] * 5
    await asyncio.sleep(11)
    assert camera.heard[-1] == "stop"


async def test_a_stop_cancels_the_dead_mans_stop(motions, camera):
    await move(motions, camera)
    await motions.stop(0, camera.act("stop"))
    await asyncio.sleep(60)
    assert camera.heard == ["start", "stop"]


async def test_a_stop_reaches_a_camera_somebody_else_moves(motions, camera):
    await motions.stop(0, camera.act("stop"))
    assert camera.heard == ["stop"]


async def test_what_moves_apart_is_stopped_apart(motions, camera):
    await move(motions, camera, 0, 10.0)
    await move(motions, camera, 1, 20.0)
    await asyncio.sleep(11)
    assert motions.moving == {1}


async def test_what_was_forgotten_is_not_stopped(motions, camera):
    await move(motions, camera)
    motions.forget(0)
    await asyncio.sleep(60)
    assert camera.heard == ["start"]


async def test_a_start_that_failed_is_stopped_all_the_same(motions, camera):
    camera.refuses = {"start"}
    with pytest.raises(GoneError):
        await move(motions, camera)
    await asyncio.sleep(0.1)
    assert camera.heard == ["start", "stop"]


async def test_a_start_that_was_cancelled_is_stopped_all_the_same(motions, camera):
    task = asyncio.create_task(move(motions, camera))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert camera.heard[-1] == "stop"


async def test_a_stop_that_is_refused_is_tried_until_it_is_heard(motions, camera, caplog):
    await move(motions, camera)
    camera.refuses = {"stop"}
    with pytest.raises(GoneError):
        await motions.stop(0, camera.act("stop"))
    await asyncio.sleep(2 * AGAIN_S + 0.5)
    assert camera.heard.count("stop") == 4
    assert motions.moving == {0}
    assert "movement not stopped" in caplog.text
    camera.refuses.clear()
    await asyncio.sleep(60)
    assert camera.heard.count("stop") == 5
    assert not motions.moving


async def test_a_stop_that_is_cut_short_is_sent_all_the_same(motions, camera):
    await move(motions, camera)
    task = asyncio.create_task(motions.stop(0, camera.act("stop")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert camera.heard == ["start", "stop"]
    assert not motions.moving


async def test_a_movement_begun_meanwhile_is_not_stopped_for_the_one_before(motions, camera):
    await move(motions, camera, duration_s=1.0)
    camera.refuses = {"stop"}
    await asyncio.sleep(1.1)
    camera.refuses.clear()
    await move(motions, camera)
    await asyncio.sleep(20)
    assert camera.heard == ["start", "stop", "start"]


async def test_closing_stops_everything(motions, camera):
    await move(motions, camera, 0)
    await move(motions, camera, 1)
    await motions.close()
    assert camera.heard.count("stop") == 2
    assert not motions.moving


async def test_closing_does_not_wait_for_a_device_that_hangs(motions, camera, loop):
    async def hang():
        await asyncio.Event().wait()

    await motions.move(0, camera.act("start"), hang, 30.0)
    began = loop.time()
    await motions.close()
    assert loop.time() - began <= CLOSE_S + 0.1
