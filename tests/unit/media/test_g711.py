"""Every code and every sample, against FFmpeg's own tables."""

import av
import numpy as np
import pytest

from cambus.media import g711

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(65536, dtype=np.uint16).astype("<u2").tobytes()
LAWS = [
    ("pcm_alaw", g711.encode_alaw, g711.decode_alaw),
    ("pcm_mulaw", g711.encode_ulaw, g711.decode_ulaw),
]


def context(name, mode):
    made = av.CodecContext.create(name, mode)
    made.sample_rate, made.layout = 8000, "mono"
    if mode == "w":
        made.format = "s16"
    return made


@pytest.mark.parametrize(("name", "_encode", "decode"), LAWS)
def test_all_codes_decode_as_in_ffmpeg(name, _encode, decode):
    (frame,) = context(name, "r").decode(av.Packet(ALL_CODES))
    assert decode(ALL_CODES) == frame.to_ndarray().astype("<i2").tobytes()


@pytest.mark.parametrize(("name", "encode", "_decode"), LAWS)
def test_all_samples_encode_as_in_ffmpeg(name, encode, _decode):
    samples = np.frombuffer(ALL_SAMPLES, dtype="<i2").astype(np.int16).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = 8000
    encoder = context(name, "w")
    expected = b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
    assert encode(ALL_SAMPLES) == expected


@pytest.mark.parametrize(("_name", "encode", "decode"), LAWS)
def test_every_code_survives_the_round_trip(_name, encode, decode):
    decoded = decode(encode(decode(ALL_CODES)))
    # Mu-law has two codes for zero; their samples are the same.
    assert decoded == decode(ALL_CODES)


def test_the_quietest_code_of_alaw_is_d5():
    assert g711.encode_alaw(bytes(4)) == b"\xd5\xd5"


@pytest.mark.parametrize(("_name", "encode", "decode"), LAWS)
def test_odd_and_empty_input(_name, encode, decode):
    assert encode(b"") == decode(b"") == b""
    assert len(encode(b"\x00\x10\x00")) == 1
