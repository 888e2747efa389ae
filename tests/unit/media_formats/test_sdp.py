from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.sdp import SdpMedia, build_sdp, payload_type_of


def b64(unit: bytes) -> str:
    return b64encode(unit).decode()


def test_h264_with_alaw(h264, pcma):
    text = build_sdp([SdpMedia(h264, 96, "trackID=0"), SdpMedia(pcma, 8, "trackID=1")], session_id=42)
    sets = f"{b64(h264.sps)},{b64(h264.pps)}"
    assert text.split("\r\n") == [
        "v=0",
        "o=- 42 1 IN IP4 0.0.0.0",
        "s=Cambus",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        f"a=fmtp:96 packetization-mode=1;profile-level-id=42C00B;sprop-parameter-sets={sets}",
        "a=control:trackID=0",
        "m=audio 0 RTP/AVP 8",
        "a=rtpmap:8 PCMA/8000",
        "a=control:trackID=1",
        "",
    ]


def test_h265_names_each_kind_of_parameter_set(h265):
    text = build_sdp([SdpMedia(h265, 98, "trackID=0")])
    assert "a=rtpmap:98 H265/90000\r\n" in text
    fmtp = f"sprop-vps={b64(h265.vps)};sprop-sps={b64(h265.sps)};sprop-pps={b64(h265.pps)}"
    assert f"a=fmtp:98 {fmtp}\r\n" in text
    assert "a=framerate:25\r\n" in text


def test_further_parameter_sets_are_listed(h264):
    second = h264.pps + b"\x01"
    text = build_sdp([SdpMedia(replace(h264, others=(second,)), 96, "v")])
    assert f"={b64(h264.sps)},{b64(h264.pps)},{b64(second)}\r\n" in text


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (AudioConfig(Codec.PCMA, 8000, 1), 8),
        (AudioConfig(Codec.PCMU, 8000, 1), 0),
        (AudioConfig(Codec.PCMU, 16000, 1), 96),
        (AudioConfig(Codec.PCMA, 8000, 2), 96),
    ],
)
def test_only_8_khz_mono_g711_has_a_static_payload_type(config, expected):
    assert payload_type_of(config) == expected


def test_video_has_a_dynamic_payload_type(h264):
    assert payload_type_of(h264, dynamic=100) == 100


def test_wideband_stereo_g711_says_so():
    text = build_sdp([SdpMedia(AudioConfig(Codec.PCMU, 16000, 2), 97, "a")])
    assert "a=rtpmap:97 PCMU/16000/2\r\n" in text


def test_a_name_cannot_add_lines(h264):
    text = build_sdp([SdpMedia(h264, 96, "v")], name="gate\r\na=evil:1\n", address="::1")
    assert "s=gate a=evil:1\r\n" in text
    assert "c=IN IP6 ::1\r\n" in text


def test_codecs_without_a_payload_format_are_refused(h264):
    with pytest.raises(ContainerError):
        build_sdp([SdpMedia(AudioConfig(Codec.G726, 8000, 1), 97, "a")])
    with pytest.raises(ContainerError):
        build_sdp([SdpMedia(replace(h264, codec=Codec.MJPEG), 97, "v")])


def test_aac_says_how_its_packets_are_made_and_what_is_in_them():
    config = AudioConfig(Codec.AAC, 16_000, 1, b"\x14\x08")
    text = build_sdp([SdpMedia(config, payload_type_of(config, dynamic=97), "trackID=1")])
    assert "a=rtpmap:97 MPEG4-GENERIC/16000/1\r\n" in text
    assert "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\n" in text


def test_opus_is_always_48_khz_stereo_to_the_description():
    config = AudioConfig(Codec.OPUS, 48_000, 1)
    text = build_sdp([SdpMedia(config, payload_type_of(config, dynamic=97), "trackID=1")])
    assert "a=rtpmap:97 opus/48000/2\r\na=fmtp:97 sprop-stereo=0\r\n" in text
