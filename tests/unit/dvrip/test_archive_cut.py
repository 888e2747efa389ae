"""Recordings cut to a span at key frames, whatever the pieces they come in."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.dvrip.archive_cut import GroupCutter
from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.media.frame import Codec

ZERO = datetime(2026, 2, 16, 10, 0, 0)  # noqa: DTZ001 - device local time has no zone
GROUP_S = 2


def group(index):
    key = VideoFrame(Codec.H264, True, bytes([index]) * 40, 640, 480, 25, at(index * GROUP_S))
    delta = VideoFrame(Codec.H264, False, bytes([index]) * 9)
    return key.serialize() + delta.serialize() + AudioFrame(14, 2, bytes([index]) * 5).serialize()


def at(seconds):
    return ZERO + timedelta(seconds=seconds)


GROUPS = [group(index) for index in range(10)]


def cut(data, begin, end, pieces):
    cutter, got, offset, turn = GroupCutter(begin, end), b"", 0, 0
    while offset < len(data):
        size = pieces[turn % len(pieces)]
        got += cutter.feed(data[offset : offset + size])
        offset += size
        turn += 1
    return got + cutter.finish()


pieces = st.lists(st.integers(1, 200), min_size=1, max_size=20)


@given(begin=st.integers(-3, 22), length=st.integers(1, 25), pieces=pieces)
def test_the_groups_a_span_touches_are_passed_whole(begin, length, pieces):
    end = begin + length
    got = cut(b"".join(GROUPS), at(begin), at(end), pieces)
    touched = [
        each
        for index, each in enumerate(GROUPS)
        if index * GROUP_S < end and (index * GROUP_S + GROUP_S > begin or index == len(GROUPS) - 1)
    ]
    assert got == b"".join(touched)


@given(data=st.binary(max_size=300), pieces=pieces)
def test_without_a_span_every_byte_passes(data, pieces):
    assert cut(data, None, None, pieces) == data


@given(pieces=pieces)
def test_two_files_that_overlap_are_joined_without_gap_or_overlap(pieces):
    first, second = b"".join(GROUPS[:6]), b"".join(GROUPS[3:])
    joined = cut(first, None, None, pieces) + cut(second, at(6 * GROUP_S), None, pieces)
    assert joined == b"".join(GROUPS)


def test_a_cutter_that_has_ended_passes_nothing_more():
    cutter = GroupCutter(None, at(4))
    assert cutter.feed(b"".join(GROUPS)) == GROUPS[0] + GROUPS[1]
    assert cutter.ended
    assert cutter.feed(GROUPS[0]) == cutter.finish() == b""


def test_a_clock_set_back_in_mid_recording_drops_nothing():
    data = GROUPS[3] + GROUPS[4] + GROUPS[0] + GROUPS[1]
    assert cut(data, at(7), None, [1000]) == data


@pytest.mark.parametrize("before", [b"", GROUPS[1]])
def test_bytes_that_are_no_frames_pass(before):
    garbage = b"no frame at all" * 20
    assert cut(before + garbage, at(0), None, [7]).endswith(garbage)


def test_a_group_held_back_is_bounded():
    cutter = GroupCutter(at(100), None, max_held_bytes=100)
    for _ in range(1000):
        assert cutter.feed(GROUPS[0]) == b""
    assert len(cutter.finish()) <= 100
