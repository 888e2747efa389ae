"""Frames are due by their time stamps, bytes at their rate; the clock here jumps instead of waiting."""

import asyncio
import itertools

import pytest

from cambus.connector_dvrip.pacing import LATE_S, Pacer
from cambus.connector_dvrip.throttle import Throttle

TICKS = 90_000


async def test_frames_are_due_as_far_apart_as_their_stamps(loop):
    pacer, times = Pacer(), []
    for pts in range(1_000_000, 1_000_000 + 10 * TICKS, TICKS // 10):
        await pacer.wait(pts)
        times.append(loop.time())
    assert [after - before for before, after in itertools.pairwise(times)] == pytest.approx([0.1] * 99)


async def test_a_source_that_is_late_is_not_caught_up_with(loop):
    pacer = Pacer()
    await pacer.wait(0)
    await asyncio.sleep(LATE_S + 5)
    await pacer.wait(TICKS)
    began = loop.time()
    await pacer.wait(2 * TICKS)
    assert loop.time() - began == pytest.approx(1.0)


async def test_a_little_lateness_is_made_up_for(loop):
    pacer = Pacer()
    await pacer.wait(0)
    began = loop.time()
    await asyncio.sleep(LATE_S - 0.1)
    await pacer.wait(TICKS // 100)
    await pacer.wait(TICKS)
    assert loop.time() - began == pytest.approx(1.0)


async def test_held_nothing_is_due_and_then_at_once(loop):
    pacer = Pacer()
    await pacer.wait(0)
    pacer.hold()
    waiting = asyncio.create_task(pacer.wait(TICKS))
    await asyncio.sleep(100)
    assert not waiting.done()
    began = loop.time()
    pacer.go()
    await waiting
    assert loop.time() == began


async def test_holding_catches_a_frame_that_is_waiting_already(loop):
    pacer = Pacer()
    await pacer.wait(0)
    waiting = asyncio.create_task(pacer.wait(TICKS))
    await asyncio.sleep(0.5)
    pacer.hold()
    await asyncio.sleep(100)
    assert not waiting.done()
    pacer.go()
    await waiting


@pytest.mark.parametrize("pieces", [[1000] * 100, [100_000], [1, 99_999] * 1])
async def test_bytes_pass_at_the_rate(loop, pieces):
    throttle, began = Throttle(50_000), loop.time()
    for piece in pieces:
        await throttle.spend(piece)
    assert loop.time() - began == pytest.approx(2.0)


async def test_a_pause_is_not_made_up_for(loop):
    throttle = Throttle(50_000)
    await throttle.spend(1000)
    await asyncio.sleep(60)
    began = loop.time()
    await throttle.spend(50_000)
    assert loop.time() - began == pytest.approx(1.0)


async def test_without_a_rate_everything_passes_at_once(loop):
    throttle, began = Throttle(None), loop.time()
    await throttle.spend(10**12)
    assert loop.time() == began
