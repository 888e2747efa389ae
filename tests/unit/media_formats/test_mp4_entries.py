from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.media import opus
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError, MediaError
from cambus.media.frame import Codec
from cambus.media.mp4_boxes import find_box
from cambus.media.mp4_entries import audio_entry, video_entry
from cambus.media.mp4_entry_reader import read_audio_entry, read_video_entry
from cambus.media.parameter_sets import avc_decoder_configuration, hevc_decoder_configuration


def test_video_entries_hold_size_and_configuration(h264, h265):
    for params, kind, record in (
        (h264, b"avc1", b"avcC" + avc_decoder_configuration(h264)),
        (h265, b"hvc1", b"hvcC" + hevc_decoder_configuration(h265)),
    ):
        entry = video_entry(params)
        assert entry[4:8] == kind
        assert int.from_bytes(entry[:4], "big") == len(entry)
        assert (int.from_bytes(entry[32:34], "big"), int.from_bytes(entry[34:36], "big")) == (160, 120)
        assert entry.endswith(record)
        assert read_video_entry(entry) == params


def test_further_parameter_sets_survive(h264):
    several = replace(h264, others=(h264.pps + b"\x01",))
    assert read_video_entry(video_entry(several)).sets == several.sets


def test_audio_entries_hold_rate_and_channels():
    for config in (AudioConfig(Codec.PCMA, 8000, 1), AudioConfig(Codec.PCMU, 16000, 2)):
        made = audio_entry(config)
        assert made.codec_string == made.entry[4:8].decode()
        assert len(made.entry) == 36
        assert read_audio_entry(made.entry) == config


AAC = AudioConfig(Codec.AAC, 16_000, 1, b"\x14\x08")
OPUS = AudioConfig(Codec.OPUS, 48_000, 2, opus.head(2, pre_skip=312, input_rate=8000))


@pytest.mark.parametrize(
    ("config", "codec_string"),
    [
        (AAC, "mp4a.40.2"),
        (AudioConfig(Codec.AAC, 96_000, 2, b"\x10\x10"), "mp4a.40.2"),
        (AudioConfig(Codec.AAC, 16_000, 1, bytes.fromhex("140856e500")), "mp4a.40.2"),
        (OPUS, "opus"),
    ],
)
def test_aac_and_opus_are_described_and_read_back(config, codec_string):
    made = audio_entry(config)
    assert made.codec_string == codec_string
    assert int.from_bytes(made.entry[:4], "big") == len(made.entry)
    assert read_audio_entry(made.entry) == config


@pytest.mark.parametrize("config", [AAC, OPUS])
def test_an_entry_that_is_cut_short_is_refused(config):
    entry = audio_entry(config).entry
    for size in range(8, len(entry) - 1):
        with pytest.raises(ContainerError):
            read_audio_entry(entry[:size])


@given(st.binary(min_size=0, max_size=120), st.sampled_from([b"mp4a", b"Opus", b"alaw"]))
def test_whatever_stands_in_an_entry_is_read_or_refused(body, kind):
    with contextlib.suppress(MediaError):
        read_audio_entry(len(body).to_bytes(4, "big") + kind + body)


@pytest.mark.parametrize(("name", "codec"), [("aac", Codec.AAC), ("libopus", Codec.OPUS)])
def test_entries_that_ffmpeg_writes_are_read(name, codec):
    """Its descriptors have sizes of four bytes."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(name, rate=48_000)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 4800), np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(stream.encode(frame) + stream.encode(None))
        extradata = bytes(stream.codec_context.extradata)
    data = file.getvalue()
    found = find_box(data, "moov/trak/mdia/minf/stbl/stsd")
    assert found is not None
    entry = data[found.payload + 8 : found.end]
    config = read_audio_entry(entry)
    assert (config.codec, config.sample_rate, config.channels) == (codec, 48_000, 2)
    if codec is Codec.AAC:
        assert config.extradata == extradata
    else:
        assert opus.parse_head(config.extradata) == opus.parse_head(extradata)


def test_flac_entries_hold_streaminfo_as_the_last_block(pcma):
    made = audio_entry(pcma, as_flac=True)
    assert made.codec_string == "flac"
    assert made.entry[4:8] == b"fLaC"
    assert made.entry[36:48] == b"\0\0\0\x32dfLa\0\0\0\0"
    assert made.entry[48:52] == b"\x80\0\0\x22"
    assert len(made.entry) == 52 + 34
    with pytest.raises(ContainerError, match="fLaC"):
        read_audio_entry(made.entry)


@pytest.mark.parametrize(
    ("config", "as_flac"),
    [
        (AudioConfig(Codec.AAC, 8000, 1), False),
        (AudioConfig(Codec.PCMA, 96000, 1), False),
        (AudioConfig(Codec.PCMA, 8000, 2), True),
        (AudioConfig(Codec.PCMA, 11025, 1), True),
        (AudioConfig(Codec.FLAC, 44100, 2, b"fLaC"), False),
    ],
)
def test_sound_that_has_no_entry_is_refused(config, as_flac):
    with pytest.raises(ContainerError):
        audio_entry(config, as_flac=as_flac)


def test_video_that_has_no_entry_is_refused(h264):
    with pytest.raises(ContainerError):
        video_entry(replace(h264, codec=Codec.MJPEG))


def test_entries_cut_short_are_refused(h264, h265, pcma):
    for entry, name in ((video_entry(h264), b"avcC"), (video_entry(h265), b"hvcC")):
        at = entry.index(name) - 4
        record = entry[at + 8 :]
        for length in range(len(record)):
            cut = entry[:at] + (8 + length).to_bytes(4, "big") + name + record[:length]
            with pytest.raises(ContainerError):
                read_video_entry(cut)
        with pytest.raises(ContainerError):
            read_video_entry(entry[:at])
    with pytest.raises(ContainerError):
        read_audio_entry(audio_entry(pcma).entry[:30])
    with pytest.raises(ContainerError):
        read_video_entry(b"\0\0\0\x08mp4v")
