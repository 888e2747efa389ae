"""What a description says of a camera's sound, as the bus has it."""

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.sdp import SdpMedia, build_sdp, payload_type_of
from cambus.rtsp.description import parse_description


def sound(rtpmap, fmtp=""):
    text = f"v=0\r\ns=x\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 {rtpmap}\r\n{fmtp}"
    (track,) = parse_description(text.encode()).tracks
    return track.sound


@pytest.mark.parametrize(("kbit_s", "bits"), [(16, 2), (24, 3), (32, 4), (40, 5)])
def test_the_name_of_g726_says_how_many_bits_a_sample_has(kbit_s, bits):
    assert sound(f"G726-{kbit_s}/8000") == AudioConfig(Codec.G726, 8000, 1, bytes((bits,)))


def test_aac_that_does_not_describe_itself_is_taken_for_low_complexity():
    layout = "a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3\r\n"
    assert sound("MPEG4-GENERIC/16000/1", layout) == AudioConfig(Codec.AAC, 16_000, 1, b"\x14\x08")
    assert sound("MPEG4-GENERIC/12345/1", layout) is None


@pytest.mark.parametrize(
    "config", [AudioConfig(Codec.AAC, 44_100, 2, b"\x12\x10"), AudioConfig(Codec.PCMA, 16_000, 1)]
)
def test_our_own_description_is_read_as_it_was_meant(config):
    text = build_sdp([SdpMedia(config, payload_type_of(config, dynamic=97), "trackID=0")])
    (track,) = parse_description(text.encode()).tracks
    assert track.sound == config
