"""Transport streams of simulated devices, read by another's demuxer."""

import io

import av
import pytest

from cambus.media.frame import Codec
from cambus.simulators.gb28181.transport_stream import PACKET_BYTES, TransportStreamMuxer
from cambus.simulators.video_loop import VideoSpec, encode_loop


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_ffmpeg_reads_the_pictures_and_their_times(codec):
    loop = encode_loop(VideoSpec(codec, 176, 144, fps=10, gop_s=1.0, loop_s=1.0, bitrate=100_000))
    muxer = TransportStreamMuxer(codec)
    data = b"".join(
        muxer.picture(unit.data, 9000 * number, keyframe=unit.keyframe)
        for number, unit in enumerate(loop.units)
    )
    assert len(data) % PACKET_BYTES == 0
    with av.open(io.BytesIO(data), format="mpegts") as container:
        frames = list(container.decode(video=0))
    assert [frame.pts for frame in frames] == [9000 * number for number in range(10)]
    assert frames[0].width == 176
