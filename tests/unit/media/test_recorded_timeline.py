"""Recordings get their time from what is in them, never from when it arrives."""

import itertools
from datetime import datetime, timedelta

import pytest

from cambus.media.recorded_timeline import TICKS, RecordedTimeline

ZERO = datetime(2026, 2, 1, 12, 0, 0)  # noqa: DTZ001 - device time has no zone


def play(timeline, seconds, *, fps=25, stated=None, gop=50, begin=ZERO):
    """Stamp video of some seconds with the dates a device writes; return the stamps."""
    stamps = []
    for index in range(round(seconds * fps)):
        key = index % gop == 0
        date = begin + timedelta(seconds=int(index / fps)) if key else None
        stamps.append(
            timeline.video(keyframe=key, fps=stated if stated is not None else fps, device_time=date).pts
        )
    return stamps


def steps(stamps):
    return {after - before for before, after in itertools.pairwise(stamps)}


def test_the_same_pictures_get_the_same_stamps_one_step_apart():
    first, second = play(RecordedTimeline(), 10), play(RecordedTimeline(), 10)
    assert first == second
    assert steps(first) == {TICKS // 25}


@pytest.mark.parametrize("gap_s", [0, 3, 3600, -1800])
def test_recordings_one_after_the_other_have_one_time_line(gap_s):
    timeline = RecordedTimeline()
    stamps = play(timeline, 10) + play(timeline, 10, begin=ZERO + timedelta(seconds=10 + gap_s))
    assert steps(stamps) == {TICKS // 25}


@pytest.mark.parametrize("speed", [0.25, 1.0, 4.0, 16.0])
def test_at_another_speed_the_same_media_takes_another_time(speed):
    timeline = RecordedTimeline(speed)
    stamps = play(timeline, 20)
    assert stamps[-1] - stamps[0] == pytest.approx(20 * TICKS / speed, rel=0.01)
    assert timeline.media_s == pytest.approx(20.0)


def test_a_change_of_speed_leaves_no_gap():
    timeline = RecordedTimeline()
    before = play(timeline, 4)
    timeline.speed = 2.0
    after = play(timeline, 4, begin=ZERO + timedelta(seconds=4))
    assert after[0] - before[-1] == TICKS // 25
    assert steps(after) == {TICKS // 50}


@pytest.mark.parametrize(("stated", "true"), [(25, 12), (0, 10), (10, 25)])
def test_a_wrong_rate_is_found_out_by_the_dates(stated, true):
    timeline = RecordedTimeline()
    play(timeline, 30, fps=true, stated=stated, gop=2 * true)
    stamps = play(timeline, 60, fps=true, stated=stated, gop=2 * true, begin=ZERO + timedelta(seconds=30))
    assert stamps[-1] - stamps[0] == pytest.approx(60 * TICKS, rel=0.06)


def test_sound_follows_its_samples_and_stays_with_the_picture():
    timeline = RecordedTimeline()
    sound = []
    for index in range(500):
        picture = timeline.video(keyframe=index % 50 == 0, fps=25).pts
        sound.append(timeline.audio(samples=320, sample_rate=8000).pts)
        assert abs(sound[-1] - picture) <= TICKS // 25
    assert steps(sound) == {3600}


def test_sound_that_went_missing_comes_back_with_the_picture():
    timeline = RecordedTimeline()
    timeline.video(keyframe=True, fps=25)
    timeline.audio(samples=320, sample_rate=8000)
    for index in range(100):
        picture = timeline.video(keyframe=index == 99, fps=25).pts
    assert timeline.audio(samples=320, sample_rate=8000).pts >= picture


def test_stamps_always_grow():
    timeline = RecordedTimeline(16.0)
    stamps = [timeline.video(keyframe=True, fps=1e9).pts for _ in range(50)]
    assert min(steps(stamps)) > 0
    stamps = [timeline.audio(samples=0, sample_rate=0).pts for _ in range(50)]
    assert min(steps(stamps)) > 0
