from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.frame import Codec
from cambus.media.nal import join_annexb
from cambus.media.rtp import RtpPacketizer, interleave

# Bytes that cannot form a start code, so that what goes in can be compared with what comes out.
TAILS = st.binary(min_size=0, max_size=600).map(lambda tail: bytes(byte | 1 for byte in tail))
H264_UNITS = st.lists(
    st.builds(lambda t, tail: bytes((0x60 | t,)) + tail, st.integers(1, 23), TAILS), max_size=6
)
H265_UNITS = st.lists(
    st.builds(lambda t, tail: bytes((t << 1, 1)) + tail, st.integers(0, 40), TAILS), max_size=6
)


def depacketize_h264(bodies: list[bytes]) -> list[bytes]:
    """RFC 6184 §5.6, §5.8, as a receiver would."""
    units: list[bytes] = []
    for body in bodies:
        if body[0] & 0x1F != 28:
            units.append(body)
        elif body[1] & 0x80:
            units.append(bytes((body[0] & 0xE0 | body[1] & 0x1F,)) + body[2:])
        else:
            units[-1] += body[2:]
    return units


def depacketize_h265(bodies: list[bytes]) -> list[bytes]:
    """RFC 7798 §4.4.1, §4.4.3."""
    units: list[bytes] = []
    for body in bodies:
        if body[0] >> 1 & 0x3F != 49:
            units.append(body)
        elif body[2] & 0x80:
            units.append(bytes((body[0] & 0x81 | (body[2] & 0x3F) << 1, body[1])) + body[3:])
        else:
            units[-1] += body[3:]
    return units


def check(codec: Codec, units: list[bytes], mtu: int, start: int, depacketize) -> None:
    maker = RtpPacketizer(codec, 96, 1, mtu=mtu, sequence=start, timestamp_offset=0)
    packets = maker.packetize(join_annexb(*units), 3600)
    assert all(len(packet) <= mtu for packet in packets)
    assert depacketize([packet[12:] for packet in packets]) == units
    markers = [packet[1] >> 7 for packet in packets]
    assert markers == [0] * (len(packets) - 1) + [1] if packets else not units
    numbers = [struct.unpack_from(">H", packet, 2)[0] for packet in packets]
    assert numbers == [(start + index) & 0xFFFF for index in range(len(packets))]
    assert {packet[4:8] for packet in packets} <= {(3600).to_bytes(4, "big")}
    assert maker.packets == len(packets)
    assert maker.octets == sum(len(packet) - 12 for packet in packets)


@given(H264_UNITS, st.integers(64, 700), st.integers(0, 0xFFFF))
def test_a_receiver_of_h264_gets_every_unit_back(units, mtu, start):
    check(Codec.H264, units, mtu, start, depacketize_h264)


@given(H265_UNITS, st.integers(64, 700), st.integers(0, 0xFFFF))
def test_a_receiver_of_h265_gets_every_unit_back(units, mtu, start):
    check(Codec.H265, units, mtu, start, depacketize_h265)


@given(st.binary(max_size=2000), st.integers(64, 700), st.integers(1, 2))
def test_sound_comes_back_whole_and_on_its_clock(payload, mtu, channels):
    payload = payload[: len(payload) // channels * channels]
    maker = RtpPacketizer(
        Codec.PCMA, 8, 1, mtu=mtu, clock_rate=8000, channels=channels, sequence=0, timestamp_offset=0
    )
    packets = maker.packetize(payload, 0)
    assert b"".join(packet[12:] for packet in packets) == payload
    at = 0
    for packet in packets:
        assert len(packet) <= mtu
        assert int.from_bytes(packet[4:8], "big") == at
        at += len(packet[12:]) // channels


@given(st.binary(max_size=3000), st.sampled_from([Codec.H264, Codec.H265]))
def test_any_bytes_can_be_packetized(payload, codec):
    RtpPacketizer(codec, 96, mtu=100).packetize(payload, 0)


@given(st.lists(st.binary(max_size=300)), st.integers(0, 255))
def test_interleaved_packets_can_be_cut_apart_again(packets, channel):
    data = interleave(packets, channel)
    found = []
    while data:
        dollar, at, length = struct.unpack_from(">BBH", data)
        assert (dollar, at) == (0x24, channel)
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    assert found == packets
