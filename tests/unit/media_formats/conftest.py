"""Parameter sets as x264 and x265 made them for 160 x 120, and frames around them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams

H264_SETS = ("6742c00bda0a11f96100000300010002bf200f142aa0", "68ce0fc8")
H265_SETS = (
    "40010c01ffff01600000030090000003000003001eba0240",
    "42010101600000030090000003000003001ea01420207cb96e92930b9a020000030002000003003210",
    "4401c073c189",
)


def _params(codec: Codec, sets: tuple[str, ...]) -> VideoParams:
    params = ParameterSetTracker().update(join_annexb(*map(bytes.fromhex, sets)), codec)
    assert params is not None
    return params


@pytest.fixture
def h264() -> VideoParams:
    return _params(Codec.H264, H264_SETS)


@pytest.fixture
def h265() -> VideoParams:
    return _params(Codec.H265, H265_SETS)


@pytest.fixture
def pcma() -> AudioConfig:
    return AudioConfig(Codec.PCMA, 8000, 1)


@pytest.fixture
def video() -> Callable[..., Frame]:
    """`video(dts, params=h264, keyframe=True, slice_bytes=40)`: an access unit as it is on the bus."""

    def make(
        dts: int,
        *,
        params: VideoParams,
        keyframe: bool = False,
        slice_bytes: int = 40,
        pts: int | None = None,
    ) -> Frame:
        key_head, other_head = (
            (b"\x65", b"\x41") if params.codec is Codec.H264 else (b"\x26\x01", b"\x02\x01")
        )
        head = key_head if keyframe else other_head
        unit = head + b"\x55" * (slice_bytes - len(head))
        payload = join_annexb(*params.sets, unit) if keyframe else join_annexb(unit)
        flags = Flag.KEYFRAME if keyframe else Flag.NONE
        return Frame(Kind.VIDEO, params.codec, flags, 0, dts if pts is None else pts, dts, 0, payload)

    return make


@pytest.fixture
def audio() -> Callable[..., Frame]:
    """`audio(pts, samples=160)`: a packet of A-law."""

    def make(pts: int, samples: int = 160, codec: Codec = Codec.PCMA) -> Frame:
        return Frame(Kind.AUDIO, codec, Flag.NONE, 0, pts, pts, 0, b"\x2a" * samples)

    return make
