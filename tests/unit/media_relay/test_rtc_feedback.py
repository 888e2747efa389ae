"""What a WebRTC viewer reports, in packets another implementation makes."""

import pytest
from aiortc.rtp import RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st

from cambus.media_relay.rtc_feedback import MAX_MISSING, Feedback, parse_feedback


def report(lost: int) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(5, lost, 0, 0, 0, 0, 0)


def test_a_compound_packet_is_taken_apart():
    data = bytes(RtcpRrPacket(1, [report(64)])) + bytes(RtcpRtpfbPacket(1, 1, 5, [3, 4, 40]))
    assert parse_feedback(data) == Feedback(missing={5: [3, 4, 40]}, keyframe=False, lost={5: 0.25})


@pytest.mark.parametrize("fmt", [1, 4])  # PLI, FIR
def test_a_lost_picture_asks_for_a_keyframe(fmt):
    assert parse_feedback(bytes(RtcpPsfbPacket(fmt, 1, 5, bytes(8) if fmt == 4 else b""))).keyframe


def test_other_feedback_is_nothing():
    assert parse_feedback(bytes(RtcpPsfbPacket(15, 1, 5, b"REMB"))) == Feedback()


def test_one_packet_asks_for_so_many_repeats_at_most():
    data = bytes(RtcpRtpfbPacket(1, 1, 5, list(range(0, 2000, 2)))) * 2
    assert len(parse_feedback(data).missing[5]) == MAX_MISSING


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data):
    parse_feedback(data)


@given(st.integers(200, 206), st.integers(0, 31), st.binary(max_size=60))
def test_no_packet_does_harm(kind, count, body):
    body += bytes(-len(body) % 4)
    parse_feedback(bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2) + body)
