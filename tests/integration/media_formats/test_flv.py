"""FFmpeg plays what the FLV writer makes."""

from __future__ import annotations

import numpy as np
import pytest

from cambus.media.flv import FlvMuxer
from cambus.media.frame import Codec


def mux(clip, base: int) -> bytes:
    muxer = FlvMuxer(clip.params, clip.config)
    return muxer.header() + b"".join(muxer.tag(frame, base) for frame in clip.interleaved)


@pytest.mark.parametrize("audio", [Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("video", [Codec.H264, Codec.H265])
def test_every_picture_and_every_sample_plays(video, b_frames, audio, make_clip, play):
    clip = make_clip(video, audio, b_frames=b_frames)
    played = play(mux(clip, clip.video[0].dts))
    assert played.format == "flv"
    assert len(played.video) == 50
    assert np.array_equal(played.audio, clip.pcm)
    delay = 0.08 if b_frames else 0.0
    assert played.video_pts == pytest.approx([delay + number / 25 for number in range(50)], abs=0.001)
    assert played.audio_pts == pytest.approx([number / 25 for number in range(50)], abs=0.001)


def test_timestamps_above_24_bits_play(make_clip, play):
    clip = make_clip()
    hours = 10 * 3600 * 90_000
    played = play(mux(clip, clip.video[0].dts - hours))
    assert played.video_pts[0] == pytest.approx(36_000, abs=0.001)
    assert played.video_pts[-1] == pytest.approx(36_001.96, abs=0.001)


def test_video_alone_plays(make_clip, play):
    clip = make_clip(Codec.H265)
    muxer = FlvMuxer(clip.params)
    played = play(muxer.header() + b"".join(muxer.tag(frame, clip.video[0].dts) for frame in clip.video))
    assert len(played.video) == 50


def test_new_parameter_sets_in_mid_stream_are_taken(make_clip, play):
    small, large = make_clip(), make_clip(size=(320, 240))
    base = small.video[0].dts
    shift = 2 * 90_000
    first, second = FlvMuxer(small.params), FlvMuxer(large.params)
    data = first.header() + b"".join(first.tag(frame, base) for frame in small.video)
    data += second.configuration_tag(2000)
    data += b"".join(second.tag(frame, base - shift) for frame in large.video)
    assert [frame.width for frame in play(data).video] == [160] * 50 + [320] * 50
