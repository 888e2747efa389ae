"""Transcoding beside the event loop: in order, bounded, and over when it is closed."""

import asyncio
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from sound import clicks, coded

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.transcoder import AudioTranscoder
from cambus.media_relay import sound_feed
from cambus.media_relay.sound_feed import SoundFeed

PCMA = AudioConfig(Codec.PCMA, 8000, 1)


class Held(Executor):
    """Does nothing until the test says so."""

    def __init__(self):
        self.jobs = []

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        self.jobs.append((future, work, args))
        return future

    def work_off(self):
        for future, work, args in self.jobs:
            future.set_result(work(*args))
        self.jobs.clear()


@pytest.fixture
def frames():
    return coded(clicks(2, (1.0,), 8000), PCMA)


@pytest.fixture
def held():
    return Held()


async def test_what_comes_out_is_what_the_transcoder_makes_in_order(frames):
    delivered = []
    with ThreadPoolExecutor(2) as executor:
        feed = SoundFeed(PCMA, Codec.AAC, delivered.extend, executor)
        for frame in frames:
            feed.push(frame)
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await feed.settled()
        feed.close()
    assert feed.config.codec is Codec.AAC
    assert delivered == AudioTranscoder(PCMA, Codec.AAC).transcode(frames)


async def test_what_comes_during_a_batch_goes_with_the_next(frames, held):
    feed = SoundFeed(PCMA, Codec.AAC, lambda made: None, held)
    for frame in frames:
        feed.push(frame)
    assert [len(args[0]) for _, _, args in held.jobs] == [1]
    held.work_off()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [len(args[0]) for _, _, args in held.jobs] == [len(frames) - 1]
    feed.close()
    held.work_off()


async def test_a_queue_that_is_full_gives_up_the_oldest(frames, held, monkeypatch):
    monkeypatch.setattr(sound_feed, "MOST_WAITING", 10)
    feed = SoundFeed(PCMA, Codec.AAC, lambda made: None, held)
    for frame in frames[:31]:
        feed.push(frame)
    assert feed.dropped == feed.lost == 20
    feed.close()
    held.work_off()


async def test_nothing_is_delivered_after_the_end(frames, held):
    delivered = []
    feed = SoundFeed(PCMA, Codec.AAC, delivered.extend, held)
    feed.push(frames[0])
    feed.close()
    feed.push(frames[1])
    async with asyncio.timeout(20):
        await feed.settled()
    ((_, _, args),) = held.jobs
    assert args[0] == (frames[0],)
    held.work_off()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert delivered == []
    assert held.jobs == []


async def test_a_transcoder_that_fails_ends_the_feed_and_says_so(frames, held, caplog):
    delivered = []
    feed = SoundFeed(PCMA, Codec.AAC, delivered.extend, held)
    feed.push(frames[0])
    ((future, _, _),) = held.jobs
    future.set_exception(RuntimeError("no memory"))
    async with asyncio.timeout(20):
        await feed.settled()
    feed.push(frames[1])
    assert len(held.jobs) == 1
    assert "cannot be transcoded" in caplog.text
    assert delivered == []


async def test_what_cannot_be_transcoded_is_refused_at_once(held):
    with pytest.raises(ValueError, match="no way"):
        SoundFeed(AudioConfig(Codec.OPAQUE, 8000, 1), Codec.AAC, print, held)


async def test_at_the_end_the_last_of_the_sound_comes_too(frames):
    delivered = []
    with ThreadPoolExecutor(1) as executor:
        feed = SoundFeed(PCMA, Codec.AAC, delivered.extend, executor)
        for frame in frames:
            feed.push(frame)
        feed.finish()
        async with asyncio.timeout(20):
            await feed.settled()
        feed.close()
    transcoder = AudioTranscoder(PCMA, Codec.AAC)
    assert delivered == [*transcoder.transcode(frames), *transcoder.flush()]
    assert delivered[-1].pts + 2880 >= frames[-1].pts + 3600
