"""Transport streams of simulated devices, read by another's demuxer and by ours."""

import io
import random

import av
import pytest

from cambus.media.frame import Codec
from cambus.media.mpegts import TransportStreamDemuxer, looks_like_ts
from cambus.simulators.gb28181.transport_stream import PACKET_BYTES, TransportStreamMuxer
from cambus.simulators.video_loop import LoopStore, VideoSpec


def loop_of(codec):
    spec = VideoSpec(codec, 176, 144, fps=10, gop_s=1.0, loop_s=1.0, bitrate=100_000)
    return LoopStore.shared.get(spec)


def frames_of(loop, start=0):
    muxer = TransportStreamMuxer(loop.spec.codec)
    return [
        muxer.picture(unit.data, start + 9000 * number, keyframe=unit.keyframe)
        for number, unit in enumerate(loop.units)
    ]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_ffmpeg_reads_the_pictures_and_their_times(codec):
    data = b"".join(frames_of(loop_of(codec)))
    assert len(data) % PACKET_BYTES == 0
    with av.open(io.BytesIO(data), format="mpegts") as container:
        frames = list(container.decode(video=0))
    assert [frame.pts for frame in frames] == [9000 * number for number in range(10)]
    assert frames[0].width == 176


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_our_demuxer_gives_back_every_picture_frame_by_frame(codec):
    loop, demuxer = loop_of(codec), TransportStreamDemuxer()
    frames = frames_of(loop, start=2**33 - 9000)  # the times wrap on the way
    units = [unit for frame in frames for unit in demuxer.feed(frame, complete=True)]
    assert [unit.payload for unit in units] == [unit.data for unit in loop.units]
    assert [unit.pts - units[0].pts for unit in units] == [9000 * number for number in range(10)]
    assert {unit.codec for unit in units} == {codec}


@pytest.mark.parametrize("size", [1, 100, 188, 1000])
def test_it_may_be_cut_anywhere(size):
    loop, demuxer = loop_of(Codec.H264), TransportStreamDemuxer()
    data = b"".join(frames_of(loop))
    units = [unit for at in range(0, len(data), size) for unit in demuxer.feed(data[at : at + size])]
    units += demuxer.feed(b"", complete=True)
    assert [unit.payload for unit in units] == [unit.data for unit in loop.units]


def test_a_picture_with_a_missing_packet_is_dropped_and_the_next_says_so():
    loop, demuxer = loop_of(Codec.H264), TransportStreamDemuxer()
    frames = frames_of(loop)
    cut = frames[3][:188] + frames[3][188 * 2 :] if len(frames[3]) > 376 else frames[3][188:]
    units = [unit for frame in [*frames[:3], cut, *frames[4:]] for unit in demuxer.feed(frame, complete=True)]
    assert len(units) == 9
    assert [unit.discontinuity for unit in units] == [False] * 3 + [True] + [False] * 5


def test_any_bytes_raise_nothing():
    chance, demuxer = random.Random(1), TransportStreamDemuxer()
    frames = frames_of(loop_of(Codec.H264))
    for _ in range(300):
        frame = bytearray(chance.choice(frames))
        for _ in range(chance.randrange(8)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        demuxer.feed(bytes(frame[chance.randrange(4) :]), complete=bool(chance.randrange(2)))
        demuxer.feed(chance.randbytes(400))
    demuxer.lost()
    assert looks_like_ts(frames[0])
    assert not looks_like_ts(b"\x47" * 100)
