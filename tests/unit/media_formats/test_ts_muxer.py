"""Packets of a transport stream, byte by byte (ISO/IEC 13818-1 §2.4); players are for the integration tests."""

from itertools import pairwise

import pytest

from cambus.media.aac import specific_config
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.mpegps_writer import crc32
from cambus.media.ts_muxer import AUDIO_PID, MAP_PID, PCR_LEAD, VIDEO_PID, TransportStreamMuxer, can_carry

AAC = AudioConfig(Codec.AAC, 32_000, 1, specific_config(32_000, 1))


def split(data):
    """PID, unit start, adaptation control, counter, adaptation field, payload of each packet."""
    assert len(data) % 188 == 0
    found = []
    for at in range(0, len(data), 188):
        packet = data[at : at + 188]
        assert packet[0] == 0x47
        pid, starts = int.from_bytes(packet[1:3], "big") & 0x1FFF, bool(packet[1] & 0x40)
        control, counter = packet[3] >> 4, packet[3] & 15
        size = 1 + packet[4] if control & 2 else 0
        found.append((pid, starts, control, counter, packet[5 : 4 + size], packet[4 + size :]))
    return found


def aac(pts, size=100):
    return Frame(Kind.AUDIO, Codec.AAC, Flag.NONE, 0, pts, pts, 0, b"\x21" * size)


def clock_of(field):
    return int.from_bytes(field[1:7], "big") >> 15


def test_the_tables_have_right_checksums_and_say_what_there_is():
    association, program = split(TransportStreamMuxer(Codec.H265, AAC).tables())
    for pid, starts, control, counter, _, payload in (association, program):
        assert (pid in {0, MAP_PID}, starts, control, counter, payload[0]) == (True, True, 1, 0, 0)
        section = payload[1:]
        end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF)
        assert crc32(section[:end]) == 0  # as a receiver checks it
        assert set(section[end:]) == {0xFF}
    body = program[5][1:]
    assert int.from_bytes(body[8:10], "big") & 0x1FFF == VIDEO_PID
    assert body[12] == 0x24
    assert body[17] == 0x0F


@pytest.mark.parametrize("size", [1, 100, 157, 158, 159, 160, 170, 171, 184, 340, 342, 368, 10_000])
def test_a_unit_of_any_size_fills_whole_packets(size, h264, video):
    muxer = TransportStreamMuxer(Codec.H264)
    frame = video(9000, params=h264, slice_bytes=size + 1)
    packets = [each for each in split(muxer.packets(frame)) if each[0] == VIDEO_PID]
    assert [each[1] for each in packets] == [True] + [False] * (len(packets) - 1)
    assert [each[3] for each in packets] == [number & 15 for number in range(len(packets))]
    payload = b"".join(each[5] for each in packets)
    assert payload.endswith(b"\x00\x00\x00\x01\x09\xf0" + frame.payload)
    assert payload.startswith(b"\x00\x00\x01\xe0\x00\x00")


def test_a_delimiter_that_is_there_is_not_put_in_twice(h264, video):
    frame = video(0, params=h264)
    with_one = frame._replace(payload=b"\x00\x00\x01\x09\x10" + frame.payload)
    payload = b"".join(each[5] for each in split(TransportStreamMuxer(Codec.H264).packets(with_one)))
    assert payload.endswith(with_one.payload)
    assert b"\x09\xf0" not in payload


def test_only_a_keyframe_says_that_one_may_begin_here(h264, video):
    muxer = TransportStreamMuxer(Codec.H264)
    fields = []
    for number in range(3):
        packets = split(muxer.packets(video(number * 3600, params=h264, keyframe=number == 1)))
        fields.append(next(each[4][0] for each in packets if each[0] == VIDEO_PID))
    assert fields == [0x10, 0x50, 0x10]


def test_the_clock_is_a_lead_behind_the_decode_times_and_wraps_with_them(h264, video):
    muxer = TransportStreamMuxer(Codec.H264)
    for dts in (PCR_LEAD, (1 << 33) - 3600, 1 << 33, (1 << 33) + 3600):
        (field,) = [each[4] for each in split(muxer.packets(video(dts, params=h264))) if each[0] == VIDEO_PID]
        assert clock_of(field) == (dts - PCR_LEAD) % (1 << 33)


def test_where_pictures_are_rare_the_clock_comes_with_the_sound(h264, video):
    muxer = TransportStreamMuxer(Codec.H264, AAC)
    muxer.packets(video(90_000, params=h264, keyframe=True))
    clocks = []
    for pts in range(90_000, 180_000, 2880):
        for pid, starts, control, counter, field, payload in split(muxer.packets(aac(pts))):
            if pid == VIDEO_PID:
                assert (starts, control, counter, payload) == (False, 2, 0, b"")
                clocks.append(clock_of(field))
            else:
                assert (pid, starts) == (AUDIO_PID, True)
    assert all(0 < after - before <= 9000 for before, after in pairwise(clocks))
    (field,) = [
        each[4]
        for each in split(muxer.packets(video(clocks[-1] + PCR_LEAD - 900, params=h264)))
        if each[0] == VIDEO_PID
    ]
    assert clock_of(field) >= clocks[-1]


def test_the_tables_come_again_before_keyframes_and_every_half_second(h264, video):
    muxer = TransportStreamMuxer(Codec.H264)
    with_tables = [
        number
        for number in range(40)
        if split(muxer.packets(video(number * 3600, params=h264, keyframe=number in {0, 5})))[0][0] == 0
    ]
    assert with_tables == [0, 5, 18, 31]


def test_sound_alone_has_the_clock_itself():
    muxer = TransportStreamMuxer(None, AAC)
    pids = [each[0] for each in split(muxer.packets(aac(0)))]
    assert pids == [0, MAP_PID, AUDIO_PID]
    (_, _, _, _, field, payload) = split(muxer.packets(aac(2880)))[0]
    assert field[0] & 0x10
    assert int.from_bytes(payload[4:6], "big") == len(payload) - 6


def test_what_belongs_to_neither_track_is_left_out(h264, video):
    muxer = TransportStreamMuxer(Codec.H265)
    assert muxer.packets(video(0, params=h264)) == b""
    assert muxer.packets(aac(0)) == b""
    assert TransportStreamMuxer(Codec.H264, AAC).packets(aac(0, size=8185)) == b""
    assert TransportStreamMuxer(Codec.H264, AAC).packets(aac(0, size=0)) == b""


@pytest.mark.parametrize(
    "audio",
    [
        AudioConfig(Codec.PCMA, 8000, 1),
        AudioConfig(Codec.AAC, 8000, 1),
        AudioConfig(Codec.AAC, 44_100, 2, bytes.fromhex("1214")),  # frames of 960 samples
        AudioConfig(Codec.AAC, 44_100, 2, bytes.fromhex("f94840")),  # USAC
    ],
)
def test_sound_that_has_no_place_is_refused(audio):
    assert not can_carry(audio)
    with pytest.raises(ContainerError):
        TransportStreamMuxer(Codec.H264, audio)


def test_pictures_that_have_no_place_are_refused():
    for video in (Codec.MPEG4, None):
        with pytest.raises(ContainerError):
            TransportStreamMuxer(video)
