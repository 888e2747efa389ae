"""Short loops of real H.264 and H.265, encoded once per process and shared by every device that shows them.

A loop starts with an IDR picture that carries its parameter sets and has no B-frames, so it can be repeated for ever:
the first access unit follows the last one without a break. Access units are Annex-B with 4-byte start codes.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from cambus.media.frame import Codec
from cambus.simulators.picture import TestPicture

_ENCODERS: Final = {Codec.H264: "libx264", Codec.H265: "libx265"}


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """What a stream looks like.

    Attributes:
        codec: H.264 or H.265.
        width, height: picture size; even. DVRIP headers carry multiples of 8.
        fps: pictures per second, 1-31.
        bitrate: target bits per second.
        gop_s: seconds between IDR pictures.
        loop_s: length of the loop; a multiple of ``gop_s``.
        channel: 1-based number drawn into the picture.
        source: the file it comes from, which then says all the rest; see `cambus.simulators.video_file`.
    """

    codec: Codec = Codec.H264
    width: int = 640
    height: int = 480
    fps: int = 25
    bitrate: int = 800_000
    gop_s: float = 2.0
    loop_s: float = 2.0
    channel: int = 1
    source: Path | None = None

    def __post_init__(self) -> None:
        if self.codec not in _ENCODERS:
            raise ValueError(f"codec {self.codec!r}: only H.264 and H.265 are simulated")
        if not 1 <= self.fps <= 31:
            raise ValueError(f"fps {self.fps}: want 1-31")

    @property
    def gop_frames(self) -> int:
        """Pictures per GOP."""
        return max(1, round(self.gop_s * self.fps))

    @property
    def frames(self) -> int:
        """Pictures in the loop: whole GOPs, at least one."""
        return max(1, round(self.loop_s * self.fps / self.gop_frames)) * self.gop_frames

    def for_channel(self, channel: int) -> "VideoSpec":
        """The same stream showing another channel number (1-based); a file shows what it shows."""
        return self if self.source is not None else replace(self, channel=channel)


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture: Annex-B, with its parameter sets when it is a key frame."""

    data: bytes
    keyframe: bool


@dataclass(frozen=True, slots=True)
class VideoLoop:
    """An encoded loop.

    Attributes:
        spec: what it was made from.
        units: one access unit per picture, the first an IDR.
        prefix: ``prefix[i]`` = bytes of the first ``i`` units; one entry more than units.
        keys: how many of the first ``i`` units are key frames; one entry more than units.
    """

    spec: VideoSpec
    units: tuple[AccessUnit, ...]
    prefix: tuple[int, ...] = field(repr=False)
    keys: tuple[int, ...] = field(repr=False)

    def unit(self, index: int) -> AccessUnit:
        """Access unit ``index`` of the endless repetition."""
        return self.units[index % len(self.units)]

    def next_key(self, index: int) -> int:
        """The first key frame at or after ``index``."""
        while not self.unit(index).keyframe:
            index += 1
        return index

    def key_before(self, index: int) -> int:
        """The last key frame at or before ``index``."""
        while not self.unit(index).keyframe:
            index -= 1
        return index

    def size_of(self, count: int) -> tuple[int, int]:
        """Bytes in the first ``count`` units of the endless repetition, and how many of them are key frames."""
        loops, rest = divmod(count, len(self.units))
        return loops * self.prefix[-1] + self.prefix[rest], loops * self.keys[-1] + self.keys[rest]


def encode_loop(spec: VideoSpec) -> VideoLoop:
    """Draw and encode a loop; takes some hundred milliseconds, so call it through `LoopStore`."""
    encoder = _open_encoder(spec)
    picture = TestPicture(spec.width, spec.height, spec.channel)
    units: list[AccessUnit] = []
    for index in range(spec.frames):
        frame = av.VideoFrame.from_ndarray(picture.draw(index, spec.frames), format="yuv420p")
        frame.pts = index
        units.extend(_access_unit(packet) for packet in encoder.encode(frame))
    units.extend(_access_unit(packet) for packet in encoder.encode(None))
    if len(units) != spec.frames or not units[0].keyframe:
        raise RuntimeError(f"encoder gave {len(units)} pictures of {spec.frames} for {spec}")
    return make_loop(spec, units)


def make_loop(spec: VideoSpec, units: Sequence[AccessUnit]) -> VideoLoop:
    """A loop of these access units, the first a key frame."""
    prefix, keys = [0], [0]
    for unit in units:
        prefix.append(prefix[-1] + len(unit.data))
        keys.append(keys[-1] + unit.keyframe)
    return VideoLoop(spec, tuple(units), tuple(prefix), tuple(keys))


def _open_encoder(spec: VideoSpec) -> VideoCodecContext:
    encoder = cast(VideoCodecContext, VideoCodecContext.create(_ENCODERS[spec.codec], "w"))
    encoder.width, encoder.height, encoder.pix_fmt = spec.width, spec.height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(spec.fps), Fraction(1, spec.fps)
    encoder.bit_rate = spec.bitrate
    encoder.gop_size = spec.gop_frames
    encoder.max_b_frames = 0
    kbit = spec.bitrate // 1000
    common = (
        f"keyint={spec.gop_frames}:min-keyint={spec.gop_frames}:scenecut=0:bframes=0:repeat-headers=1"
        f":vbv-maxrate={kbit}:vbv-bufsize={max(1, round(kbit * min(1.0, spec.gop_s)))}"
        ":rc-lookahead=20:qcomp=0.8"  # without a look ahead the sizes of neighbouring pictures swing wildly
    )
    if spec.codec is Codec.H264:
        encoder.thread_count = 1  # threads of x264 delay pictures and change the bytes
        encoder.options = {
            "preset": "ultrafast",
            "profile": "main",
            "x264-params": f"{common}:mbtree=0:open-gop=0",
        }
    else:
        quiet = "log-level=none:info=0:open-gop=0:pools=none:frame-threads=1"
        encoder.options = {"preset": "ultrafast", "x265-params": f"{common}:{quiet}"}
    return encoder


def _access_unit(packet: "av.Packet[Any]") -> AccessUnit:
    return AccessUnit(long_start_codes(bytes(packet)), packet.is_keyframe)


def long_start_codes(annexb: bytes) -> bytes:
    """The same NAL units, each behind a 4-byte start code."""
    nals = [part.rstrip(b"\x00") for part in annexb.split(b"\x00\x00\x01")[1:]]
    return b"".join(b"\x00\x00\x00\x01" + nal for nal in nals)


class LoopStore:
    """The loops of this process, each encoded once, on a thread of its own so that no event loop waits.

    Tests and devices share `LoopStore.shared`; the memory held is a few hundred KiB per distinct `VideoSpec`.
    """

    shared: "LoopStore"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: dict[VideoSpec, Future[VideoLoop]] = {}
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="encode-loop")

    def future(self, spec: VideoSpec) -> "Future[VideoLoop]":
        """The loop, being encoded or done."""
        with self._lock:
            known = self._loops.get(spec)
            if known is None:
                known = self._loops[spec] = self._pool.submit(encode_loop, spec)
            return known

    def add(self, loop: VideoLoop) -> None:
        """Keep a loop that is there already."""
        future: Future[VideoLoop] = Future()
        future.set_result(loop)
        with self._lock:
            self._loops[loop.spec] = future

    def peek(self, spec: VideoSpec) -> VideoLoop | None:
        """The loop when it is ready; asking starts the encoding."""
        future = self.future(spec)
        return future.result() if future.done() else None

    def get(self, spec: VideoSpec) -> VideoLoop:
        """The loop; waits for the encoder."""
        return self.future(spec).result()


LoopStore.shared = LoopStore()
