"""A JPEG out of a keyframe, for devices that give no pictures themselves. Runs in a worker thread."""

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Final, cast

import av
from av.video.frame import VideoFrame

from cambus.media.frame import Codec

DECODERS: Final = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MPEG4: "mpeg4"}
MAX_PIXELS: Final = 8192 * 8192
QUALITY: Final = "3"


class PictureError(Exception):
    """The keyframe can not be decoded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file and its size in pixels."""

    data: bytes
    width: int
    height: int


def picture_of(codec: Codec, keyframe: bytes, width: int | None = None) -> Picture:
    """Decode a keyframe and encode it as a JPEG; blocks, so call it in a thread.

    Args:
        codec: of the keyframe.
        keyframe: an access unit with its parameter sets.
        width: wanted width in pixels, the height follows; None for the size it has. Never enlarged.

    Raises:
        PictureError: it can not be decoded.
    """
    name = DECODERS.get(codec)
    if name is None:
        raise PictureError(f"no decoder for {codec.name}")
    try:
        frame = _decode(name, keyframe)
        if width is not None and width < frame.width:
            height = max(round(frame.height * width / frame.width / 2) * 2, 2)
            frame = frame.reformat(width=max(width // 2 * 2, 2), height=height)
        return _encode(frame)
    except (av.error.FFmpegError, ValueError) as error:
        raise PictureError(f"the keyframe can not be decoded: {error}") from error


def scaled(jpeg: bytes, width: int | None) -> Picture:
    """Read a JPEG of the device, and scale it down if it is wider than wanted; blocks.

    Raises:
        PictureError: it is no picture.
    """
    try:
        with av.open(BytesIO(jpeg), "r", format="jpeg_pipe") as container:
            frame = next(iter(container.decode(video=0)))
    except (av.error.FFmpegError, StopIteration, ValueError, IndexError) as error:
        raise PictureError("the device sent something that is no picture") from error
    if width is None or width >= frame.width:
        return Picture(jpeg, frame.width, frame.height)
    height = max(round(frame.height * width / frame.width / 2) * 2, 2)
    return _encode(frame.reformat(width=max(width // 2 * 2, 2), height=height))


def _decode(name: str, keyframe: bytes) -> VideoFrame:
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(name, "r"))
    decoder.thread_count = 1
    packet = av.Packet(keyframe)
    for piece in (packet, None):  # None: nothing follows, give what there is
        for frame in decoder.decode(piece):
            if isinstance(frame, VideoFrame) and 0 < frame.width * frame.height <= MAX_PIXELS:
                return frame
    raise PictureError("the keyframe holds no picture")


def _encode(frame: VideoFrame) -> Picture:
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = frame.width, frame.height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": QUALITY, "qmax": QUALITY}
    picture = frame.reformat(format="yuvj420p")
    picture.pts = 0
    data = b"".join(bytes(packet) for piece in (picture, None) for packet in encoder.encode(piece))
    return Picture(data, frame.width, frame.height)
