"""Loops dressed as DVRIP frames (DVRIP §9.2): the frame headers that never change are built once."""

from datetime import datetime
from functools import lru_cache
from typing import Final

from cambus.dvrip.frames import (
    AUDIO_G711A,
    RATE_8000,
    FrameHeader,
    FrameType,
    VideoFrame,
    pack_time,
    parse_header,
)
from cambus.media.frame import Codec
from cambus.simulators.tone import PACKET_SAMPLES
from cambus.simulators.video_loop import VideoSpec

#: Before each 40 ms of sound.
AUDIO_HEAD: Final = FrameHeader(FrameType.AUDIO, PACKET_SAMPLES, AUDIO_G711A, RATE_8000).serialize()
#: What some 4K recorders put between the pictures; no decoder wants it (DVRIP §9.3).
SERVICE_BLOCK: Final = bytes.fromhex("0000000111017800") + bytes(119)
#: Vehicle data as text (DVRIP §9.3, information frame of type 1).
VEHICLE_DATA: Final = b"SPEED:42;STATUS:10000000000;G-SENSOR:1,-2,980;INFO:A12345;"


def key_head(spec: VideoSpec, length: int, time: datetime) -> bytes:
    """The header of a key frame of ``length`` bytes; ``time`` is device local."""
    return _key_template(spec)[:8] + pack_time(time).to_bytes(4, "little") + length.to_bytes(4, "little")


@lru_cache(maxsize=512)
def _key_template(spec: VideoSpec) -> bytes:
    empty = VideoFrame(
        spec.codec, keyframe=True, payload=b"", width=spec.width, height=spec.height, fps=spec.fps
    )
    return empty.serialize()


@lru_cache(maxsize=8192)
def delta_head(length: int) -> bytes:
    """The header of a delta frame."""
    return FrameHeader(FrameType.DELTA, length).serialize()


def info_frame(payload: bytes = VEHICLE_DATA) -> bytes:
    """An information frame, header and all."""
    return FrameHeader(FrameType.INFO, len(payload), 1, 0).serialize() + payload


def picture_frame(jpeg: bytes, width: int, height: int, time: datetime) -> bytes:
    """A JPEG as an FE frame."""
    head = FrameHeader(FrameType.PICTURE, len(jpeg), 0, 0, width, height, pack_time(time))
    return head.serialize() + jpeg


def other_codec(spec: VideoSpec) -> VideoSpec:
    """The same picture in the codec it is not in, at half the size: what a change in mid-stream looks like."""
    codec = Codec.H264 if spec.codec is Codec.H265 else Codec.H265
    return VideoSpec(codec, 320, 240, spec.fps, 256_000, spec.gop_s, spec.loop_s, spec.channel)


def with_wrong_length(head: bytes, excess: int) -> bytes:
    """A frame header that announces more bytes than follow."""
    header = parse_header(head)
    if header is None:
        raise ValueError(f"no whole frame header: {head.hex()}")
    return head[:-4] + (header.length + excess).to_bytes(4, "little")
