"""Recorded sound in a transport stream, which has a place for AAC alone."""

import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from recorded_frames import keyframe_first, write_recordings
from sound import clicks, coded, instants

from cambus.media import opus
from cambus.media.aac import specific_config
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.recorder.borrowed import piece_of
from cambus.recorder.export_movie import Progress, movie_of
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.transport_stream import segment_stream, transport_stream

Frames = Callable[..., list[Frame]]
Record = Callable[..., Any]
START_US = 1_770_000_000_000_000
KEY = StreamKey("gate-1", 0, "main")
CLICKS = (1.0, 2.2, 3.1)
SOUNDS = [
    AudioConfig(Codec.PCMA, 8000, 1),
    AudioConfig(Codec.PCMU, 16000, 1),
    AudioConfig(Codec.OPUS, 48000, 2, opus.head(2, pre_skip=0, input_rate=48000)),
    AudioConfig(Codec.AAC, 16000, 1, specific_config(16000, 1)),
]


def with_sound(pictures: list[Frame], config: AudioConfig) -> list[Frame]:
    """Pictures of four seconds with clicks among them."""
    told = Frame(Kind.AUDIO_CONFIG, config.codec, Flag.CONFIG, 0, 0, 0, START_US, config.serialize())
    sounds = [
        each._replace(wall_us=START_US + each.pts * 100 // 9)
        for each in coded(clicks(4, CLICKS, config.sample_rate), config)
        if each.pts >= 0
    ]
    return [told, *sorted((*pictures, *sounds), key=lambda frame: frame.wall_us)]


def recorded(root: Path) -> bytes:
    with Index(root) as index:
        (segment,) = index.all_segments()
    return b"".join(segment_stream(root, segment))


def read(data: bytes) -> tuple[list[float], np.ndarray, int]:
    """When FFmpeg shows the pictures, what it hears from the first of them on, and the rate."""
    pictures: list[float] = []
    pieces: list[tuple[float, np.ndarray]] = []
    with av.open(io.BytesIO(data), format="mpegts") as opened:
        assert opened.streams.audio[0].codec_context.name == "aac"
        for packet in opened.demux():
            for frame in packet.decode():
                assert frame.time is not None
                if isinstance(frame, av.VideoFrame):
                    pictures.append(frame.time)
                elif isinstance(frame, av.AudioFrame):
                    pieces.append((frame.time, np.abs(frame.to_ndarray()).max(axis=0) * 32768))
        rate = opened.streams.audio[0].rate
    assert all(before < after for before, after in pairwise(time for time, _ in pieces))
    pcm = np.zeros(round((pictures[-1] - pictures[0] + 2) * rate))
    for time, piece in pieces:
        at = round((time - pictures[0]) * rate)
        if at >= 0:
            pcm[at : at + len(piece)] = piece
    return pictures, pcm, rate


@pytest.mark.parametrize("config", SOUNDS, ids=lambda config: config.codec.name)
def test_sound_is_heard_with_its_pictures(
    frames: Frames, record: Record, root: Path, config: AudioConfig
) -> None:
    record(with_sound(frames(100, sound=False), config), segment_s=60.0)
    data = recorded(root)
    assert data == recorded(root)  # or it would have no digest
    pictures, pcm, rate = read(data)
    assert len(pictures) == 100
    assert instants(pcm, rate) == pytest.approx(CLICKS, abs=0.04)


def test_sound_an_mp4_has_no_place_for_is_recorded_as_g711(
    frames: Frames, record: Record, root: Path
) -> None:
    g726 = AudioConfig(Codec.G726, 8000, 1, bytes([4]))
    record(with_sound(frames(100, sound=False), g726), segment_s=60.0)
    with Index(root) as index:
        assert [each.extent.audio_codec for each in index.all_segments()] == ["pcma"]
    _, pcm, rate = read(recorded(root))
    assert instants(pcm, rate) == pytest.approx(CLICKS, abs=0.04)


@pytest.mark.parametrize(
    "config",
    [
        AudioConfig(Codec.AAC, 48000, 1),  # not described
        AudioConfig(Codec.G726, 8000, 7, bytes([4])),
    ],
)
def test_pictures_are_recorded_whatever_their_sound_is(
    frames: Frames, record: Record, root: Path, config: AudioConfig
) -> None:
    told = Frame(Kind.AUDIO_CONFIG, config.codec, Flag.CONFIG, 0, 0, 0, START_US, config.serialize())
    sounds = [
        Frame(Kind.AUDIO, config.codec, Flag.NONE, 0, n * 3600, n * 3600, START_US + n * 40_000, b"\xff" * 9)
        for n in range(100)
    ]
    both = sorted((*frames(100, sound=False), *sounds), key=lambda frame: frame.wall_us)
    record([told, *both], segment_s=60.0)
    with av.open(io.BytesIO(recorded(root)), format="mpegts") as opened:
        assert [stream.type for stream in opened.streams] == ["video"]
        assert sum(len(packet.decode()) for packet in opened.demux()) == 100


def test_files_laid_end_to_end_are_one_stream_with_each_picture_once(frames: Frames, tmp_path: Path) -> None:
    """Of two recorders that hold some of the same time, and a gap."""
    write_recordings(tmp_path / "a", KEY, frames(150))
    write_recordings(tmp_path / "b", KEY, keyframe_first(frames(100, first=100)))
    write_recordings(tmp_path / "c", KEY, keyframe_first(frames(50, first=200, pause=100)))
    pieces = []
    for name in "abc":
        with Index(tmp_path / name) as index:
            pieces += [piece_of(tmp_path / name, each) for each in index.all_segments()]
    for close_gaps, length in ((False, 14), (True, 10)):
        laid = movie_of(pieces, START_US, START_US + 100_000_000, close_gaps=close_gaps)
        data = b"".join(transport_stream(laid.files, Progress()))
        pictures, _, _ = read(data)
        assert len(pictures) == 250
        assert pictures == sorted(set(pictures))
        assert pictures[-1] - pictures[0] == pytest.approx(length - 0.04, abs=0.05)
    laid = movie_of(pieces, START_US + 4_000_000, START_US + 6_000_000)
    assert len(read(b"".join(transport_stream(laid.files, Progress())))[0]) == 50


def test_pictures_of_two_codecs_have_no_place_in_one_stream(frames: Frames, tmp_path: Path) -> None:
    write_recordings(tmp_path / "a", KEY, frames(50))
    write_recordings(tmp_path / "b", KEY, frames(50, first=50, codec=Codec.H265))
    pieces = []
    for name in "ab":
        with Index(tmp_path / name) as index:
            pieces += [piece_of(tmp_path / name, each) for each in index.all_segments()]
    laid = movie_of(pieces, START_US, START_US + 100_000_000)
    with pytest.raises(ContainerError, match="export an MP4"):
        b"".join(transport_stream(laid.files, Progress()))
