"""The window of a transfer: any reader inside it gets every byte, whatever the sizes, and memory stays bounded."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.bus.transfer_window import TransferWindow
from cambus.schemas.errors import BadRequest, Conflict
from cambus.schemas.transfer import TransferResume

WINDOW = 1000


@given(
    data=st.binary(max_size=8000),
    writes=st.lists(st.integers(1, 700), min_size=1, max_size=50),
    reads=st.lists(st.integers(1, 900), min_size=1, max_size=50),
    resumed=st.integers(0, 8000),
)
def test_a_reader_gets_every_byte_and_memory_is_bounded(data, writes, reads, resumed):
    resumed = min(resumed, len(data))
    have = data[:resumed]
    resume = TransferResume(bytes=resumed, sha256=hashlib.sha256(have).hexdigest())
    window = TransferWindow(resume, WINDOW)
    got, written, turn = bytearray(have), 0, 0
    while len(got) < len(data) or written < len(data):
        while window.has_room and written < len(data):
            size = writes[turn % len(writes)]
            window.add(data[written : written + size])
            written += size
            turn += 1
        chunk = window.read(len(got), reads[turn % len(reads)])
        again = window.read(len(got), len(chunk) or 1)
        assert again[: len(chunk)] == chunk  # should the answer have been lost
        got += chunk
        turn += 1
        assert window.kept_bytes <= 2 * WINDOW + 700
    assert bytes(got) == data
    assert (window.end, window.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_is_far_behind_is_gone_and_what_is_far_ahead_is_refused():
    window = TransferWindow(window_bytes=WINDOW)
    window.add(bytes(WINDOW))
    window.read(WINDOW, 100)
    window.add(bytes(WINDOW))
    window.read(WINDOW + 1, 100)
    with pytest.raises(Conflict, match="no longer held") as gone:
        window.read(0, 1)
    assert (gone.value.reason, gone.value.retryable) == ("chunk-gone", False)
    with pytest.raises(BadRequest, match="ahead"):
        window.read(3 * WINDOW + 2, 1)


def test_the_producer_is_held_back_until_the_reader_moves_on():
    window = TransferWindow(window_bytes=WINDOW)
    window.add(bytes(WINDOW))
    assert not window.has_room
    window.read(0, WINDOW)
    assert not window.has_room  # asked for, perhaps not received
    window.read(WINDOW, 1)
    assert window.has_room


@pytest.mark.parametrize("sizes", [(600, 600), (1200,), (10, 490, 1, 699)])
def test_other_bytes_than_the_resumed_ones_are_a_mismatch(sizes):
    have = bytes(500)
    resume = TransferResume(bytes=500, sha256=hashlib.sha256(have).hexdigest())
    window = TransferWindow(resume, WINDOW)

    def produce():
        for size in sizes:
            window.add(b"x" * size)

    with pytest.raises(Conflict, match="begin anew") as mismatch:
        produce()
    assert mismatch.value.reason == "resume-mismatch"


def test_a_source_shorter_than_what_was_resumed_is_a_mismatch():
    resume = TransferResume(bytes=500, sha256=hashlib.sha256(bytes(500)).hexdigest())
    window = TransferWindow(resume, WINDOW)
    window.add(bytes(499))
    with pytest.raises(Conflict):
        window.check_resumed()
