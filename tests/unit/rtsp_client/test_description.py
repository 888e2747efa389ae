"""Descriptions are read leniently: what makes sense is taken, what does not is passed over."""

import pytest

from cambus.media.aac_depacketizer import AacLayout
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import ParameterSetTracker
from cambus.media.sdp import SdpMedia, build_sdp
from cambus.rtsp.client_errors import MalformedAnswer
from cambus.rtsp.description import MAX_BYTES, parse_description
from cambus.simulators.video_loop import LoopStore, VideoSpec

HIKVISION = b"""v=0\r
o=- 1109162014219182 1109162014219192 IN IP4 x.y.z.w\r
s=Media Presentation\r
e=NONE\r
b=AS:5050\r
t=0 0\r
a=control:rtsp://192.0.2.7/Streaming/Channels/101/\r
m=video 0 RTP/AVP 96\r
c=IN IP4 0.0.0.0\r
b=AS:5000\r
a=recvonly\r
a=x-dimensions:1920,1080\r
a=control:rtsp://192.0.2.7/Streaming/Channels/101/trackID=1\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKZpmA8ARPyw=,aO48gA==\r
m=audio 0 RTP/AVP 104\r
a=control:rtsp://192.0.2.7/Streaming/Channels/101/trackID=2\r
a=rtpmap:104 mpeg4-generic/16000/1\r
a=fmtp:104 profile-level-id=15; mode=AAC-hbr; config=1408;SizeLength=13; IndexLength=3; IndexDeltaLength=3;\r
a=Media_header:MEDIAINFO=494D4B48010200000400000101;\r
a=appversion:1.0\r
"""


def one(*lines):
    return parse_description("\n".join(["v=0", "s= ", *lines]).encode())


def test_a_camera_of_hikvision():
    description = parse_description(HIKVISION, server="Hik\x00")
    video, audio = description.tracks
    assert (description.title, description.server) == ("Media Presentation", "Hik")
    assert description.control == "rtsp://192.0.2.7/Streaming/Channels/101/"
    assert (video.codec, video.payload_type, video.clock_rate) == (Codec.H264, 96, 90_000)
    assert video.control.endswith("trackID=1")
    assert video.sets.startswith(b"\x00\x00\x00\x01\x67")
    assert b"\x00\x00\x00\x01\x68" in video.sets
    assert audio.sound == AudioConfig(Codec.AAC, 16_000, 1, bytes.fromhex("1408"))
    assert audio.layout == AacLayout(13, 3, 3)
    assert (description.video, description.audio) == (video, audio)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_parameter_sets_are_those_of_the_stream(codec):
    spec = VideoSpec(codec=codec, width=96, height=80, fps=10, bitrate=60_000, gop_s=1.0, loop_s=1.0)
    params = ParameterSetTracker().update(LoopStore.shared.get(spec).unit(0).data, codec)
    described = parse_description(build_sdp([SdpMedia(params, 96, "trackID=0")]).encode()).video
    assert described.codec is codec
    assert ParameterSetTracker().update(described.sets, codec) == params


def test_static_payload_types_need_no_map():
    tracks = one("m=audio 0 RTP/AVP 8", "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 26").tracks
    assert [(track.codec, track.clock_rate) for track in tracks] == [
        (Codec.PCMA, 8000),
        (Codec.PCMU, 8000),
        (None, 0),
    ]


@pytest.mark.parametrize(("name", "bits"), [("G726-16", 2), ("G726-24", 3), ("G726-32", 4), ("g726-40", 5)])
def test_g726_is_sound_that_says_how_many_bits_a_sample_has(name, bits):
    track = one("m=audio 0 RTP/AVP 97", f"a=rtpmap:97 {name}/8000").audio
    assert track.sound == AudioConfig(Codec.G726, 8000, 1, bytes((bits,)))


def test_aac_without_a_configuration_gets_that_of_its_rate():
    track = one("m=audio 0 RTP/AVP 97", "a=rtpmap:97 MPEG4-GENERIC/48000/2", "a=fmtp:97 sizelength=13").audio
    assert track.sound == AudioConfig(Codec.AAC, 48_000, 2, bytes.fromhex("1190"))


def test_sets_with_start_codes_are_taken_and_broken_ones_are_not():
    with_codes = one(
        "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", "a=fmtp:96 sprop-parameter-sets=AAAAAWdCAA=="
    )
    assert with_codes.video.sets == join_annexb(b"\x67\x42")
    for text in ("sprop-parameter-sets=$$$", "sprop-parameter-sets=", "sprop-parameter-sets=,", "nothing"):
        broken = one("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 {text}")
        assert broken.video.sets == b""


@pytest.mark.parametrize(
    "line",
    [
        "m=",
        "m=video",
        "m=video 0 RTP/AVP 999",
        "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000",
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/0",
        "m=video 0 RTP/AVP 96\na=rtpmap:97 H264/90000",
        "m=video 0 RTP/AVP 96\na=rtpmap:96 JPEG/90000",
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/12345",
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/8000\na=fmtp:97 mode=CELP-cbr",
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/8000\na=fmtp:97 sizelength=99",
    ],
)
def test_a_track_nobody_can_take_apart_is_named_as_such(line):
    description = one(line)
    assert [track.codec for track in description.tracks] == [None]
    assert description.video is None
    assert description.audio is None


@pytest.mark.parametrize("body", [b"", b"v=0\r\ns=nothing\r\n", b"<html></html>", b"\xff" * 100])
def test_what_names_no_track_is_none(body):
    with pytest.raises(MalformedAnswer):
        parse_description(body)


def test_sizes_are_bounded():
    with pytest.raises(MalformedAnswer):
        parse_description(b"m=video 0 RTP/AVP 96\n" + b"a" * MAX_BYTES)
    assert len(one(*["m=audio 0 RTP/AVP 8"] * 100).tracks) == 16
    assert len(parse_description(b"s=" + b"x" * 1000 + b"\nm=audio 0 RTP/AVP 8").title) == 128
