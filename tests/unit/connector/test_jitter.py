"""Sound between a bus that bunches it and a device that wants it evenly."""

import pytest

from cambus.connector.jitter import JitterBuffer

RATE = 8000
PIECE = b"\x01" * 320


@pytest.fixture
def buffer():
    return JitterBuffer(RATE)


def test_sound_is_held_for_a_moment_before_it_flows(buffer):
    buffer.push(PIECE, 10.0)
    assert buffer.take(10.0) == b""
    assert buffer.due_at() == pytest.approx(10.08)
    buffer.push(PIECE, 10.04)
    assert buffer.take(10.04) == PIECE
    assert buffer.take(10.05) == PIECE
    assert buffer.take(10.06) == b""
    assert buffer.due_at() is None


def test_once_it_flows_a_piece_goes_as_soon_as_it_is_whole(buffer):
    buffer.push(PIECE * 2, 10.0)
    buffer.take(10.0)
    buffer.take(10.04)
    buffer.push(PIECE[:160], 10.07)
    assert buffer.take(10.07) == b""
    buffer.push(PIECE[160:], 10.09)
    assert buffer.take(10.09) == PIECE


def test_a_rest_goes_when_nothing_more_comes(buffer):
    buffer.push(PIECE * 2 + b"rest", 10.0)
    assert buffer.take(10.0) == PIECE
    assert buffer.take(10.04) == PIECE
    assert buffer.take(10.05) == b""
    assert buffer.due_at() == pytest.approx(10.12)
    assert buffer.take(10.12) == b"rest"


def test_a_single_short_word_is_not_kept_for_ever(buffer):
    buffer.push(b"a", 10.0)
    assert buffer.take(10.07) == b""
    assert buffer.take(10.08) == b"a"


def test_after_a_pause_it_is_held_again(buffer):
    buffer.push(PIECE * 2, 10.0)
    assert [buffer.take(10.0), buffer.take(10.04)] == [PIECE, PIECE]
    buffer.push(PIECE, 15.0)
    assert buffer.take(15.0) == b""


def test_what_can_not_sound_in_time_is_cut_from_the_front(buffer):
    for number in range(30):
        buffer.push(bytes((number,)) * 320, 10.0)
    assert len(buffer) == RATE
    assert buffer.overflows == 5
    assert buffer.take(10.0) == bytes((5,)) * 320


def test_the_last_of_it_waits_for_nothing(buffer):
    buffer.push(PIECE + b"end", 10.0)
    assert buffer.take(10.0, last=True) == PIECE
    assert buffer.take(10.0, last=True) == b"end"
    assert buffer.take(10.0, last=True) == b""
