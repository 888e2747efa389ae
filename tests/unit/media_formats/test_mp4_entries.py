from __future__ import annotations

from dataclasses import replace

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
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
