"""Packets of a track become units: in order, whole, with their times."""

import pytest

from cambus.media.frame import Codec
from cambus.media.rtcp import bye
from cambus.media.rtp import RtpPacketizer
from cambus.rtsp.description import parse_description
from cambus.rtsp.lip_sync import LipSync
from cambus.rtsp.track_reader import TrackReader
from cambus.simulators.video_loop import LoopStore, VideoSpec

START = 1_700_000_000_000_000
STEP = 3600
SPEC = VideoSpec(width=96, height=80, fps=25, bitrate=300_000, gop_s=0.4, loop_s=0.4)


def reader(lines="m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000", *, datagrams=False):
    track = parse_description(lines.encode()).tracks[0]
    return TrackReader(track, LipSync({0: track.clock_rate}), datagrams=datagrams)


def packets(count=10, mtu=400, **more):
    """The packets of pictures, picture by picture."""
    loop = LoopStore.shared.get(SPEC)
    maker = RtpPacketizer(Codec.H264, 96, 7, mtu=mtu, timestamp_offset=0, **more)
    return [maker.packetize(loop.unit(n).data, n * STEP) for n in range(count)]


def pushed(track, flow):
    return [unit for data in flow for unit in track.push(data, 0.0, START)]


def flat(pictures):
    return [packet for picture in pictures for packet in picture]


def payloads(count=10):
    return [LoopStore.shared.get(SPEC).unit(n).data for n in range(count)]


def test_pictures_come_whole_and_in_their_time():
    units = pushed(reader(), flat(packets()))
    assert [unit.payload for unit in units] == payloads()
    assert [unit.pts - units[0].pts for unit in units] == [n * STEP for n in range(10)]
    assert units[0].pts == START * 9 // 100
    assert not any(unit.discontinuity for unit in units)


def test_without_markers_a_picture_ends_where_the_next_begins():
    flow = [bytes((each[0], each[1] & 0x7F)) + each[2:] for each in flat(packets())]
    units = pushed(reader(), flow)
    assert [unit.payload for unit in units] == payloads(9)


def test_parameter_sets_that_are_marked_like_pictures_stay_with_theirs():
    flow = [
        each[:1] + bytes((each[1] | 0x80 * (each[12] & 0x1F in {7, 8}),)) + each[2:]
        for each in flat(packets())
    ]
    assert flow != flat(packets())
    assert [unit.payload for unit in pushed(reader(), flow)] == payloads()


@pytest.mark.parametrize("datagrams", [False, True])
def test_a_picture_with_a_gap_is_left_out_and_the_next_one_says_so(datagrams):
    pictures = packets()
    del pictures[3][0]
    track = reader(datagrams=datagrams)
    units = pushed(track, flat(pictures))
    for _ in range(2):
        units += track.due(1.0, START)
    assert payloads()[3] not in [unit.payload for unit in units]
    (broken,) = [unit for unit in units if unit.discontinuity]
    assert broken.payload == payloads()[4]
    assert track.counts["lost"] == 1


def test_datagrams_may_come_in_any_order():
    flow = flat(packets(sequence=0xFFFF - 5))
    for at in range(1, len(flow) - 2, 3):
        flow[at], flow[at + 2] = flow[at + 2], flow[at]
    track = reader(datagrams=True)
    assert [unit.payload for unit in pushed(track, flow)] == payloads()
    assert not track.counts


def test_packets_of_another_type_are_passed_over():
    track = reader()
    assert (
        pushed(track, [b"", b"\x80", bytes(20), *RtpPacketizer(Codec.PCMA, 8).packetize(bytes(320), 0)]) == []
    )
    assert track.counts["foreign"] == 4
    assert track.packets == 0


def test_a_sender_that_begins_anew_is_followed():
    track = reader()
    units = pushed(track, flat(packets(5, sequence=100)))
    maker = RtpPacketizer(Codec.H264, 96, 8, sequence=30_000, timestamp_offset=0)
    loop = LoopStore.shared.get(SPEC)
    units += pushed(track, [p for n in range(5) for p in maker.packetize(loop.unit(n).data, n * STEP)])
    assert [unit.payload for unit in units] == payloads(5) * 2
    assert [n for n, unit in enumerate(units) if unit.discontinuity] == [5]


def test_a_sender_whose_timestamps_stand_still_has_none():
    loop = LoopStore.shared.get(SPEC)
    maker = RtpPacketizer(Codec.H264, 96, 8)
    units = pushed(reader(), [p for n in range(3) for p in maker.packetize(loop.unit(n).data, 0)])
    assert [unit.pts is None for unit in units] == [False, True, True]


@pytest.mark.parametrize(("kind", "codec"), [(8, Codec.PCMA), (0, Codec.PCMU)])
def test_sound_comes_packet_by_packet(kind, codec):
    track = reader(f"m=audio 0 RTP/AVP {kind}")
    maker = RtpPacketizer(codec, kind, clock_rate=8000)
    units = pushed(track, [p for n in range(3) for p in maker.packetize(bytes([n]) * 320, n * STEP)])
    assert [unit.payload[0] for unit in units] == [0, 1, 2]
    assert [unit.pts - units[0].pts for unit in units] == [0, STEP, 2 * STEP]


def test_a_goodbye_of_the_sender_is_heard_and_that_of_another_is_not():
    track = reader()
    pushed(track, packets(1)[0])
    track.report(bye(9), START)
    assert not track.ended
    track.report(bye(7), START)
    assert track.ended
