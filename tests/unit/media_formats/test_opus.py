"""Durations of Opus packets, by FFmpeg's decoder, and the identification header."""

from fractions import Fraction

import av
import numpy as np
import pytest

from cambus.media import opus


@pytest.mark.parametrize("duration_ms", ["2.5", "5", "10", "20", "40", "60"])
@pytest.mark.parametrize("bitrate", [8000, 128_000])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_a_packet_is_as_long_as_ffmpeg_decodes(duration_ms, bitrate, rate):
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    context.bit_rate, context.time_base = bitrate, Fraction(1, rate)
    context.options = {"frame_duration": duration_ms}
    context.open()
    size = context.frame_size
    noise = np.random.default_rng(1).integers(-9000, 9000, size * 4).astype(np.int16)
    packets = []
    for at in range(0, len(noise), size):
        frame = av.AudioFrame.from_ndarray(noise[None, at : at + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, at
        packets += context.encode(frame)
    decoder = av.CodecContext.create("libopus", "r")
    for packet in packets:
        (decoded,) = decoder.decode(av.Packet(bytes(packet)))
        assert opus.packet_samples(bytes(packet)) == decoded.samples


@pytest.mark.parametrize("packet", [b"", b"\x03", b"\x03\x00", b"\xff\x3f"])
def test_what_cannot_be_a_packet_has_no_samples(packet):
    assert opus.packet_samples(packet) == 0


def test_silence_decodes_to_silence():
    decoder = av.CodecContext.create("libopus", "r")
    for _ in range(3):
        (decoded,) = decoder.decode(av.Packet(opus.SILENCE))
        assert decoded.samples == opus.SILENCE_SAMPLES == opus.packet_samples(opus.SILENCE)
        assert not np.any(decoded.to_ndarray())


@pytest.mark.parametrize("channels", [1, 2])
def test_the_header_is_read_as_it_was_written(channels):
    data = opus.head(channels, pre_skip=312, input_rate=8000)
    assert opus.parse_head(data) == (channels, 312, 8000, 0)


@pytest.mark.parametrize("data", [b"", b"OpusHead", b"OpusTags" + bytes(11), opus.head(2, pre_skip=0)[:18]])
def test_what_is_no_header(data):
    assert opus.parse_head(data) is None
