"""Our sound in packets."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181 import sdp
from cambus.gb28181.sdp import PayloadFormat
from cambus.gb28181.sound_packets import PACKET_SAMPLES, PCMU, SoundPackets, format_of
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, encode_ulaw
from cambus.media.mpegps import ProgramStreamDemuxer
from cambus.media.rtp_input import parse_rtp

SOUND = bytes(range(256)) * 10


def cut(sizes, format_=sdp.PCMA):
    packets, at, found = SoundPackets(9, format_), 0, []
    for size in sizes:
        found += packets.cut(SOUND[at : at + size])
        at += size
    return [parse_rtp(each) for each in found]


@pytest.mark.parametrize(
    ("offered", "format_"),
    [
        ((sdp.PCMA,), sdp.PCMA),
        ((sdp.PS, sdp.PCMA), sdp.PCMA),
        ((sdp.PS,), sdp.PS),
        ((PayloadFormat(0),), PCMU),
        ((PayloadFormat(4),), sdp.PCMA),
        ((), sdp.PCMA),
    ],
)
def test_the_best_of_what_is_offered_is_spoken(offered, format_):
    assert format_of(offered) == format_


@given(st.lists(st.integers(0, 700), max_size=8))
def test_packets_are_20_ms_however_sound_comes(sizes):
    packets = cut(sizes)
    total = min(sum(sizes), len(SOUND))
    assert b"".join(each.payload for each in packets) == SOUND[: total - total % PACKET_SAMPLES]
    assert {len(each.payload) for each in packets} <= {PACKET_SAMPLES}
    for before, after in itertools.pairwise(packets):
        assert after.sequence == before.sequence + 1 & 0xFFFF
        assert after.timestamp == before.timestamp + PACKET_SAMPLES & 0xFFFFFFFF
    assert [each.marker for each in packets] == [number == 0 for number in range(len(packets))]


def test_u_law_is_spoken_to_whom_takes_nothing_else():
    packets = cut([320], PCMU)
    assert {each.payload_type for each in packets} == {0}
    assert b"".join(each.payload for each in packets) == encode_ulaw(decode_alaw(SOUND[:320]))


def test_in_ps_it_is_mapped_and_timed():
    demuxer, units = ProgramStreamDemuxer(), []
    for packet in cut([1600], sdp.PS):
        assert packet.payload_type == 96
        units += demuxer.feed(packet.payload, packet.timestamp, complete=packet.marker)
    assert b"".join(unit.payload for unit in units) == SOUND[:1600]
    assert {(unit.codec, unit.stream_type) for unit in units} == {(Codec.PCMA, 0x90)}
    assert {b.pts - a.pts for a, b in itertools.pairwise(units)} == {1800}
