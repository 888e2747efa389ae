from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.flv import FlvMuxer, can_carry, timestamp_ms
from cambus.media.flv_metadata import on_metadata
from cambus.media.frame import Codec, Kind
from cambus.media.parameter_sets import avc_decoder_configuration, hevc_decoder_configuration


def split_tags(data: bytes) -> list[tuple[int, int, bytes]]:
    """(kind, milliseconds, body) of each tag; checks the sizes behind them."""
    tags = []
    while data:
        size = int.from_bytes(data[1:4], "big")
        milliseconds = int.from_bytes(data[4:7], "big") | data[7] << 24
        assert data[8:11] == b"\0\0\0"
        assert int.from_bytes(data[11 + size : 15 + size], "big") == 11 + size
        tags.append((data[0], milliseconds, data[11 : 11 + size]))
        data = data[15 + size :]
    return tags


def test_the_header_announces_both_tracks_and_carries_the_h264_configuration(h264, pcma):
    header = FlvMuxer(h264, pcma).header()
    assert header[:13] == b"FLV\x01\x05" + struct.pack(">II", 9, 0)
    (script, _, metadata), (kind, at, body) = split_tags(header[13:])
    assert (script, kind, at) == (18, 9, 0)
    assert metadata.startswith(b"\x02\x00\x0aonMetaData\x08")
    assert b"\x00\x05width\x00" + struct.pack(">d", 160) in metadata
    assert b"\x00\x0caudiocodecid\x00" + struct.pack(">d", 7) in metadata
    assert body == b"\x17\x00\x00\x00\x00" + avc_decoder_configuration(h264)


def test_h265_goes_by_its_fourcc(h265):
    header = FlvMuxer(h265).header()
    assert header[4] == 1
    (_, _, metadata), (_, _, body) = split_tags(header[13:])
    assert b"\x00\x0cvideocodecid\x00" + struct.pack(">d", 0x68766331) in metadata
    assert body == b"\x90hvc1" + hevc_decoder_configuration(h265)


def test_sound_alone_has_no_configuration_tag(pcma):
    header = FlvMuxer(None, pcma).header()
    assert header[4] == 4
    assert len(split_tags(header[13:])) == 1


def test_sound_from_before_the_base_is_left_out(pcma, audio):
    muxer = FlvMuxer(None, pcma)
    assert muxer.tag(audio(90_000 - 1), 90_000) == b""
    assert [at for _, at, _ in split_tags(muxer.tag(audio(90_000), 90_000))] == [0]


def test_h264_tags_hold_slices_without_parameter_sets_and_the_composition_time(h264, video):
    muxer = FlvMuxer(h264)
    key = muxer.tag(video(90_000, params=h264, keyframe=True, pts=97_200), 0)
    ((kind, at, body),) = split_tags(key)
    assert (kind, at) == (9, 1000)
    assert body[:5] == b"\x17\x01" + (80).to_bytes(3, "big")
    assert body[5:10] == b"\x00\x00\x00\x28\x65"
    assert len(body) == 5 + 4 + 40
    ((_, _, inter),) = split_tags(muxer.tag(video(90_000, params=h264, pts=89_910), 0))
    assert inter[:5] == b"\x27\x01\xff\xff\xff"  # one millisecond before


def test_h265_tags_leave_the_composition_time_out_where_it_is_zero(h265, video):
    muxer = FlvMuxer(h265)
    ((_, _, plain),) = split_tags(muxer.tag(video(0, params=h265, keyframe=True), 0))
    assert plain[:5] == b"\x93hvc1"
    assert plain[5:10] == b"\x00\x00\x00\x28\x26"
    ((_, _, reordered),) = split_tags(muxer.tag(video(0, params=h265, pts=3600), 0))
    assert reordered[:8] == b"\xa1hvc1" + (40).to_bytes(3, "big")


@pytest.mark.parametrize(("codec", "head"), [(Codec.PCMA, 0x72), (Codec.PCMU, 0x82)])
def test_g711_is_named_with_16_bits_mono(codec, head, audio):
    muxer = FlvMuxer(None, AudioConfig(codec, 8000, 1))
    assert split_tags(muxer.tag(audio(1800, codec=codec), 0)) == [(8, 20, bytes((head,)) + b"\x2a" * 160)]


def test_stereo_is_said(audio):
    tag = FlvMuxer(None, AudioConfig(Codec.PCMA, 8000, 2)).tag(audio(0), 0)
    assert split_tags(tag)[0][2][0] == 0x73


def test_timestamps_use_the_extended_byte_and_stay_positive():
    assert timestamp_ms(90 * 0x01_234567, 0) == 0x01_234567
    assert timestamp_ms(90 * 0x1_0000_0001, 0) == 1
    assert timestamp_ms(5, 10) == 0


def test_the_extended_byte_stands_behind_the_lower_three(h264, video):
    tag = FlvMuxer(h264).tag(video(90 * 0x12_345678, params=h264), 0)
    assert tag[4:8] == b"\x34\x56\x78\x12"


def test_frames_of_no_track_make_no_tag(h264, h265, pcma, video, audio):
    both = FlvMuxer(h264, pcma)
    assert both.tag(video(0, params=h265), 0) == b""
    assert both.tag(audio(0, codec=Codec.PCMU), 0) == b""
    assert both.tag(audio(0, samples=0), 0) == b""
    assert both.tag(audio(0)._replace(kind=Kind.DATA), 0) == b""
    assert both.tag(video(0, params=h264)._replace(payload=b"\0\0\1" + h264.sps), 0) == b""
    assert FlvMuxer(h264).tag(audio(0), 0) == b""
    assert FlvMuxer(None, pcma).tag(video(0, params=h264), 0) == b""


def test_an_access_unit_above_16_mib_makes_no_tag(h264, video):
    muxer = FlvMuxer(h264)
    assert muxer.tag(video(0, params=h264, slice_bytes=0xFFFFFF - 9), 0) != b""
    assert muxer.tag(video(0, params=h264, slice_bytes=0xFFFFFF - 8), 0) == b""


@pytest.mark.parametrize(
    "config",
    [AudioConfig(Codec.PCMA, 16000, 1), AudioConfig(Codec.G726, 8000, 1), AudioConfig(Codec.PCMU, 8000, 3)],
)
def test_sound_without_a_number_is_refused(config, h264):
    assert not can_carry(config)
    with pytest.raises(ContainerError):
        FlvMuxer(h264, config)


def test_video_without_a_number_is_refused(h264):
    with pytest.raises(ContainerError):
        FlvMuxer(replace(h264, codec=Codec.MJPEG))


def test_metadata_values_are_typed():
    body = on_metadata({"n": 1.5, "b": True, "s": "x"})
    assert body.endswith(
        b"\x00\x01n\x00"
        + struct.pack(">d", 1.5)
        + b"\x00\x01b\x01\x01"
        + b"\x00\x01s\x02\x00\x01x\x00\x00\x09"
    )
    with pytest.raises(ValueError, match="65536"):
        on_metadata({"s": "x" * 65536})
