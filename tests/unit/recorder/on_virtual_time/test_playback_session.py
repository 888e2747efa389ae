"""One playback: what is sent when, at every speed, and what its viewers' commands make of it."""

import asyncio
from itertools import pairwise

import pytest
from recorded_frames import keyframe_first

from cambus.media.frame import Kind
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.playback_session import Begin, Outcome, PlaybackSession
from cambus.recorder.recorded_source import RecordedSource

KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
FRAME_US = 40_000


def at(picture):
    return START_US + picture * FRAME_US


class Viewer:
    """What was sent, and when by the loop's clock."""

    def __init__(self, loop):
        self.loop = loop
        self.frames = []
        self.times = []
        self.arrived = asyncio.Event()

    async def take(self, frame):
        self.frames.append(frame)
        self.times.append(self.loop.time())
        self.arrived.set()

    @property
    def video(self):
        return [frame for frame in self.frames if frame.kind is Kind.VIDEO]

    @property
    def pictures(self):
        return [round((frame.wall_us - START_US) / FRAME_US) for frame in self.video]

    def spent_s(self):
        """From the first picture to the last, by the clock."""
        times = [
            time for frame, time in zip(self.frames, self.times, strict=True) if frame.kind is Kind.VIDEO
        ]
        return times[-1] - times[0]

    async def until(self, condition):
        async with asyncio.timeout(1000):
            while not condition():
                self.arrived.clear()
                await self.arrived.wait()


class Stage:
    """A playback, its viewer, and the other replicas."""

    def __init__(self, loop, source):
        self.loop = loop
        self.source = source
        self.viewer = Viewer(loop)
        self.asked = []
        self.taken = False

    async def elsewhere(self, session, at_us, before_us):
        self.asked.append((at_us, before_us))
        return self.taken

    async def blocking(self, read):
        await asyncio.sleep(0)  # a viewer may decide otherwise meanwhile
        return read()

    def play(self, at_us=START_US, **changes):
        begin = Begin(at_us=at_us, **{"ttl_s": 3600.0, **changes})
        self.session = PlaybackSession(
            self.source, begin, self.viewer.take, self.blocking, self.elsewhere, self.loop.time
        )
        return self.session


@pytest.fixture
def stage(loop, frames, record, root):
    record(frames(250), segment_s=2.0)
    with Index(root) as index:
        yield Stage(loop, RecordedSource(root, index, KEY))


def rising_evenly(viewer):
    stamps = [frame.pts for frame in viewer.video]
    assert stamps == sorted(set(stamps))
    return stamps


async def test_all_is_shown_at_its_pace_and_ends_with_an_end(stage):
    assert await stage.play().run() is Outcome.ENDED
    viewer = stage.viewer
    assert viewer.pictures == list(range(250))
    assert viewer.spent_s() == pytest.approx(249 / 25, abs=0.02)
    stamps = rising_evenly(viewer)
    assert stamps[-1] - stamps[0] == pytest.approx(249 * 3600, abs=10)
    assert [frame.seq for frame in viewer.frames] == list(range(len(viewer.frames)))
    assert viewer.frames[-1].end
    assert sum(frame.end for frame in viewer.frames) == 1
    assert viewer.video[0].discontinuity
    assert not any(frame.discontinuity for frame in viewer.video[1:])
    sounds = [frame for frame in viewer.frames if frame.kind is Kind.AUDIO]
    assert len(sounds) >= 245
    assert sum(frame.kind is Kind.AUDIO_CONFIG for frame in viewer.frames) == sum(
        frame.keyframe for frame in viewer.video
    )


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0])
async def test_slow_and_fast_show_every_picture_without_sound(stage, speed):
    await stage.play(speed=speed).run()
    viewer = stage.viewer
    assert viewer.pictures == list(range(250))
    assert viewer.spent_s() == pytest.approx(249 / 25 / speed, rel=0.01)
    stamps = rising_evenly(viewer)
    walls = [frame.wall_us for frame in viewer.video]
    assert (walls[-1] - walls[0]) / 1e6 / ((stamps[-1] - stamps[0]) / 90_000) == pytest.approx(
        speed, rel=0.01
    )
    assert all(frame.kind in {Kind.VIDEO, Kind.DATA} for frame in viewer.frames)


@pytest.mark.parametrize("speed", [4.0, 16.0])
async def test_faster_shows_keyframes_with_their_real_times(stage, speed):
    await stage.play(speed=speed).run()
    viewer = stage.viewer
    assert all(frame.keyframe for frame in viewer.video)
    assert len(viewer.video) > 3
    stamps, walls = rising_evenly(viewer), [frame.wall_us for frame in viewer.video]
    ratio = (walls[-1] - walls[0]) / 1e6 / ((stamps[-1] - stamps[0]) / 90_000)
    assert ratio == pytest.approx(speed, rel=0.01)
    assert viewer.spent_s() == pytest.approx((walls[-1] - walls[0]) / 1e6 / speed, rel=0.01)


async def test_keyframes_never_come_faster_than_a_viewer_can_show(stage, monkeypatch):
    monkeypatch.setattr("cambus.recorder.playback_session.LEAST_BETWEEN_KEYFRAMES", 90_000)
    await stage.play(speed=16.0).run()
    assert len(stage.viewer.video) == 1


async def test_backwards_the_keyframes_come_from_the_last_to_the_first(stage):
    assert await stage.play(at(250), speed=-2.0).run() is Outcome.ENDED
    viewer = stage.viewer
    assert len(viewer.video) > 3
    assert viewer.pictures == sorted(viewer.pictures, reverse=True)
    assert viewer.pictures[-1] == 0
    rising_evenly(viewer)
    assert viewer.spent_s() == pytest.approx((viewer.pictures[0] - viewer.pictures[-1]) / 25 / 2, rel=0.02)


@pytest.fixture
async def playing(stage):
    """A playback that runs; it is ended with the test."""
    tasks = []

    def begin(*arguments, **changes):
        session = stage.play(*arguments, **changes)
        tasks.append(asyncio.create_task(session.run()))
        return session

    yield begin
    for task in tasks:
        stage.session.stop()
        await task


async def test_a_pause_costs_no_picture_and_no_time_of_the_viewer(stage, playing, loop):
    session, viewer = playing(), stage.viewer
    await viewer.until(lambda: len(viewer.video) == 50)
    session.pause()
    await asyncio.sleep(60)
    assert len(viewer.video) == 50
    assert sum(frame.kind is Kind.DATA for frame in viewer.frames) >= 10  # it is still there
    session.resume()
    await viewer.until(lambda: viewer.frames[-1].end)
    assert viewer.pictures == list(range(250))
    stamps = rising_evenly(viewer)
    assert stamps[-1] - stamps[0] == pytest.approx(249 * 3600, abs=20)


async def test_seeking_goes_on_at_once_from_the_keyframe_before(stage, playing, loop):
    session, viewer = playing(), stage.viewer
    await viewer.until(lambda: len(viewer.video) == 60)
    before, asked_at = viewer.video[-1].pts, loop.time()
    session.seek(at(200))
    await viewer.until(lambda: len(viewer.video) == 61)
    there = viewer.video[-1]
    assert there.keyframe
    assert there.discontinuity
    assert viewer.pictures[-1] <= 200 < viewer.pictures[-1] + 100
    assert 0 < there.pts - before <= 3600
    assert loop.time() - asked_at < 0.001
    session.seek(at(0))
    await viewer.until(lambda: len(viewer.video) == 62)
    assert viewer.pictures[-1] == 0
    rising_evenly(viewer)


async def test_what_was_read_before_a_seek_is_not_shown_after_it(stage, playing):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(read):
        asked.set()
        await go_on.wait()
        return read()

    stage.blocking = slow
    session, viewer = playing(), stage.viewer
    await asked.wait()
    session.seek(at(200))
    go_on.set()
    await viewer.until(lambda: viewer.video)
    assert viewer.pictures[0] > 100


async def test_turning_round_shows_the_keyframes_that_were_passed(stage, playing):
    session, viewer = playing(), stage.viewer
    await viewer.until(lambda: len(viewer.video) == 120)
    shown = viewer.pictures[-1]
    passed = [number for number, frame in zip(viewer.pictures, viewer.video, strict=True) if frame.keyframe]
    session.set_speed(-1.0)
    await viewer.until(lambda: viewer.frames[-1].end)
    assert viewer.pictures[120:] == [number for number in reversed(passed) if number < shown]
    assert stage.viewer.video[120].discontinuity


async def test_back_to_normal_it_goes_on_with_the_picture_that_is_shown(stage, playing):
    session, viewer = playing(at(250), speed=-1.0), stage.viewer
    await viewer.until(lambda: len(viewer.video) == 2)
    shown = viewer.pictures[-1]
    session.set_speed(1.0)
    await viewer.until(lambda: len(viewer.video) == 5)
    assert viewer.pictures[2:5] == [shown, shown + 1, shown + 2]


async def test_a_little_faster_goes_on_without_a_jump(stage, playing):
    session, viewer = playing(), stage.viewer
    await viewer.until(lambda: len(viewer.video) == 50)
    session.set_speed(2.0)
    await viewer.until(lambda: viewer.frames[-1].end)
    assert viewer.pictures == list(range(250))
    assert viewer.spent_s() == pytest.approx(50 / 25 + 200 / 50, rel=0.05)


async def test_steps_show_one_picture_each_and_resuming_goes_on_as_before(stage, playing):
    session, viewer = playing(), stage.viewer
    await viewer.until(lambda: len(viewer.video) == 60)
    shown = viewer.pictures[-1]
    session.step(backwards=False)
    await asyncio.sleep(30)
    assert viewer.pictures[60:] == [shown + 1]
    session.step(backwards=True)
    await asyncio.sleep(30)
    back = viewer.pictures[-1]
    assert len(viewer.video) == 62
    assert back <= shown + 1
    assert viewer.video[-1].keyframe
    assert session.speed == 1.0
    session.resume()
    await viewer.until(lambda: len(viewer.video) == 65)
    assert viewer.pictures[62:65] == [back, back + 1, back + 2]
    rising_evenly(viewer)


async def test_a_playback_nobody_touches_lapses_and_says_that_it_is_over(stage, loop):
    began = loop.time()
    assert await stage.play(ttl_s=5.0).run() is Outcome.LAPSED
    assert loop.time() - began == pytest.approx(5.0, abs=0.1)
    assert stage.viewer.frames[-1].end


async def test_it_waits_for_its_first_touch(stage, playing, loop):
    session, viewer = playing(touched=False, ttl_s=20.0), stage.viewer
    await asyncio.sleep(15)
    assert not viewer.frames
    session.touch()
    await viewer.until(lambda: len(viewer.video) == 10)
    assert viewer.pictures[:10] == list(range(10))


async def test_it_ends_where_it_was_to_end(stage):
    assert await stage.play(end_us=at(100)).run() is Outcome.ENDED
    assert stage.viewer.pictures == list(range(100))


async def test_a_reader_that_stood_still_is_not_caught_up_with(stage, loop):
    blocked = []

    async def slow(read):
        if len(blocked) == 3:
            await asyncio.sleep(60)
        blocked.append(loop.time())
        return read()

    stage.blocking = slow
    await stage.play().run()
    video = [
        time
        for frame, time in zip(stage.viewer.frames, stage.viewer.times, strict=True)
        if frame.kind is Kind.VIDEO
    ]
    assert max(later - before for before, later in pairwise(video)) > 55
    assert stage.viewer.spent_s() > 60 + 249 / 25 - 2


@pytest.fixture
def gapped(loop, frames, record, root):
    record([*frames(100), *keyframe_first(frames(100, first=100, pause=250))])
    with Index(root) as index:
        yield Stage(loop, RecordedSource(root, index, KEY))


async def test_a_gap_is_jumped_over_and_said(gapped):
    session = gapped.play()
    assert await session.run() is Outcome.ENDED
    viewer = gapped.viewer
    assert viewer.pictures[99] == 99
    assert viewer.pictures[100] >= 350
    assert viewer.video[100].discontinuity
    assert rising_evenly(viewer)[100] - viewer.video[99].pts == 3600
    begin_us, end_us = session.jumped
    assert begin_us == pytest.approx(at(100), abs=FRAME_US)
    assert end_us == pytest.approx(viewer.video[100].wall_us, abs=20)
    assert viewer.spent_s() < 9
    assert gapped.asked[0] == (begin_us, end_us)


async def test_a_gap_is_jumped_backwards_too(gapped):
    await gapped.play(at(10_000), speed=-4.0).run()
    assert gapped.viewer.pictures == sorted(gapped.viewer.pictures, reverse=True)
    assert gapped.viewer.pictures[0] > 350
    assert gapped.viewer.pictures[-1] == 0
    assert gapped.viewer.spent_s() < 3


async def test_another_replica_that_goes_on_ends_it_without_an_end(gapped):
    gapped.taken = True
    session = gapped.play()
    assert await session.run() is Outcome.HANDED_OVER
    assert gapped.viewer.pictures == list(range(100))
    assert not any(frame.end for frame in gapped.viewer.frames)
    assert session.seq == len(gapped.viewer.frames)


async def test_what_goes_on_for_another_replica_continues_its_numbers(stage):
    await stage.play(seq=0xFFFFFFFE, pts=900_000).run()
    assert [frame.seq for frame in stage.viewer.frames][:4] == [0xFFFFFFFE, 0xFFFFFFFF, 0, 1]
    assert stage.viewer.video[0].pts == 900_000
