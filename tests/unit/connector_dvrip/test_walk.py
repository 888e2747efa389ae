"""Walking recordings: every recorded instant of a span once, whatever the files look like."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_dvrip.walk import walk, whole
from cambus.dvrip.messages.search import FileRecord

ZERO = datetime(2026, 2, 16, 10, 0, 0)  # noqa: DTZ001 - device time has no zone


def at(seconds):
    return ZERO + timedelta(seconds=seconds)


def record(begin, end, name=None):
    return FileRecord(name or f"/f{begin}-{end}", at(begin), at(end), 100)


files = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 40)), max_size=12)


@given(files=files, start=st.integers(0, 100), length=st.integers(1, 60))
def test_every_recorded_second_is_covered_once(files, start, length):
    end = start + length
    clips = walk([record(begin, begin + size) for begin, size in files], at(start), at(end))
    got = []
    for clip in clips:
        first, last = (int((each - ZERO).total_seconds()) for each in (clip.begin, clip.end))
        got += range(first, last)
    recorded = {second for begin, size in files for second in range(begin, begin + size)}
    assert got == sorted(recorded & set(range(start, end)))


@given(files=files, start=st.integers(0, 100), length=st.integers(1, 60))
def test_what_is_asked_for_in_part_is_cut_and_what_is_whole_is_not(files, start, length):
    for clip in walk([record(begin, begin + size) for begin, size in files], at(start), at(start + length)):
        begin, end = (at(int(part)) for part in clip.file_name.removeprefix("/f").split("-"))
        assert clip.cut_begin == (clip.begin if clip.begin > begin else None)
        assert clip.cut_end == (clip.end if clip.end < end else None)
        assert (clip.length_kib == 100) is (clip.cut_begin is None and clip.cut_end is None)


def test_times_come_from_the_name_where_the_search_tells_none():
    name = "/idea0/2026-02-16/001/10.00.10-10.00.20[R][@1][0].h264"
    untimed = FileRecord(name, None, None, 7)
    (clip,) = walk([untimed, FileRecord("/opaque", None, None, 7)], at(0), at(60))
    assert (clip.file_name, clip.begin, clip.end, clip.length_kib) == (name, at(10), at(20), 7)


def test_a_recording_made_while_the_clock_was_put_back_is_asked_for_whole():
    backwards = record(50, 20)
    (clip,) = walk([backwards], at(0), at(100))
    assert (clip.begin, clip.end, clip.cut_begin, clip.cut_end) == (at(50), at(20), None, None)


def test_one_recording_is_taken_whole_or_cut():
    clip = whole(record(0, 60), None, None)
    assert (clip.begin, clip.end, clip.cut_begin, clip.cut_end, clip.length_kib) == (
        at(0),
        at(60),
        None,
        None,
        100,
    )
    clip = whole(record(0, 60), at(10), at(20))
    assert (clip.cut_begin, clip.cut_end, clip.length_kib) == (at(10), at(20), 0)
    clip = whole(FileRecord("/opaque", None, None, 7), at(10), None)
    assert (clip.begin, clip.cut_begin, clip.length_kib) == (at(10), None, 7)
