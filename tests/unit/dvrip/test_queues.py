"""Queues between the reader and its consumers."""

import asyncio

import pytest

from cambus.dvrip.budget import ConnectionBudget
from cambus.dvrip.errors import ConnectionLost, Refused
from cambus.dvrip.frame_queue import EndOfFrames, FrameQueue
from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.transfer_queue import HIGH_WATER_BYTES, LOW_WATER_BYTES, TransferQueue
from cambus.media.frame import Codec


def key(number: int = 0, size: int = 1) -> VideoFrame:
    return VideoFrame(Codec.H264, True, bytes([number]) * size)


def delta(number: int = 0, size: int = 1) -> VideoFrame:
    return VideoFrame(Codec.H264, False, bytes([number]) * size)


async def drain(queue: FrameQueue) -> list:
    return [await queue.get() for _ in range(len(queue))]


async def test_frames_come_out_in_order():
    queue = FrameQueue()
    frames = [key(), delta(), AudioFrame(14, 2, b"a")]
    for frame in frames:
        queue.put(frame)
    assert await drain(queue) == frames
    assert queue.counters["delivered"] == 3


async def test_an_overflow_drops_up_to_the_next_key_frame():
    queue = FrameQueue(max_frames=3)
    for frame in (key(1), delta(2), delta(3), delta(4), delta(5), AudioFrame(14, 2, b"a"), key(6), delta(7)):
        queue.put(frame)
    got = await drain(queue)
    assert [frame.payload for frame in got] == [b"\x06", b"\x07"]
    assert (got[0].discontinuity, got[1].discontinuity) == (True, False)
    assert queue.counters["dropped"] == 6
    assert queue.counters["overflows"] == 1


async def test_an_overflow_by_a_key_frame_goes_on_with_it():
    queue = FrameQueue(max_frames=2)
    for frame in (key(1), delta(2), key(3)):
        queue.put(frame)
    (frame,) = await drain(queue)
    assert (frame.payload, frame.discontinuity) == (b"\x03", True)


async def test_bytes_are_bounded_too():
    queue = FrameQueue(max_bytes=100)
    queue.put(key(1, 60))
    queue.put(delta(2, 60))
    assert (len(queue), queue.bytes) == (0, 0)
    queue.put(key(3, 101))
    assert len(queue) == 0
    queue.put(key(4, 100))
    assert queue.bytes == 100


async def test_the_end_comes_after_what_is_queued():
    queue = FrameQueue()
    queue.put(key())
    queue.end(ConnectionLost("gone"))
    queue.put(key())
    assert await queue.get() == key()
    with pytest.raises(EndOfFrames) as caught:
        await queue.get()
    assert isinstance(caught.value.error, ConnectionLost)


async def test_a_waiting_consumer_wakes_up():
    queue = FrameQueue()
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.put(key(9))
    assert await waiting == key(9)


async def test_a_transfer_pauses_its_source_when_full_and_resumes_it_when_drained():
    calls = []
    queue = TransferQueue(lambda: calls.append("pause"), lambda: calls.append("resume"))
    size = HIGH_WATER_BYTES // 8
    for _ in range(9):
        queue.put(key(0, size))
    assert calls == ["pause"]
    taken = 0
    while calls[-1] == "pause":
        await queue.get()
        taken += 1
    assert (9 - taken) * size <= LOW_WATER_BYTES
    queue.clear()
    assert calls == ["pause", "resume"]


async def test_a_transfer_can_run_again_after_its_end():
    queue = TransferQueue(lambda: None, lambda: None)
    queue.end()
    with pytest.raises(EndOfFrames) as caught:
        await queue.get()
    assert caught.value.error is None
    queue.begin()
    queue.put(key(1))
    assert await queue.get() == key(1)


def test_a_budget_refuses_what_is_above_it():
    budget = ConnectionBudget()
    for _ in range(6):
        budget.acquire()
    with pytest.raises(Refused) as caught:
        budget.acquire()
    assert caught.value.reason == "budget"
    budget.learn(10)
    assert budget.limit == 8
    budget.acquire()
    budget.release()
    assert budget.used == 6


def test_a_profile_fixes_the_budget():
    budget = ConnectionBudget(3)
    budget.learn(100)
    assert budget.limit == 3
    tiny = ConnectionBudget()
    tiny.learn(2)
    assert tiny.limit == 1
