import pytest

from cambus.media.frame import Codec, Flag, Frame, Kind, SequenceGate


def frame(seq, *, key=False, kind=Kind.VIDEO, wall_us=None, flags=Flag.NONE):
    flags |= Flag.KEYFRAME if key else Flag.NONE
    codec = Codec.H264 if kind is Kind.VIDEO else Codec.PCMA
    return Frame(
        kind, codec, flags, seq & 0xFFFFFFFF, 0, 0, seq * 40_000 if wall_us is None else wall_us, b"x"
    )


@pytest.fixture
def gate():
    gate = SequenceGate()
    assert gate.accept(frame(10, key=True))
    return gate


def counts(gate):
    return gate.gaps, gate.lost, gate.dropped


def test_nothing_is_seen_before_the_first_keyframe():
    gate = SequenceGate()
    accepted = [gate.accept(frame(seq, key=seq == 3)) for seq in range(5)]
    assert accepted == [False, False, False, True, True]
    assert (gate.skipped, *counts(gate)) == (3, 0, 0, 0)


def test_frames_in_order_pass(gate):
    assert all(gate.accept(frame(seq)) for seq in range(11, 100))
    assert counts(gate) == (0, 0, 0)


def test_the_number_wraps_without_a_gap():
    gate = SequenceGate()
    start = 0xFFFFFFFE
    assert all(gate.accept(frame(start + step, key=step == 0, wall_us=step)) for step in range(5))
    assert counts(gate) == (0, 0, 0)


def test_after_a_gap_video_waits_for_a_keyframe_and_sound_passes(gate):
    assert not gate.accept(frame(13))
    assert gate.accept(frame(14, kind=Kind.AUDIO))
    assert gate.accept(frame(15, kind=Kind.AUDIO_CONFIG))
    assert not gate.accept(frame(16))
    assert gate.accept(frame(17, key=True))
    assert gate.accept(frame(18))
    assert counts(gate) == (1, 2, 2)


def test_a_lost_sound_packet_is_a_gap_too(gate):
    assert gate.accept(frame(11, kind=Kind.AUDIO))
    assert not gate.accept(frame(13))
    assert counts(gate) == (1, 1, 1)


def test_a_gap_that_ends_in_a_keyframe_loses_no_more(gate):
    assert gate.accept(frame(15, key=True))
    assert counts(gate) == (1, 4, 0)


def test_a_late_copy_is_dropped_and_nothing_else(gate):
    assert gate.accept(frame(11))
    assert not gate.accept(frame(11))
    assert not gate.accept(frame(10, key=True))
    assert gate.accept(frame(12))
    assert counts(gate) == (0, 0, 2)


def test_a_gap_across_the_wrap_is_counted_right():
    gate = SequenceGate()
    assert gate.accept(frame(0xFFFFFFFF, key=True, wall_us=1))
    assert gate.accept(frame(2, key=True, wall_us=2))
    assert counts(gate) == (1, 2, 0)


def test_a_source_that_began_anew_is_followed_from_its_keyframe(gate):
    assert not gate.accept(frame(0, wall_us=10**9))
    assert gate.accept(frame(1, key=True, wall_us=10**9 + 1))
    assert gate.accept(frame(2, wall_us=10**9 + 2))
    assert counts(gate) == (1, 0, 1)


def test_a_new_source_whose_clock_is_behind_is_known_by_its_mark(gate):
    assert gate.accept(frame(0, key=True, wall_us=5, flags=Flag.DISCONTINUITY))
    assert gate.accept(frame(1, wall_us=6))
    assert counts(gate) == (1, 0, 0)


def test_the_end_passes_even_while_waiting_for_a_keyframe(gate):
    assert not gate.accept(frame(13))
    assert gate.accept(frame(14, kind=Kind.DATA, flags=Flag.END))
