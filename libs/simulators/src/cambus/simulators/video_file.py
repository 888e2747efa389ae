"""Video out of a file, made into a loop: whatever a container holds, or a bare H.264 or H.265 stream."""

from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import av
import av.error
from av.bitstream import BitStreamFilterContext

from cambus.media import h264, h265
from cambus.media.frame import Codec
from cambus.media.nal import iter_nal_units, join_annexb
from cambus.simulators.video_loop import AccessUnit, VideoLoop, VideoSpec, make_loop

#: A file is held in memory; a longer one is no loop.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
_CODECS: Final = {"h264": Codec.H264, "hevc": Codec.H265}
_MAX_SIZE: Final = 8184
_PARAMETER_SETS: Final = {
    Codec.H264: (h264.NalType.SPS, h264.NalType.PPS),
    Codec.H265: (h265.NalType.VPS, h265.NalType.SPS, h265.NalType.PPS),
}


@lru_cache(maxsize=16)
def load_video(path: Path) -> VideoLoop:
    """The video of a file, from its first key frame on; the loop's spec says what it is.

    Access units leave in the order of decoding and without times, as devices send them, so the file must have no
    B-frames. Parameter sets that are missing from a key frame are repeated there.

    Raises:
        ValueError: it cannot be read or played; the message says why.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"{path}: longer than {MAX_FILE_BYTES} bytes")
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path}: no video in it")
            return _read(path, container, container.streams.video[0])
    except (OSError, av.error.FFmpegError) as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None


def _read(path: Path, container: Any, stream: Any) -> VideoLoop:
    name = stream.codec_context.name
    if name not in _CODECS:
        raise ValueError(f"{path}: {name}; want H.264 or H.265")
    codec = _CODECS[name]
    units = _units(path, codec, container, stream)
    keys = [index for index, unit in enumerate(units) if unit.keyframe]
    if not keys:
        raise ValueError(f"{path}: no key frame")
    units = units[keys[0] :]
    width, height = stream.codec_context.width, stream.codec_context.height
    if width % 8 or height % 8 or not 0 < width <= _MAX_SIZE or not 0 < height <= _MAX_SIZE:
        raise ValueError(f"{path}: {width}x{height}; headers say multiples of 8 up to {_MAX_SIZE}")
    fps = round(_rate(codec, container, stream, units[0].data))
    if not 1 <= fps <= 31:
        raise ValueError(f"{path}: {fps} pictures a second; headers say 1 to 31")
    gop = keys[1] - keys[0] if len(keys) > 1 else len(units)
    size = sum(len(unit.data) for unit in units)
    spec = VideoSpec(
        codec, width, height, fps, size * 8 * fps // len(units), gop / fps, len(units) / fps, source=path
    )
    return make_loop(spec, units)


def _rate(codec: Codec, container: Any, stream: Any, key: bytes) -> float:
    """Pictures a second: of a bare stream what its SPS says, if it does; FFmpeg makes 25 of every one."""
    if container.format.name in _CODECS:
        module: Any = _module(codec)
        for nal in iter_nal_units(key):
            if module.nal_type(nal[0]) == module.NalType.SPS:
                return float(module.parse_sps(nal).frame_rate or 25)
    return float(stream.average_rate or 25)


def _module(codec: Codec) -> ModuleType:
    return h265 if codec is Codec.H265 else h264


def _units(path: Path, codec: Codec, container: Any, stream: Any) -> list[AccessUnit]:
    """All access units, Annex-B, key frames with their parameter sets."""
    annexb = BitStreamFilterContext("hevc_mp4toannexb" if codec is Codec.H265 else "h264_mp4toannexb", stream)
    sets: dict[int, bytes] = {}
    units: list[AccessUnit] = []
    newest: int | None = None
    packets = [packet for packet in container.demux(stream) if packet.size]
    for packet in [*packets, None]:
        for filtered in annexb.filter(packet):
            if filtered.pts is not None:
                if newest is not None and filtered.pts < newest:
                    raise ValueError(f"{path}: has B-frames, which devices do not send")
                newest = filtered.pts
            data = bytes(filtered)
            if data:
                units.append(_unit(codec, data, sets))
    return units


def _unit(codec: Codec, data: bytes, sets: dict[int, bytes]) -> AccessUnit:
    module: Any = _module(codec)
    nals = list(iter_nal_units(data))
    types = [module.nal_type(nal[0]) for nal in nals]
    wanted = _PARAMETER_SETS[codec]
    sets.update((kind, nal) for kind, nal in zip(types, nals, strict=True) if kind in wanted)
    key = bool(module.is_keyframe(data))
    if key:
        nals = [sets[kind] for kind in wanted if kind not in types and kind in sets] + nals
    return AccessUnit(join_annexb(*nals), key)
