"""Tracks on one time line: by arrival at first, by the sender's reports from then on."""

import pytest

from cambus.rtsp.lip_sync import FAR, TICKS, LipSync

VIDEO, AUDIO = 0, 1
S = 1_000_000
START = 1_700_000_000 * S


def sync():
    return LipSync({VIDEO: 90_000, AUDIO: 8000})


def at(us):
    return us * 9 // 100


def test_each_track_begins_when_it_comes():
    line = sync()
    assert line.place(VIDEO, 12345, START) == (at(START), False)
    assert line.place(AUDIO, 99, START + S) == (at(START + S), False)
    assert line.place(VIDEO, 12345 + 3600, START + 5 * S) == (at(START) + 3600, False)
    assert line.place(AUDIO, 99 + 320, START + 5 * S) == (at(START + S) + 3600, False)


def test_timestamps_go_on_when_they_wrap():
    line = sync()
    line.place(VIDEO, 0xFFFFFFFF, START)
    assert line.place(VIDEO, 3599, START + S // 25) == (at(START) + 3600, False)


@pytest.mark.parametrize("clock", [0, 3600 * 24 * 365 * 30 * S], ids=["right", "thirty years ahead"])
@pytest.mark.parametrize("first", [VIDEO, AUDIO])
def test_reports_put_sound_beside_the_picture(clock, first):
    line = sync()
    line.place(VIDEO, 0, START)
    line.place(AUDIO, 0, START + S // 2)  # recorded with the picture, and half a second on the way
    for track in (first, 1 - first):
        line.report(track, START + clock, 0, START + S // 2)
    assert line.place(VIDEO, 90_000, START + S) == (at(START + S), False)
    assert line.place(AUDIO, 8000, START + 3 * S // 2) == (at(START + S), False)
    assert line.drift_us == clock - S // 2


def test_reports_that_come_before_the_sound_count_for_it():
    line = sync()
    line.place(VIDEO, 0, START)
    line.report(VIDEO, START, 0, START)
    line.report(AUDIO, START, 0, START)
    assert line.place(AUDIO, 8000, START + 9 * S) == (at(START + S), False)


def test_reports_that_set_tracks_far_apart_are_not_believed():
    line = sync()
    line.place(VIDEO, 0, START)
    line.place(AUDIO, 0, START)
    line.report(VIDEO, START, 0, START)
    line.report(AUDIO, START + 3600 * S, 0, START)
    assert line.place(AUDIO, 320, START) == (at(START) + 3600, False)


def test_a_difference_nobody_hears_is_left_alone():
    line = sync()
    line.place(VIDEO, 0, START)
    line.place(AUDIO, 0, START + 10_000)
    line.report(VIDEO, START, 0, START)
    line.report(AUDIO, START, 0, START)
    assert line.place(AUDIO, 0, START) == (at(START + 10_000), False)


def test_a_clock_that_jumps_places_all_tracks_anew():
    line = sync()
    line.place(VIDEO, 0, START)
    line.place(AUDIO, 0, START)
    pts, anew = line.place(VIDEO, 2 * FAR, START + S)
    assert (pts, anew) == (at(START + S), True)
    assert line.place(AUDIO, 8000, START + S) == (at(START) + TICKS, False)
    assert line.placed == 1
