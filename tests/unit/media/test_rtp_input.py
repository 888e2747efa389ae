"""RTP packets read, put in order, joined, and found in TCP streams."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.media.frame import Codec
from cambus.media.nal_depacketizer import NalDepacketizer
from cambus.media.rtp import RtpPacketizer
from cambus.media.rtp_frames import FrameJoiner
from cambus.media.rtp_input import ReorderBuffer, RtpPacket, is_rtcp, parse_rtp
from cambus.media.rtp_receiver import RtpRun
from cambus.media.rtp_stream import Framing, RtpStreamReader, StreamLostError

SSRC = 0x0102


def packet(sequence, *, payload=b"x", marker=False, timestamp=0, type_=96):
    return RtpPacket(type_, marker, sequence & 0xFFFF, timestamp, SSRC, payload)


def wire(sequence, payload=b"\x11" * 40, *, first=0x80, extra=b""):
    return struct.pack(">BBHII", first, 96, sequence & 0xFFFF, 7, SSRC) + extra + payload


def numbers(packets):
    return [each.sequence if each is not None else None for each in packets]


# --- packets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (wire(1, b"abc"), b"abc"),
        (wire(1, b"abc", first=0x82, extra=b"\x00" * 8), b"abc"),
        (wire(1, b"abc", first=0x90, extra=b"\xbe\xde\x00\x01abcd"), b"abc"),
        (wire(1, b"abc\x00\x02", first=0xA0), b"abc"),
    ],
)
def test_sources_extensions_and_padding_are_left_out(data, payload):
    read = parse_rtp(data)
    assert (read.payload, read.sequence, read.timestamp, read.ssrc, read.payload_type) == (
        payload,
        1,
        7,
        SSRC,
        96,
    )


@pytest.mark.parametrize(
    "data", [b"", b"\x80" * 11, wire(1, first=0x40), wire(1, b"\xff", first=0xA0), wire(1, b"", first=0x90)]
)
def test_what_is_no_packet_is_none(data):
    assert parse_rtp(data) is None


def test_rtcp_is_told_apart():
    report = bytes((0x80, 200, 0, 6)) + bytes(24)
    assert is_rtcp(report)
    assert not is_rtcp(wire(1))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_none(data):
    read = parse_rtp(data)
    assert read is None or len(read.payload) <= len(data)


# --- order ------------------------------------------------------------------------------------------


def ordered(sequences, buffer=None):
    buffer = buffer or ReorderBuffer()
    return [each for n in sequences for each in numbers(buffer.push(packet(n), 0.0))]


def test_packets_come_out_in_order_and_once_over_the_wrap():
    assert ordered([65534, 65535, 1, 0, 0, 2, 5, 4, 3, 3]) == [65534, 65535, 0, 1, 2, 3, 4, 5]


def test_a_missing_packet_is_waited_for_and_then_given_up():
    buffer = ReorderBuffer()
    assert ordered([1, 3, 4], buffer) == [1]
    assert buffer.deadline == 0.1
    assert numbers(buffer.due(0.05)) == []
    assert numbers(buffer.due(0.1)) == [None, 3, 4]
    assert buffer.counts["lost"] == 1
    assert numbers(buffer.push(packet(2), 0.2)) == []
    assert buffer.counts["late"] == 1


def test_no_more_wait_than_fit():
    buffer = ReorderBuffer(packets=4)
    assert ordered([1, 3, 4, 5, 6], buffer) == [1, None, 3, 4, 5, 6]


def test_a_sender_that_begins_anew_is_followed():
    assert ordered([1, 2, 30000, 30001]) == [1, 2, None, 30000, 30001]


def test_frames_are_joined_by_timestamp_and_ended_by_the_marker():
    joiner = FrameJoiner()
    assert joiner.push(RtpRun(96, 0, [b"a"], False)) == []
    (frame,) = joiner.push(RtpRun(96, 0, [b"b", b"c"], True))
    assert (frame.payload, frame.complete) == (b"abc", True)
    joiner.push(RtpRun(96, 1, [b"c"], False))
    (frame,) = joiner.push(RtpRun(96, 2, [b"d"], False))
    assert (frame.payload, frame.complete) == (b"c", False)
    joiner.drop()
    assert joiner.flush() == []


# --- streams ----------------------------------------------------------------------------------------


def framed(packets, framing):
    if framing is Framing.LENGTH:
        return b"".join(struct.pack(">H", len(each)) + each for each in packets)
    return b"".join(b"$\x00" + struct.pack(">H", len(each)) + each for each in packets)


def read(data, size, **options):
    reader = RtpStreamReader(**options)
    return [
        each for at in range(0, len(data), size) for each in reader.receive_data(data[at : at + size])
    ], reader


SENT = [wire(n, bytes((n + 100,)) * (20 + n * 7 % 90)) for n in range(40)]


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("size", [1, 2, 13, 500, 100_000])
def test_packets_are_cut_from_a_stream_in_any_pieces(framing, size):
    found, reader = read(framed(SENT, framing), size)
    assert found == SENT
    assert reader.framing is framing


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("size", [3, 100_000])
def test_after_garbage_the_packets_are_found_again(framing, size):
    data = framed(SENT[:10], framing) + b"\x80garbage" * 9 + framed(SENT[10:], framing)
    found, reader = read(data, size)
    assert [each for each in found if each] == SENT
    assert found.count(b"") == 1
    assert reader.counts == {"resync": 1, "skipped": 72}


def test_an_overwritten_length_costs_the_packets_around_it():
    data = bytearray(framed(SENT, Framing.LENGTH))
    at = len(framed(SENT[:10], Framing.LENGTH))
    data[at : at + 2] = b"\x00\x03"
    found, _ = read(bytes(data), 64)
    assert [each for each in found if each] == SENT[:10] + SENT[11:]


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("size", [3, 100_000])
def test_what_only_looks_like_a_packet_is_not_taken_for_one(framing, size):
    """Its SSRC stands there by chance: no other packet follows where its length says."""
    chance = framed([wire(9, b"chance" * 9)], framing)[:-20]
    data = framed(SENT[:10], framing) + b"\x80garbage" * 3 + chance + framed(SENT[10:], framing)
    found, reader = read(data, size)
    assert [each for each in found if each] == SENT
    assert reader.counts["skipped"] == 24 + len(chance)


@pytest.mark.parametrize("framing", list(Framing))
def test_a_sender_that_goes_on_under_another_number_is_found_by_the_start_of_a_picture(framing):
    later = [each[:8] + b"\x00\x00\x07\x07" + b"\x00\x00\x01\xba" + each[12:] for each in SENT[10:]]
    found, reader = read(framed(SENT[:10], framing) + b"\x80garbage" * 3 + framed(later, framing), 64)
    assert [each for each in found if each] == SENT[:10] + later
    assert reader.counts == {"resync": 1, "skipped": 24}


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("lost", [1, 30, 77, 200])
def test_lost_bytes_cost_the_packets_they_were_of(framing, lost):
    data = framed(SENT, framing)
    at = len(framed(SENT[:10], framing)) + 5
    found, reader = read(data[:at] + data[at + lost :], 64)
    packets = [each for each in found if each]
    assert packets[:10] == SENT[:10]
    assert set(packets[11:]) <= set(SENT)
    assert packets[-20:] == SENT[-20:]
    assert found.count(b"") == reader.counts["resync"] == 1


def test_a_report_of_eight_bytes_is_a_packet():
    report = bytes((0x80, 201, 0, 1)) + bytes(4)
    data = [SENT[0], report, SENT[1], SENT[2]]
    assert read(framed(data, Framing.LENGTH), 7)[0] == data


def test_a_private_header_is_passed_over():
    header = b"\x01\x00\x01" + bytes(253)
    found, reader = read(header + framed(SENT, Framing.INTERLEAVED), 100)
    assert found == SENT
    assert reader.framing is Framing.INTERLEAVED


def test_a_byte_too_many_behind_the_heads_of_private_packets_is_taken_out():
    odd = [each[:12] + b"\x0d" + each[12:] for each in SENT]
    assert read(b"\x01\x00\x01" + bytes(253) + framed(odd, Framing.INTERLEAVED), 100)[0] == SENT
    assert read(framed(odd, Framing.INTERLEAVED), 100)[0] == odd  # elsewhere it belongs to the payload


def test_a_stream_without_packets_is_given_up():
    start = framed(SENT[:3], Framing.LENGTH)
    with pytest.raises(StreamLostError):
        read(start + bytes(300_000), 5000, max_resync_bytes=100_000)


@given(st.binary(max_size=3000), st.integers(1, 400))
def test_any_bytes_leave_little_behind(data, size):
    try:
        _, reader = read(framed(SENT[:2], Framing.LENGTH) + data, size)
    except StreamLostError:
        return
    assert len(reader._buffer) <= 0x10000 + 16


# --- pictures ---------------------------------------------------------------------------------------

UNIT = {
    Codec.H264: b"".join(
        b"\x00\x00\x00\x01" + bytes((head,)) + bytes(range(1, 200)) * n
        for head, n in ((0x67, 1), (0x68, 1), (0x65, 40))
    ),
    Codec.H265: b"".join(
        b"\x00\x00\x00\x01" + bytes((head, 1)) + bytes(range(1, 200)) * n
        for head, n in ((0x40, 1), (0x42, 1), (0x26, 40))
    ),
}


@pytest.mark.parametrize("codec", list(UNIT))
def test_what_is_cut_into_packets_is_put_together(codec):
    packetizer, depacketizer = RtpPacketizer(codec, 96), NalDepacketizer(codec)
    found = []
    for number in range(3):
        for data in packetizer.packetize(UNIT[codec], number * 3600):
            found += depacketizer.push(parse_rtp(bytes(data)))
    assert [unit.payload for unit in found] == [UNIT[codec]] * 3


@pytest.mark.parametrize(
    ("codec", "head"),
    [
        (Codec.H264, b"\x41"),
        (Codec.H264, b"\x01"),
        (Codec.H264, b"\x65"),
        (Codec.H265, b"\x02\x01"),
        (Codec.H265, b"\x26\x02"),
    ],
)
def test_a_unit_that_was_cut_has_its_head_again(codec, head):
    unit = b"\x00\x00\x00\x01" + head + bytes(range(1, 200)) * 40
    packetizer, depacketizer = RtpPacketizer(codec, 96), NalDepacketizer(codec)
    packets = [parse_rtp(bytes(data)) for data in packetizer.packetize(unit, 0)]
    assert len(packets) > 3
    assert [each.payload for packet in packets for each in depacketizer.push(packet)] == [unit]


@pytest.mark.parametrize("codec", list(UNIT))
def test_a_picture_that_misses_a_packet_does_not_come_out(codec):
    packetizer, depacketizer = RtpPacketizer(codec, 96), NalDepacketizer(codec)
    found = []
    for number in range(3):
        for at, data in enumerate(packetizer.packetize(UNIT[codec], number * 3600)):
            if (number, at) == (1, 2):
                depacketizer.lost()
                continue
            found += depacketizer.push(parse_rtp(bytes(data)))
    assert [unit.discontinuity for unit in found] == [False, True]
    assert depacketizer.counts["damaged"] == 1


@pytest.mark.parametrize(
    ("codec", "head", "units"),
    [
        (Codec.H264, b"\x18", (b"\x68\x01ab", b"\x65\x01cd")),
        (Codec.H265, b"\x60\x01", (b"\x44\x01ab", b"\x26\x01cd")),
    ],
)
def test_aggregates_are_taken_apart(codec, head, units):
    payload = head + b"".join(struct.pack(">H", len(each)) + each for each in units)
    (unit,) = NalDepacketizer(codec).push(packet(1, payload=payload, marker=True))
    assert unit.payload == b"".join(b"\x00\x00\x00\x01" + each for each in units)


@pytest.mark.parametrize(
    ("codec", "units"),
    [
        (Codec.H264, (b"\x67\x01", b"\x68\x01", b"\x65\x01")),
        (Codec.H265, (b"\x42\x01", b"\x44\x01", b"\x26\x01")),
    ],
)
def test_parameter_sets_that_are_marked_are_no_pictures_of_their_own(codec, units):
    depacketizer = NalDepacketizer(codec)
    payloads = [each + b"more" for each in units]
    found = [depacketizer.push(packet(at, payload=each, marker=True)) for at, each in enumerate(payloads)]
    assert found[:2] == [[], []]
    assert found[2][0].payload == b"".join(b"\x00\x00\x00\x01" + each for each in payloads)


@given(st.lists(st.tuples(st.binary(max_size=30), st.booleans(), st.integers(0, 3)), max_size=30))
def test_any_payload_is_a_picture_or_nothing(packets):
    for codec in UNIT:
        depacketizer = NalDepacketizer(codec, max_unit_bytes=100)
        for number, (payload, marker, timestamp) in enumerate(packets):
            for unit in depacketizer.push(
                packet(number, payload=payload, marker=marker, timestamp=timestamp)
            ):
                assert len(unit.payload) <= 140
