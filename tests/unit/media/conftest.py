"""Real H.264 and H.265 from libx264 and libx265, encoded in this process: tiny pictures, a few frames."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest

from cambus.media.frame import Codec


@dataclass(frozen=True)
class Clip:
    """An encoded clip.

    Attributes:
        codec: H264 or H265.
        units: access units as the encoder made them, with start codes.
        keyframes: for each whether the encoder says it is a keyframe.
    """

    codec: Codec
    units: list[bytes]
    keyframes: list[bool]


Encode = Callable[..., Clip]
NO_PARAMS: dict[str, str] = {}
_ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}


def _encode(
    codec, width, height, *, frames=8, fps=25, gop=4, pix_fmt="yuv420p", aspect=None, params=NO_PARAMS
):
    context = av.CodecContext.create(_ENCODERS[codec], "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.framerate, context.time_base = Fraction(fps), 1 / Fraction(fps)
    context.gop_size = gop
    if aspect is not None:
        context.sample_aspect_ratio = Fraction(*aspect)
    own = ":".join(f"{key}={value}" for key, value in params.items())
    if codec is Codec.H264:
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"threads=1:{own}"}
    else:
        base = "log-level=none:repeat-headers=1:pools=none:frame-threads=1"
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": f"{base}:{own}"}
    packets = []
    for number in range(frames):
        grey = np.full((height, width, 3), (40 + 20 * number) % 256, dtype=np.uint8)
        grey[: height // 2, : 8 + number] = 200
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pix_fmt)
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return Clip(codec, [bytes(packet) for packet in packets], [packet.is_keyframe for packet in packets])


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Encodes a clip, the same one only once."""
    made: dict[str, Clip] = {}

    def encode_once(codec: Codec, width: int, height: int, **options) -> Clip:
        key = f"{codec} {width} {height} {sorted(options.items(), key=str)}"
        if key not in made:
            made[key] = _encode(codec, width, height, **options)
        return made[key]

    return encode_once
