"""Frames of AAC out of packets (RFC 3640)."""

import pytest

from cambus.media.aac_depacketizer import MAX_FRAME_BYTES, AacDepacketizer, AacLayout
from cambus.media.rtp_input import RtpPacket


def packet(payload, timestamp=1000, *, marker=True):
    return RtpPacket(97, marker, 0, timestamp, 1, payload)


def hbr(*frames, declared=None):
    """A packet as AAC-hbr has it: 13 bits of size, 3 of index for each."""
    heads = b"".join((size << 3).to_bytes(2, "big") for size in (declared or map(len, frames)))
    return (len(heads) * 8).to_bytes(2, "big") + heads + b"".join(frames)


def read(depacketizer, *packets):
    return [(each.payload, each.timestamp) for one in packets for each in depacketizer.push(one)]


def test_one_frame_in_a_packet():
    assert read(AacDepacketizer(), packet(hbr(b"abc"))) == [(b"abc", 1000)]


def test_several_frames_in_a_packet_follow_each_other_in_time():
    found = read(AacDepacketizer(), packet(hbr(b"a", b"bc", b"def")))
    assert found == [(b"a", 1000), (b"bc", 2024), (b"def", 3048)]


def test_low_bit_rate_has_smaller_headers():
    layout = AacLayout(6, 2, 2)
    payload = (16).to_bytes(2, "big") + bytes((1 << 2, 2 << 2)) + b"abb"
    assert read(AacDepacketizer(layout), packet(payload)) == [(b"a", 1000), (b"bb", 2024)]


def test_without_headers_a_packet_is_a_frame():
    assert read(AacDepacketizer(AacLayout(0, 0, 0)), packet(b"abc"), packet(b"")) == [(b"abc", 1000)]


def test_a_frame_of_several_packets_is_joined():
    depacketizer = AacDepacketizer()
    parts = [packet(hbr(part, declared=[6]), marker=part == b"ef") for part in (b"ab", b"cd", b"ef")]
    assert read(depacketizer, *parts) == [(b"abcdef", 1000)]


def test_a_frame_with_a_missing_part_is_dropped():
    depacketizer = AacDepacketizer()
    depacketizer.push(packet(hbr(b"ab", declared=[6]), marker=False))
    depacketizer.lost()
    assert read(depacketizer, packet(hbr(b"ef", declared=[6]))) == []
    assert read(depacketizer, packet(hbr(b"whole"))) == [(b"whole", 1000)]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x00", b"\x00\x00", b"\xff\xff\x00", b"\x00\x10", b"\x00\x10\x00\x00abc", b"\x00\x20\x00\x10"],
)
def test_headers_that_make_no_sense_cost_the_packet(payload):
    depacketizer = AacDepacketizer()
    assert read(depacketizer, packet(payload)) == []
    assert depacketizer.counts["bad-headers"] == 1


def test_what_is_too_large_is_not_gathered():
    depacketizer = AacDepacketizer(AacLayout(32, 0, 0))
    payload = (32).to_bytes(2, "big") + (MAX_FRAME_BYTES + 1).to_bytes(4, "big") + b"x" * 1000
    for _ in range(100):
        assert read(depacketizer, packet(payload)) == []
    assert depacketizer.counts["oversize"] == 100
