"""FFmpeg plays what the fragmented MP4 writer makes, picture by picture and sample by sample."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import scan
from cambus.media.frame import Codec, Kind
from cambus.media.mp4_boxes import bytes_reader

VIDEO = [Codec.H264, Codec.H265]
DECODERS = {Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}


def frame_by_frame(muxer: Fmp4Muxer, clip) -> bytes:
    return muxer.init_segment() + b"".join(muxer.fragment([frame]) for frame in clip.interleaved)


def gop_by_gop(muxer: Fmp4Muxer, clip) -> bytes:
    gops = clip.gops()
    nexts = [gop[0].dts for gop in gops[1:]] + [None]
    fragments = [muxer.fragment(gop, next_video_dts=at) for gop, at in zip(gops, nexts, strict=True)]
    return muxer.init_segment() + b"".join(fragments)


@pytest.mark.parametrize("mux", [frame_by_frame, gop_by_gop])
@pytest.mark.parametrize("as_flac", [False, True])
@pytest.mark.parametrize("audio", DECODERS)
@pytest.mark.parametrize("video", VIDEO)
def test_every_picture_and_every_sample_plays(video, audio, as_flac, mux, make_clip, play):
    clip = make_clip(video, audio)
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts, audio_as_flac=as_flac)
    played = play(mux(muxer, clip))
    assert len(played.video) == 50
    assert np.array_equal(played.audio, clip.pcm)
    assert played.video_pts == pytest.approx([number / 25 for number in range(50)])
    assert played.audio_pts == pytest.approx([number / 25 for number in range(50)])
    assert played.duration_s == pytest.approx(2.0)
    assert {(frame.width, frame.height) for frame in played.video} == {(160, 120)}
    assert played.codecs[1] == ("flac" if as_flac else DECODERS[audio])


@pytest.mark.parametrize("video", VIDEO)
def test_reordered_pictures_play_in_their_order(video, make_clip, play):
    clip = make_clip(video, b_frames=2)
    assert any(frame.pts != frame.dts for frame in clip.video)
    muxer = Fmp4Muxer(clip.params, base_pts=clip.video[0].dts)
    played = play(gop_by_gop(muxer, clip))
    assert len(played.video) == 50
    assert played.video_pts == sorted(played.video_pts)
    assert {round(b - a, 3) for a, b in pairwise(played.video_pts)} == {0.04}


@pytest.mark.parametrize("video", VIDEO)
def test_a_viewer_can_join_at_any_keyframe(video, make_clip, play):
    clip = make_clip(video)
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts)
    init = muxer.init_segment()
    fragments = [(frame, muxer.fragment([frame])) for frame in clip.interleaved]
    second = [index for index, (frame, _) in enumerate(fragments) if frame.keyframe][1]
    played = play(init + b"".join(fragment for _, fragment in fragments[second:]))
    assert len(played.video) == 25
    assert played.video[0].key_frame


def test_sound_alone_plays(make_clip, play):
    clip = make_clip()
    muxer = Fmp4Muxer(None, clip.config, base_pts=clip.audio[0].pts, audio_as_flac=True)
    played = play(frame_by_frame(muxer, clip))
    assert np.array_equal(played.audio, clip.pcm)


def test_silence_that_is_filled_in_is_silent(make_clip, play):
    clip = make_clip()
    muxer = Fmp4Muxer(
        clip.params, clip.config, base_pts=clip.video[0].dts, audio_as_flac=True, fill_silence=True
    )
    silent_from = clip.video[12].pts
    heard = [f for f in clip.interleaved if f.kind is Kind.VIDEO or f.pts < silent_from]
    played = play(muxer.init_segment() + b"".join(muxer.fragment([frame]) for frame in heard))
    assert np.array_equal(played.audio[: 12 * 320], clip.pcm[: 12 * 320])
    assert not played.audio[12 * 320 :].any()
    assert 1.4 * 8000 <= len(played.audio) <= 2 * 8000


@pytest.mark.parametrize("video", VIDEO)
def test_a_file_cut_off_in_the_middle_plays_up_to_its_last_whole_fragment(video, make_clip, play):
    clip = make_clip(video)
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts)
    data = gop_by_gop(muxer, clip)
    cut = data[:-100]
    found = scan(bytes_reader(cut), len(cut))
    assert found.fault
    played = play(cut[: found.valid_bytes])
    assert len(played.video) == 25
    assert played.duration_s == pytest.approx(1.0)
