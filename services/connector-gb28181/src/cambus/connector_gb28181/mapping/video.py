"""Encoder settings: VideoParamAttribute of the device, in the codes of the `f=` line, and those of the bus (GB-158)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from cambus.gb28181.manscdp.config import ConfigAnswer, VideoAttribute
from cambus.schemas.commands.video import VideoSetRequest
from cambus.schemas.encoding import EncoderSettings, RateControl, VideoCodec
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.ids import StreamName

BLOCK: Final = "VideoParamAttribute"
STREAMS: Final[tuple[StreamName, ...]] = ("main", "sub", "third")
_CODECS: Final[Mapping[int, VideoCodec]] = {1: "mpeg4", 2: "h264", 3: "svac", 4: "other", 5: "h265"}
_WIRE_CODECS: Final[Mapping[VideoCodec, int]] = {"mpeg4": 1, "h264": 2, "svac": 3, "h265": 5}
_CONTROLS: Final[Mapping[int, RateControl]] = {1: "cbr", 2: "vbr"}
_SIZES: Final = {
    "1": (176, 144),
    "2": (352, 288),
    "3": (704, 576),
    "4": (704, 576),
    "5": (1280, 720),
    "6": (1920, 1080),
}
"""Picture sizes by code, in PAL."""
_WIRE_SIZES: Final = {size: code for code, size in reversed(_SIZES.items())}
_SIZE: Final = re.compile(r"(\d{1,5})[xX*](\d{1,5})")
_LACKING: Final = ("enabled", "quality", "gop_s", "audio", "audio_codec")
MAX_FPS: Final = 99
MAX_KBPS: Final = 10_000_000


def encoders_of(answer: ConfigAnswer, channel: int, stream: StreamName | None) -> list[EncoderSettings]:
    """The settings a device has sent, of one stream or all; a stream nobody has a name for is left out."""
    if answer.element is None:
        return []
    found = []
    for position, item in enumerate(answer.element.all("Item")):
        attribute = VideoAttribute.read(item)
        number = position if attribute.stream_number is None else attribute.stream_number
        if 0 <= number < len(STREAMS) and stream in (None, STREAMS[number]):
            found.append(_settings(channel, STREAMS[number], attribute))
    return found


def _settings(channel: int, stream: StreamName, attribute: VideoAttribute) -> EncoderSettings:
    width, height = _size(attribute.resolution)
    codec = None if attribute.format is None else _CODECS.get(attribute.format, "other")
    return EncoderSettings(
        channel=channel,
        stream=stream,
        codec=codec,
        width=width,
        height=height,
        fps=float(attribute.frame_rate)
        if attribute.frame_rate and 0 < attribute.frame_rate <= MAX_FPS
        else None,
        rate_control=None if attribute.rate_type is None else _CONTROLS.get(attribute.rate_type),
        bitrate_kbps=rate if (rate := attribute.rate_kbps) and 0 < rate <= MAX_KBPS else None,
    )


def _size(text: str | None) -> tuple[int | None, int | None]:
    code = (text or "").strip()
    if code in _SIZES:
        return _SIZES[code]
    match = _SIZE.fullmatch(code)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    return (width, height) if 0 < width <= 32_768 and 0 < height <= 32_768 else (None, None)


def changed(value: Any, request: VideoSetRequest) -> dict[str, Any]:
    """The block as a tree with only what `request` names changed.

    Raises:
        BadRequest: the protocol has no word for what is wanted.
        NotFound: there is no such encoder.
    """
    lacking = [name for name in _LACKING if getattr(request, name) is not None]
    if lacking:
        raise BadRequest(
            f"{lacking[0]}: the protocol has no such setting; leave it out", reason="no-such-setting"
        )
    tree = dict(value) if isinstance(value, Mapping) else {}
    items = tree.get("Item", [])
    items = [
        dict(item) for item in (items if isinstance(items, list) else [items]) if isinstance(item, Mapping)
    ]
    number = STREAMS.index(request.stream)
    for position, item in enumerate(items):
        if str(item.get("StreamNumber", position)).strip() == str(number):
            item.update(_words(request))
            return {**tree, "Item": items}
    raise NotFound(f"channel {request.channel} has no encoder {request.stream}", reason="no-such-stream")


def _words(request: VideoSetRequest) -> dict[str, str]:
    """What is wanted, in the words of the protocol."""
    words: dict[str, str] = {}
    if request.codec is not None:
        if request.codec not in _WIRE_CODECS:
            raise BadRequest(f"codec: wanted one of {', '.join(_WIRE_CODECS)}")
        words["VideoFormat"] = str(_WIRE_CODECS[request.codec])
    if request.width is not None or request.height is not None:
        if request.width is None or request.height is None:
            raise BadRequest("width, height: wanted both of them")
        size = request.width, request.height
        words["Resolution"] = _WIRE_SIZES.get(size, f"{size[0]}x{size[1]}")
    if request.fps is not None:
        if not 1 <= round(request.fps) <= MAX_FPS:
            raise BadRequest(f"fps: wanted 1 to {MAX_FPS}", reason="out-of-range")
        words["FrameRate"] = str(round(request.fps))
    if request.rate_control is not None:
        words["BitRateType"] = "1" if request.rate_control == "cbr" else "2"
    if request.bitrate_kbps is not None:
        words["VideoBitRate"] = str(request.bitrate_kbps)
    return words
