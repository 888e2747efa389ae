"""Configurations, headers and silence of AAC; FFmpeg is the judge of silence and of whole ADTS files."""

import av
import numpy as np
import pytest
from sound import clicks, coded, opened

from cambus.media import aac
from cambus.media.aac import AacParameters, adts_header, iter_adts, silent_frame, specific_config
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError
from cambus.media.frame import Codec


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ("1408", AacParameters(2, 16_000, 1)),
        ("1190", AacParameters(2, 48_000, 2)),
        ("1588", AacParameters(2, 8_000, 1)),
        ("1408 56e500", AacParameters(2, 16_000, 1)),  # FFmpeg appends that there is no SBR
        ("2b8a0800", AacParameters(2, 22_050, 1)),  # HE-AAC, signalled outside: the core is LC at 22.05 kHz
        ("1214", AacParameters(2, 44_100, 2, 960)),
        ("17 80 5d c0 08", AacParameters(2, 48_000, 1)),  # the rate itself instead of its index
        ("11b8", AacParameters(2, 48_000, 8)),
    ],
)
def test_what_a_configuration_says(config, parameters):
    assert AacParameters.parse(bytes.fromhex(config)) == parameters


@pytest.mark.parametrize("config", ["", "14", "1680", "17 80 00 00 08", "ff"])
def test_a_configuration_that_is_cut_short_or_reserved(config):
    with pytest.raises(AudioConfigError):
        AacParameters.parse(bytes.fromhex(config))


@pytest.mark.parametrize("rate", aac.SAMPLE_RATES)
@pytest.mark.parametrize("channels", [0, 1, 2, 6, 8])
def test_a_configuration_is_read_as_it_was_written(rate, channels):
    assert AacParameters.parse(specific_config(rate, channels)) == AacParameters(2, rate, channels)
    short = AacParameters(2, rate, channels, 960)
    assert AacParameters.parse(short.serialize()) == short


@pytest.mark.parametrize(
    "make",
    [
        lambda: specific_config(12_345, 1),
        lambda: AacParameters(29, 48_000, 1).serialize(),
        lambda: AacParameters(2, 48_000, 7).serialize(),
        lambda: adts_header(8192, 48_000, 1),
        lambda: adts_header(10, 44_000, 1),
        lambda: adts_header(10, 48_000, 1, 5),
        lambda: silent_frame(3),
    ],
)
def test_what_has_no_place_is_refused(make):
    with pytest.raises(AudioConfigError):
        make()


@pytest.mark.parametrize("channels", [1, 2])
def test_ffmpeg_reads_a_file_of_frames_behind_our_headers(channels):
    config = AudioConfig(Codec.AAC, 32_000, channels, specific_config(32_000, channels))
    frames = coded(clicks(1, (0.5,), 32_000), config)
    data = b"".join(adts_header(len(frame.payload), 32_000, channels) + frame.payload for frame in frames)
    with opened(data) as container:
        (stream,) = container.streams
        assert (container.format.name, stream.rate, stream.channels) == ("aac", 32_000, channels)
        assert sum(frame.samples for frame in container.decode(stream)) == 1024 * len(frames)
    found = list(iter_adts(data))
    assert [payload for _, payload in found] == [frame.payload for frame in frames]
    assert {parameters for parameters, _ in found} == {AacParameters(2, 32_000, channels)}


def test_headers_with_a_checksum_are_taken_off_whole():
    plain = adts_header(12, 8000, 1)
    head = bytes((0xFF, 0xF0)) + plain[2:4] + ((12 + 9) << 5 | 0x1F).to_bytes(2, "big") + b"\xfc"
    assert list(iter_adts(head + b"cc" + b"x" * 12)) == [(AacParameters(2, 8000, 1), b"x" * 12)]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"\x00" * 20, adts_header(20, 8000, 1) + b"short", b"\xff\xf1\xff\xff\xff\xff\xff\xff"],
)
def test_what_is_no_adts_has_no_frames(data):
    assert list(iter_adts(data)) == []


def test_a_frame_is_dressed_once_and_only_where_a_header_can_describe_it():
    config = specific_config(16_000, 1)
    dressed = aac.with_adts(b"\x21" * 30, config)
    assert list(iter_adts(dressed)) == [(AacParameters(2, 16_000, 1), b"\x21" * 30)]
    assert aac.with_adts(dressed, config) == dressed
    assert aac.with_adts(b"\x21" * 30, b"") == b"\x21" * 30
    assert aac.with_adts(b"\x21" * 9000, config) == b"\x21" * 9000


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_is_a_frame_of_nothing_and_ends_sound_cleanly(channels):
    context = av.CodecContext.create("aac", "r")
    context.extradata = specific_config(48_000, channels)
    for _ in range(3):
        (frame,) = context.decode(av.Packet(silent_frame(channels)))
        assert (frame.samples, frame.layout.nb_channels) == (1024, channels)
        assert not np.any(frame.to_ndarray())
