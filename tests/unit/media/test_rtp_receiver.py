"""RTP sorted into runs: the fast path gives what packet after packet gives."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.media.rtp_input import ReorderBuffer, is_rtcp, parse_rtp
from cambus.media.rtp_receiver import RtpReceiver, RtpRun

SSRC, OTHER = 7, 8
HERE = ("192.0.2.7", 5004)


def wire(sequence, timestamp=0, payload=b"x", *, marker=False, type_=96, ssrc=SSRC, first=0x80, extra=b""):
    second = type_ | (0x80 if marker else 0)
    return struct.pack(">BBHII", first, second, sequence & 0xFFFF, timestamp, ssrc) + extra + payload


def receiver():
    return RtpReceiver(lambda ssrc, _: ssrc == SSRC)


def datagrams(data, made=None, now=0.0):
    made = made or receiver()
    return made.datagrams([(each, HERE) for each in data], now), made


def flat(runs):
    """Runs as single packets: type, timestamp, payload, marker; None for a gap."""
    found = []
    for run in runs:
        if run is None:
            found.append(None)
            continue
        last = len(run.payloads) - 1
        for number, payload in enumerate(run.payloads):
            found.append((run.payload_type, run.timestamp, payload, run.marker and number == last))
    return found


def slowly(data):
    """The same, one packet after the other."""
    order, found = ReorderBuffer(), []
    for each in data:
        packet = parse_rtp(each)
        if packet is not None and packet.ssrc == SSRC:
            found += order.push(packet, 0.0)
    return [None if each is None else (each[0], each.timestamp, each.payload, each.marker) for each in found]


def test_packets_of_a_picture_are_one_run():
    runs, made = datagrams(
        [wire(1, 0, b"a"), wire(2, 0, b"b", marker=True), wire(3, 3600, b"c"), wire(4, 3600, b"d")]
    )
    assert runs == [RtpRun(96, 0, [b"a", b"b"], True), RtpRun(96, 3600, [b"c", b"d"], False)]
    assert (made.packets, made.octets) == (4, 4)
    runs, _ = datagrams([wire(5, 3600, b"e", marker=True)], made)
    assert runs == [RtpRun(96, 3600, [b"e"], True)]


def test_types_are_kept_apart():
    runs, _ = datagrams([wire(1, 0), wire(2, 0, type_=8), wire(3, 0)])
    assert [run.payload_type for run in runs] == [96, 8, 96]


def test_what_is_none_is_counted():
    report = bytes((0x80, 200, 0, 6)) + bytes(24)
    short = bytes((0x80, 201, 0, 1)) + bytes(4)
    data = [b"", b"\x80", report, short, wire(1, first=0x40), wire(1, ssrc=OTHER), wire(1)]
    runs, made = datagrams(data)
    assert flat(runs) == [(96, 0, b"x", False)]
    assert made.counts == {"rtcp": 2, "not-rtp": 3, "foreign": 1}


@pytest.mark.parametrize(
    ("first", "extra", "tail"),
    [(0x83, bytes(12), b""), (0x90, b"\xbe\xde\x00\x02" + bytes(8), b""), (0xA0, b"", b"\x00\x00\x03")],
)
def test_sources_extensions_and_padding_are_left_out(first, extra, tail):
    runs, _ = datagrams([wire(1, 0, b"a"), wire(2, 0, b"abc" + tail, first=first, extra=extra)])
    assert runs == [RtpRun(96, 0, [b"a", b"abc"], False)]


def test_order_is_restored_over_the_wrap_and_what_comes_twice_is_dropped():
    numbers = [65533, 65534, 0, 65535, 65535, 1, 3, 2, 2, 4]
    runs, made = datagrams([wire(n, n, bytes((n & 0xFF,))) for n in numbers])
    assert [run.payloads[0][0] for run in runs] == [253, 254, 255, 0, 1, 2, 3, 4]
    assert made.order.counts == {"late": 2}


def test_what_is_missing_is_waited_for_and_then_given_up():
    runs, made = datagrams([wire(1, 1), wire(3, 3), wire(4, 4)])
    assert [run.timestamp for run in runs] == [1]
    assert made.due(0.05) == []
    assert [each and each.timestamp for each in made.due(0.1)] == [None, 3, 4]
    runs, _ = datagrams([wire(5, 5), wire(2, 2), wire(6, 6)], made, 0.2)
    assert [run.timestamp for run in runs] == [5, 6]


def test_on_a_connection_order_is_not_looked_at_and_gaps_are_told():
    made = receiver()
    packets = [wire(1, 0), wire(9, 0), b"", wire(3, 0, marker=True), wire(2, ssrc=OTHER)]
    runs = made.segments(packets, "192.0.2.7")
    assert runs == [RtpRun(96, 0, [b"x", b"x"], False), None, RtpRun(96, 0, [b"x"], True)]
    assert made.counts == {"foreign": 1}


packets = st.builds(
    wire,
    st.integers(65_500, 65_580),
    st.integers(0, 3),
    st.binary(max_size=4),
    marker=st.booleans(),
    type_=st.sampled_from([96, 8, 72]),
    ssrc=st.sampled_from([SSRC, SSRC, SSRC, OTHER]),
    first=st.sampled_from([0x80, 0x80, 0x80, 0xA0, 0x40]),
)


@given(st.lists(packets, max_size=80), st.data())
def test_batches_of_any_size_give_what_single_packets_give(data, draw):
    made, found, at = receiver(), [], 0
    while at < len(data):
        size = draw.draw(st.integers(1, 10))
        found += datagrams(data[at : at + size], made)[0]
        at += size
    assert flat(found) == slowly(data)


@pytest.mark.parametrize("seed", range(5))
def test_a_disordered_stream_gives_what_single_packets_give(seed):
    chance = random.Random(seed)
    data = [
        wire(n, n // 12, bytes((n & 0xFF, n >> 8 & 0xFF)), marker=n % 12 == 11) for n in range(65_000, 67_000)
    ]
    for at in range(0, len(data) - 8, 8):
        if chance.random() < 0.3:
            piece = data[at : at + 8]
            chance.shuffle(piece)
            data[at : at + 8] = piece
    data = [each for each in data if chance.random() > 0.01]
    made, found, at = receiver(), [], 0
    while at < len(data):
        size = chance.randint(1, 40)
        found += datagrams(data[at : at + size], made)[0]
        at += size
    assert flat(found) == slowly(data)


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_any_datagrams_are_sorted(data):
    runs, made = datagrams(data)
    told = sum(len(run.payloads) for run in runs if run is not None)
    assert told <= made.packets
    rtcp = sum(map(is_rtcp, data))
    assert made.counts["rtcp"] <= rtcp
