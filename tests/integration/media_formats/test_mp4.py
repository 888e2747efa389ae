"""FFmpeg plays the plain MP4 that is made of recorded fragments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import scan
from cambus.media.frame import Codec
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.media.mp4_boxes import bytes_reader

VIDEO = [Codec.H264, Codec.H265]
SHIFT = 90_000 * 12


def record(clip) -> bytes:
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts)
    gops = clip.gops()
    nexts = [gop[0].dts for gop in gops[1:]] + [None]
    fragments = [muxer.fragment(gop, next_video_dts=at) for gop, at in zip(gops, nexts, strict=True)]
    return muxer.init_segment() + b"".join(fragments)


def export(tmp_path, recordings, **how) -> tuple[FaststartMp4, bytes]:
    """Write the recordings as files and read the export through its ranges."""
    parts = []
    for number, data in enumerate(recordings):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data)
        found = scan(bytes_reader(data), len(data))
        parts.append(RecordedPart(path, found.init, found.fragments, shift=number * SHIFT))
    mp4 = FaststartMp4(parts, **how)
    pieces = []
    for piece in mp4.read_range(0, mp4.total_bytes):
        if isinstance(piece, bytes):
            pieces.append(piece)
        else:
            with Path(piece.path).open("rb") as file:
                file.seek(piece.offset)
                pieces.append(file.read(piece.length))
    return mp4, b"".join(pieces)


@pytest.mark.parametrize("audio", [Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("video", VIDEO)
def test_every_picture_and_every_sample_plays(video, b_frames, audio, make_clip, play, tmp_path):
    clip = make_clip(video, audio, b_frames=b_frames)
    mp4, data = export(tmp_path, [record(clip)])
    played = play(data)
    assert len(data) == mp4.total_bytes
    assert len(played.video) == 50
    assert np.array_equal(played.audio, clip.pcm)
    assert played.video_pts == sorted(played.video_pts)
    assert played.duration_s == pytest.approx(mp4.duration_s, abs=0.001)
    assert data.index(b"moov") < data.index(b"mdat")


def test_recordings_with_a_gap_play_one_after_the_other_in_real_time(make_clip, play, tmp_path):
    first, second = make_clip(Codec.H264), make_clip(Codec.H264, b_frames=2)
    mp4, data = export(tmp_path, [record(first), record(second)])
    played = play(data)
    assert len(played.video) == 100
    assert np.array_equal(played.audio, np.concatenate((first.pcm, second.pcm)))
    assert played.video_pts[50] == pytest.approx(12.08)
    assert played.audio_pts[50] == pytest.approx(12.0)
    assert mp4.duration_s == pytest.approx(14.08)
    assert played.duration_s == pytest.approx(14.0)  # FFmpeg counts decoding time


def test_recordings_of_different_size_play_with_both_configurations(make_clip, play, tmp_path):
    _, data = export(tmp_path, [record(make_clip()), record(make_clip(size=(320, 240)))])
    played = play(data)
    assert [frame.width for frame in played.video] == [160] * 50 + [320] * 50


@pytest.mark.parametrize("video", VIDEO)
def test_a_start_between_keyframes_shows_the_wanted_picture_first(video, make_clip, play, tmp_path):
    clip = make_clip(video)
    mp4, data = export(tmp_path, [record(clip)], start=43_200, end=90_000)
    assert mp4.duration_s == 0.52
    played = play(data)
    shown = [frame for frame, at in zip(played.video, played.video_pts, strict=True) if 0 <= at < 0.52]
    whole = play(export(tmp_path, [record(clip)])[1]).video[12:25]
    assert [frame.to_ndarray().tobytes() for frame in shown] == [f.to_ndarray().tobytes() for f in whole]
    assert played.duration_s == pytest.approx(0.52, abs=0.001)
