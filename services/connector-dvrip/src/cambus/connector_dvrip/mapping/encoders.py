"""Encoder settings: `Simplify.Encode` of the device (DVRIP §8) and the settings of the bus."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from cambus.connector_dvrip.mapping.native import json_object
from cambus.dvrip.values import as_list, as_object, parse_flag, parse_number
from cambus.schemas.commands.video import VideoSetRequest
from cambus.schemas.encoding import AudioCodec, EncoderSettings, RateControl, VideoCodec
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.ids import StreamName

NAME: Final = "Simplify.Encode"
FORMATS: Final[dict[StreamName, str]] = {"main": "MainFormat", "sub": "ExtraFormat"}

SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "D1": (704, 576),
    "HD1": (352, 576),
    "BCIF": (704, 288),
    "CIF": (352, 288),
    "QCIF": (176, 144),
    "VGA": (640, 480),
    "QVGA": (320, 240),
    "SVCD": (480, 480),
    "QQVGA": (160, 128),
    "ND1": (240, 192),
    "960H": (928, 576),
    "720P": (1280, 720),
    "960P": (1280, 960),
    "UXGA": (1600, 1200),
    "1080P": (1920, 1080),
    "WUXGA": (1920, 1200),
    "2.5M": (1872, 1408),
    "3M": (2048, 1536),
    "4M": (2560, 1440),
    "5M": (2592, 1944),
    "6M": (3072, 2048),
    "8M": (3840, 2160),
    "4K": (3840, 2160),
}
"""Picture sizes by the device's names, in PAL."""

NTSC_SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "D1": (704, 480),
    "HD1": (352, 480),
    "BCIF": (704, 240),
    "CIF": (352, 240),
    "QCIF": (176, 120),
    "960H": (928, 480),
}
"""Where NTSC has other sizes."""

_CODECS: Final[dict[str, VideoCodec]] = {
    "H.264": "h264",
    "H.264MF": "h264",
    "H.264HF": "h264",
    "H.265": "h265",
    "MPEG4": "mpeg4",
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
}
_WIRE_CODECS: Final[dict[VideoCodec, str]] = {
    "h264": "H.264",
    "h265": "H.265",
    "mpeg4": "MPEG4",
    "mjpeg": "MJPG",
}
_CONTROLS: Final[dict[str, RateControl]] = {"CBR": "cbr", "VBR": "vbr", "MBR": "vbr"}
_AUDIO: Final[AudioCodec] = "pcma"


def encoders_of(value: Any, channel: int | None, stream: StreamName | None) -> list[EncoderSettings]:
    """Return the settings in the value of `Simplify.Encode`, of one channel or stream or all."""
    found = []
    for number, entry in enumerate(as_list(value)):
        for name, form in FORMATS.items():
            wanted = channel in (None, number) and stream in (None, name)
            if wanted and isinstance(entry, dict) and isinstance(entry.get(form), dict):
                found.append(_settings(number, name, entry[form]))
    return found


def settings_of(value: Any, channel: int, stream: StreamName) -> EncoderSettings:
    """Return the settings of one encoder.

    Raises:
        NotFound: there is no such encoder.
    """
    found = encoders_of(value, channel, stream)
    if not found:
        raise NotFound(f"channel {channel} has no encoder {stream}", reason="no-such-stream")
    return found[0]


def changed(value: Any, request: VideoSetRequest) -> Any:
    """Return a copy of the value of `Simplify.Encode` with only what `request` names changed.

    Raises:
        NotFound: there is no such encoder.
        BadRequest: the device has no word for what is wanted.
    """
    settings_of(value, request.channel, request.stream)
    result = copy.deepcopy(value)
    entry = as_list(result)[request.channel][FORMATS[request.stream]]
    video = entry.setdefault("Video", {})
    if request.enabled is not None:
        entry["VideoEnable"] = request.enabled
    if request.audio is not None:
        entry["AudioEnable"] = request.audio
    if request.audio_codec not in (None, _AUDIO):
        raise BadRequest("audio_codec: these devices send pcma only")
    video.update(_wire(request, str(video.get("Resolution", ""))))
    return result


def _wire(request: VideoSetRequest, resolution: str) -> dict[str, Any]:
    """The fields of VideoFormat that a request changes."""
    fields: dict[str, Any] = {}
    if request.codec is not None:
        if request.codec not in _WIRE_CODECS:
            raise BadRequest(f"codec: wanted one of {', '.join(sorted(_WIRE_CODECS))}")
        fields["Compression"] = _WIRE_CODECS[request.codec]
    if (request.width is None) != (request.height is None):
        raise BadRequest("width, height: wanted both or none")
    if request.width is not None and request.height is not None:
        fields["Resolution"] = resolution_name(request.width, request.height, resolution)
    if request.fps is not None:
        fields["FPS"] = max(round(request.fps), 1) if request.fps >= 1 else -round(1 / request.fps)
    if request.rate_control is not None:
        fields["BitRateControl"] = request.rate_control.upper()
    if request.bitrate_kbps is not None:
        fields["BitRate"] = request.bitrate_kbps
    if request.quality is not None:
        fields["Quality"] = request.quality
    if request.gop_s is not None:
        fields["GOP"] = max(round(request.gop_s), 1)
    return fields


def resolution_name(width: int, height: int, present: str = "") -> str:
    """Return the device's name of a picture size; the present one if it means the same.

    Raises:
        BadRequest: it has none.
    """
    names = [name for table in (SIZES, NTSC_SIZES) for name, size in table.items() if size == (width, height)]
    if present in names:
        return present
    if names:
        return names[0]
    if "x" in present:  # newer firmware writes sizes out
        return f"{width}x{height}"
    raise BadRequest(f"width, height: the device has no word for {width}x{height}")


def resolution_size(name: str) -> tuple[int, int] | None:
    """Return the size a name of the device stands for, None if unknown."""
    if name in SIZES:
        return SIZES[name]
    width, _, height = name.partition("x")
    if width.isdigit() and height.isdigit() and 0 < int(width) <= 32768 and 0 < int(height) <= 32768:
        return int(width), int(height)
    return None


def _settings(channel: int, stream: StreamName, entry: Mapping[str, Any]) -> EncoderSettings:
    video = as_object(entry.get("Video"))
    width, height = resolution_size(str(video.get("Resolution", ""))) or (None, None)
    fps, gop, bitrate = (parse_number(video.get(name)) for name in ("FPS", "GOP", "BitRate"))
    quality = parse_number(video.get("Quality"))
    return EncoderSettings(
        channel=channel,
        stream=stream,
        enabled=parse_flag(entry.get("VideoEnable"), default=True),
        codec=_CODECS.get(str(video.get("Compression", "")), "other"),
        width=width,
        height=height,
        fps=float(fps) if 0 < fps <= 1000 else (-1 / fps if -1000 < fps < 0 else None),
        rate_control=_CONTROLS.get(str(video.get("BitRateControl", ""))),
        bitrate_kbps=bitrate if bitrate > 0 else None,
        quality=quality if 1 <= quality <= 6 else None,
        gop_s=float(gop) if gop > 0 else None,
        audio=parse_flag(entry.get("AudioEnable")),
        audio_codec=_AUDIO,
        native=json_object(entry),
    )
