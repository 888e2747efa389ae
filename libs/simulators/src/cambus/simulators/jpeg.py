"""Still pictures: one picture of a loop as a JPEG, encoded once per size, channel and position."""

from fractions import Fraction
from functools import lru_cache

import av
from av.video.codeccontext import VideoCodecContext

from cambus.simulators.picture import TestPicture


@lru_cache(maxsize=64)
def jpeg_picture(width: int, height: int, channel: int, index: int, count: int) -> bytes:
    """Picture ``index`` of a loop of ``count`` as a JPEG file; ``channel`` is the 1-based number in the picture."""
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {
        "huffman": "default",
        "flags": "bitexact",
    }  # bitexact: no comment in front of the tables
    encoder.qmin = encoder.qmax = 4
    picture = TestPicture(width, height, channel).draw(index, count)
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p").reformat(format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
