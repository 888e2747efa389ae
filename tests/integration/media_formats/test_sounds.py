"""AAC and Opus in every container that carries them: FFmpeg hears each click where it was put, beside the pictures."""

from __future__ import annotations

import io
from dataclasses import replace

import av
import numpy as np
import pytest
from sound import clicks, coded, instants

from cambus.media import opus
from cambus.media.aac import specific_config
from cambus.media.audio import AudioConfig
from cambus.media.flv import FlvMuxer
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import scan
from cambus.media.frame import Codec
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.media.mp4_boxes import bytes_reader
from cambus.media.mp4_entry_reader import read_audio_entry
from cambus.media.ts_muxer import PCR_LEAD, TransportStreamMuxer

CLICKS = (0.4, 1.1, 1.7)
SOUNDS = {
    "aac-16k": AudioConfig(Codec.AAC, 16_000, 1, specific_config(16_000, 1)),
    "aac-44k-stereo": AudioConfig(Codec.AAC, 44_100, 2, specific_config(44_100, 2)),
    "opus": AudioConfig(Codec.OPUS, 48_000, 1, opus.head(1, pre_skip=312)),
}


def in_flv(clip):
    muxer, base = FlvMuxer(clip.params, clip.config), clip.video[0].dts
    return muxer.header() + b"".join(muxer.tag(frame, base) for frame in clip.interleaved)


def in_fmp4(clip):
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts)
    return muxer.init_segment() + b"".join(muxer.fragment([frame]) for frame in clip.interleaved)


def in_recording(clip):
    """As the recorder writes it: a fragment of each group, read back, and made into a plain file."""
    muxer = Fmp4Muxer(clip.params, clip.config, base_pts=clip.video[0].dts)
    data = muxer.init_segment() + b"".join(muxer.fragment(group) for group in clip.gops())
    found = scan(bytes_reader(data), len(data))
    assert read_audio_entry(found.init.track(video=False).entry) == clip.config
    whole = FaststartMp4([RecordedPart("", found.init, found.fragments)])
    pieces = whole.read_range(0, whole.total_bytes)
    return b"".join(
        each if isinstance(each, bytes) else data[each.offset : each.offset + each.length] for each in pieces
    )


def in_ts(clip):
    muxer, base = TransportStreamMuxer(clip.params.codec, clip.config), clip.video[0].dts - PCR_LEAD
    frames = (frame._replace(pts=frame.pts - base, dts=frame.dts - base) for frame in clip.interleaved)
    return b"".join(muxer.packets(frame) for frame in frames)


def played(data):
    """Times of the pictures, and how loud it is when, by the timestamps; all from the first picture."""
    pictures, sounds = [], []
    with av.open(io.BytesIO(data)) as container:
        codecs = {stream.type: stream.codec_context.name for stream in container.streams}
        for packet in container.demux():
            for frame in packet.decode():
                (pictures if isinstance(frame, av.VideoFrame) else sounds).append(frame)
    zero = min(float(frame.pts * frame.time_base) for frame in pictures)
    rate = sounds[0].sample_rate
    pcm = np.zeros(4 * rate)
    for frame in sounds:
        samples = np.abs(frame.to_ndarray().astype(float))
        loud = (
            samples.max(axis=0)
            if frame.format.is_planar
            else samples.reshape(-1, frame.layout.nb_channels).max(axis=1)
        )
        at = round((float(frame.pts * frame.time_base) - zero) * rate)
        begin = max(at, 0)
        if at + len(loud) > begin:
            pcm[begin : at + len(loud)] = loud[begin - at :]
    scale = 32768 if sounds[0].format.name.startswith("flt") else 1
    return codecs, sorted(float(frame.pts * frame.time_base) - zero for frame in pictures), pcm * scale, rate


def sounded(clip, name):
    """The clip with clicks instead of its tone."""
    config = SOUNDS[name]
    frames = coded(clicks(2.0, CLICKS, config.sample_rate), config, base=clip.video[0].dts)
    return replace(clip, config=config, audio=[frame for frame in frames if frame.pts >= clip.video[0].dts])


@pytest.mark.parametrize("name", sorted(SOUNDS))
@pytest.mark.parametrize("mux", [in_flv, in_fmp4, in_recording, in_ts])
@pytest.mark.parametrize("video", [Codec.H264, Codec.H265])
def test_clicks_and_pictures_are_where_they_were(video, mux, name, make_clip):
    if name == "opus" and mux in {in_flv, in_ts}:
        pytest.skip("no place for Opus there")
    clip = sounded(make_clip(video), name)
    codecs, pictures, pcm, rate = played(mux(clip))
    assert codecs == {
        "video": {Codec.H264: "h264", Codec.H265: "hevc"}[video],
        "audio": name.partition("-")[0],
    }
    assert pictures == pytest.approx([number / 25 for number in range(50)], abs=0.0011)
    assert instants(pcm, rate) == pytest.approx(CLICKS, abs=0.02)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_reordered_pictures_of_a_transport_stream_play_in_their_order(b_frames, make_clip):
    clip = sounded(make_clip(Codec.H264, b_frames=b_frames), "aac-16k")
    _, pictures, pcm, rate = played(in_ts(clip))
    assert pictures == pytest.approx([number / 25 for number in range(50)])
    delay = 0.08 if b_frames else 0.0  # the first picture is shown so much later than it is decoded
    assert instants(pcm, rate) == pytest.approx([at - delay for at in CLICKS], abs=0.02)


def test_a_transport_stream_is_begun_in_its_middle(make_clip):
    """As a viewer does who joins at a keyframe."""
    clip = sounded(make_clip(), "aac-16k")
    muxer = TransportStreamMuxer(Codec.H264, clip.config)
    groups = [b"".join(map(muxer.packets, group)) for group in clip.gops()]
    _, pictures, _, _ = played(groups[1])
    assert len(pictures) == 25


def test_a_microphone_that_falls_silent_does_not_stop_a_player_who_waits_for_it(make_clip):
    clip = sounded(make_clip(), "aac-16k")
    muted = replace(clip, audio=[frame for frame in clip.audio if frame.pts < clip.video[0].dts + 45_000])
    muxer = Fmp4Muxer(muted.params, muted.config, base_pts=muted.video[0].dts, fill_silence=True)
    data = muxer.init_segment() + b"".join(muxer.fragment([frame]) for frame in muted.interleaved)
    with av.open(io.BytesIO(data)) as container:
        heard = [float((frame.pts + frame.samples) * frame.time_base) for frame in container.decode(audio=0)]
    assert heard[-1] > 1.4
