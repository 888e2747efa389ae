from __future__ import annotations

import struct

import pytest

from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.nal import join_annexb
from cambus.media.rtp import RtpPacketizer, interleave


def fields(packet: bytes) -> tuple[bool, int, int, int, int, bytes]:
    first, kind, sequence, stamp, ssrc = struct.unpack_from(">BBHII", packet)
    assert first == 0x80  # version 2, no padding, no extension, no CSRC
    return bool(kind & 0x80), kind & 0x7F, sequence, stamp, ssrc, packet[12:]


def packetizer(codec: Codec = Codec.H264, payload_type: int = 96, **how) -> RtpPacketizer:
    return RtpPacketizer(codec, payload_type, 0x01020304, **{"sequence": 10, "timestamp_offset": 0} | how)


def test_small_nal_units_become_one_packet_each_and_the_last_is_marked():
    units = [b"\x67abc", b"\x68de", b"\x65slice"]
    packets = packetizer().packetize(join_annexb(*units), 90_000)
    assert [fields(packet) for packet in packets] == [
        (False, 96, 10, 90_000, 0x01020304, units[0]),
        (False, 96, 11, 90_000, 0x01020304, units[1]),
        (True, 96, 12, 90_000, 0x01020304, units[2]),
    ]


def test_a_large_h264_unit_becomes_fu_a_within_the_mtu():
    unit = b"\x65" + bytes(range(1, 256)) * 2
    packets = packetizer(mtu=200).packetize(join_annexb(unit), 0)
    bodies = [fields(packet)[5] for packet in packets]
    assert max(map(len, packets)) == 200
    assert {body[0] for body in bodies} == {0x7C}  # NRI of the unit, type 28
    assert [body[1] for body in bodies] == [0x85, 0x05, 0x45]  # start, middle, end of type 5
    assert b"\x65" + b"".join(body[2:] for body in bodies) == unit
    assert [fields(packet)[0] for packet in packets] == [False, False, True]


def test_a_large_h265_unit_becomes_fragmentation_units_that_keep_layer_and_temporal_id():
    unit = b"\x27\x09" + bytes(range(1, 256)) * 2  # type 19, layer id's top bit set
    packets = packetizer(Codec.H265, mtu=200).packetize(join_annexb(unit), 0)
    bodies = [fields(packet)[5] for packet in packets]
    assert {body[:2] for body in bodies} == {b"\x63\x09"}  # type 49 between the unit's other bits
    assert [body[2] for body in bodies] == [0x80 | 19, 19, 0x40 | 19]
    assert unit[:2] + b"".join(body[3:] for body in bodies) == unit


def test_a_unit_that_fits_exactly_is_not_fragmented_and_one_byte_more_is():
    for length, count in ((188, 1), (189, 2)):
        unit = b"\x41" + b"\x01" * (length - 1)
        assert len(packetizer(mtu=200).packetize(join_annexb(unit), 0)) == count


def test_sequence_numbers_and_timestamps_wrap():
    maker = packetizer(sequence=0xFFFF, timestamp_offset=0xFFFFFFFF)
    assert maker.rtp_timestamp(1) == 0
    packets = maker.packetize(join_annexb(b"\x67a", b"\x65b"), 2)
    assert [fields(packet)[2:4] for packet in packets] == [(0xFFFF, 1), (0, 1)]
    assert maker.next_sequence == 1


def test_g711_runs_on_the_sampling_clock_and_is_cut_at_the_mtu():
    maker = packetizer(Codec.PCMA, 8, clock_rate=8000, mtu=112)
    packets = maker.packetize(b"\xd5" * 250, 90_000, marker=True)
    assert [(*fields(packet)[:4], len(packet)) for packet in packets] == [
        (True, 8, 10, 8000, 112),
        (False, 8, 11, 8100, 112),
        (False, 8, 12, 8200, 62),
    ]


def test_a_frame_of_aac_is_a_packet_behind_its_size():
    rtp = RtpPacketizer(Codec.AAC, 97, 1, clock_rate=16_000, sequence=5, timestamp_offset=0)
    (packet,) = rtp.packetize(b"\x21" * 200, 90_000)
    assert packet[1] == 0x80 | 97
    assert int.from_bytes(packet[4:8], "big") == 16_000
    assert packet[12:16] == bytes((0, 16)) + (200 << 3).to_bytes(2, "big")
    assert packet[16:] == b"\x21" * 200


def test_a_large_frame_of_aac_is_cut_and_every_piece_says_the_whole_size():
    rtp = RtpPacketizer(Codec.AAC, 97, 1, mtu=116, clock_rate=16_000, sequence=5, timestamp_offset=0)
    frame = bytes(range(250))
    packets = rtp.packetize(frame, 0)
    assert [packet[1] >> 7 for packet in packets] == [0, 0, 1]
    assert {packet[12:16] for packet in packets} == {bytes((0, 16)) + (250 << 3).to_bytes(2, "big")}
    assert b"".join(packet[16:] for packet in packets) == frame
    assert {packet[4:8] for packet in packets} == {bytes(4)}
    assert rtp.packetize(bytes(8192), 0) == []


def test_an_opus_packet_is_an_rtp_packet():
    rtp = RtpPacketizer(Codec.OPUS, 97, 1, clock_rate=48_000, sequence=5, timestamp_offset=0)
    (packet,) = rtp.packetize(b"\xf8\xff\xfe", 90_000)
    assert int.from_bytes(packet[4:8], "big") == 48_000
    assert packet[12:] == b"\xf8\xff\xfe"
    assert rtp.packetize(b"", 0) == []


def test_stereo_g711_is_cut_between_samples_and_counts_time_in_samples():
    maker = packetizer(Codec.PCMU, 97, clock_rate=8000, channels=2, mtu=113)
    packets = maker.packetize(b"\xff" * 150, 0)
    assert [(fields(packet)[3], len(fields(packet)[5])) for packet in packets] == [(0, 100), (50, 50)]


@pytest.mark.parametrize("payload", [b"", b"no start code", b"\x00\x00\x00\x01"])
def test_an_access_unit_without_nal_units_makes_no_packet(payload):
    maker = packetizer()
    assert maker.packetize(payload, 0) == []
    assert maker.next_sequence == 10


def test_interleaving_puts_dollar_channel_and_length_before_each_packet():
    assert interleave([b"abc", b"d" * 300], 2) == b"$\x02\x00\x03abc$\x02\x01\x2c" + b"d" * 300


def test_streams_begin_at_random_numbers():
    makers = [RtpPacketizer(Codec.H264, 96) for _ in range(4)]
    assert len({(maker.ssrc, maker.next_sequence, maker.rtp_timestamp(0)) for maker in makers}) == 4


def test_codecs_without_a_payload_format_here_are_refused():
    with pytest.raises(ContainerError, match="G726"):
        RtpPacketizer(Codec.G726, 96)


@pytest.mark.parametrize(("payload_type", "mtu"), [(128, 1400), (-1, 1400), (96, 63), (96, 65536)])
def test_numbers_out_of_range_are_refused(payload_type, mtu):
    with pytest.raises(ValueError, match="out of range"):
        RtpPacketizer(Codec.H264, payload_type, mtu=mtu)


def test_the_sender_report_counts_what_was_sent_and_ties_wall_clock_to_rtp_time():
    maker = packetizer()
    maker.packetize(join_annexb(b"\x67abc", b"\x65de"), 0)
    report = maker.sender_report(1_500_000, 45_000, cname="gate-1")
    first, kind, length, ssrc, seconds, fraction, stamp, packets, octets = struct.unpack_from(
        ">BBH6I", report
    )
    assert (first, kind, length, ssrc) == (0x80, 200, 6, 0x01020304)
    assert (seconds, fraction) == (2_208_988_801, 1 << 31)
    assert (stamp, packets, octets) == (45_000, 2, 7)
