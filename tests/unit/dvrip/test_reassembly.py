"""Messages in parts: what makes one, what spoils one, and that nothing else suffers."""

import pytest

from cambus.dvrip.errors import FragmentError
from cambus.dvrip.reassembly import MAX_OPEN, Reassembler
from cambus.dvrip.wire import Header, Packet


def part(
    current: int, total: int, payload: bytes = b"x", *, sequence: int = 0, message_id: int = 1043
) -> Packet:
    header = Header(0xFF, 1, 0, 0, 1, sequence, total, current, message_id, len(payload))
    return Packet(header, payload)


def test_a_message_in_one_piece_passes_as_it_is():
    reassembler = Reassembler()
    for total in (0, 1):
        packet = part(0, total, b"whole")
        assert reassembler.receive(packet, 0.0) is packet


def test_media_is_never_taken_for_a_part():
    packet = part(0, 7, message_id=1412)
    assert Reassembler().receive(packet, 0.0) is packet


def test_messages_in_parts_may_be_interleaved():
    reassembler = Reassembler()
    assert reassembler.receive(part(0, 2, b"a", sequence=1), 0.0) is None
    assert reassembler.receive(part(0, 2, b"c", sequence=2), 0.0) is None
    assert reassembler.receive(part(1, 2, b"b", sequence=1), 0.0).payload == b"ab"
    assert reassembler.receive(part(1, 2, b"d", sequence=2), 0.0).payload == b"cd"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (part(0, 3), "twice"),
        (part(3, 3), "part 3 of 3"),
        (part(1, 4), "total changed"),
    ],
)
def test_a_part_that_does_not_fit_drops_its_message_once(bad, problem):
    reassembler = Reassembler()
    reassembler.receive(part(0, 3), 0.0)
    with pytest.raises(FragmentError, match=problem) as caught:
        reassembler.receive(bad, 0.0)
    assert caught.value.message_id == 1043
    assert reassembler.receive(part(1, 3), 0.0) is None
    assert reassembler.receive(part(2, 3), 0.0) is None
    assert reassembler.dropped == 1
    reassembler.expire(100.0)
    assert reassembler.next_timeout() is None


def test_after_a_spoiled_message_the_next_one_with_the_same_key_is_read():
    reassembler = Reassembler()
    reassembler.receive(part(0, 2), 0.0)
    with pytest.raises(FragmentError):
        reassembler.receive(part(0, 2), 0.0)
    assert reassembler.receive(part(0, 2, b"a"), 0.0) is None
    assert reassembler.receive(part(1, 2, b"b"), 0.0).payload == b"ab"


def test_a_hole_fails_after_ten_seconds():
    reassembler = Reassembler()
    reassembler.receive(part(0, 3), 5.0)
    reassembler.receive(part(2, 3), 6.0)
    assert reassembler.next_timeout() == 15.0
    assert reassembler.expire(14.9) == []
    (error,) = reassembler.expire(15.0)
    assert "1 parts still missing" in str(error)
    assert reassembler.next_timeout() is None


def test_too_many_open_messages_drop_the_newest_only():
    reassembler = Reassembler()
    for sequence in range(MAX_OPEN):
        reassembler.receive(part(0, 2, sequence=sequence), 0.0)
    with pytest.raises(FragmentError, match="more than 8"):
        reassembler.receive(part(0, 2, sequence=99), 0.0)
    assert reassembler.receive(part(1, 2, sequence=0), 0.0) is not None


def test_more_than_4_mib_are_dropped_and_freed():
    reassembler = Reassembler()
    piece = bytes(256 * 1024)
    for current in range(16):
        assert reassembler.receive(part(current, 20, piece), 0.0) is None
    with pytest.raises(FragmentError, match="longer than"):
        reassembler.receive(part(16, 20, piece), 0.0)
    assert sum(len(data) for partial in reassembler._open.values() for data in partial.parts.values()) == 0


def test_an_export_may_be_longer():
    reassembler = Reassembler()
    piece = bytes(256 * 1024)
    done = [reassembler.receive(part(i, 20, piece, message_id=1543), 0.0) for i in range(20)]
    assert done[-1] is not None
    assert len(done[-1].payload) == 5 * 1024 * 1024
