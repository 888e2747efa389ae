"""Encoders and what is drawn into the picture (DVRIP §8): `AVEnc.*`, `Simplify.Encode`."""

from dataclasses import dataclass
from typing import Final

from cambus.dvrip.objects.fields import Number
from cambus.dvrip.objects.model import (
    ConfigObject,
    bits,
    choice,
    flag,
    inner,
    inners,
    items,
    number,
    section,
    text,
)
from cambus.dvrip.values import Mask, TimeSection

#: Positions are of a picture this large, less one.
EXTENT: Final = 8192
#: Frames per second go from one frame in five seconds (-5) up.
SLOWEST: Final = -5
#: A gain or white balance of 0-100 with the bit that leaves it to the camera, 128.
AUTOMATIC: Final = range(128, 229)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat(ConfigObject):
    """How video is encoded.

    Attributes:
        codec: H.264, H.265, MPEG4, MJPG …
        resolution: D1, 1080P …
        rate_control: CBR, VBR or MBR.
        bitrate_kbit_s: bit rate.
        fps: frames per second; -3 is one frame in 3 s.
        gop_s: seconds between key frames.
        quality: 1-6, with VBR.
    """

    codec: str | None = text("Compression")
    resolution: str | None = text("Resolution")
    rate_control: str | None = choice("BitRateControl", "CBR", "VBR", "MBR")
    bitrate_kbit_s: int | None = number("BitRate", 0)
    fps: int | None = number("FPS", SLOWEST, 30)
    gop_s: int | None = number("GOP", 2, 12)
    quality: int | None = number("Quality", 1, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioEncoding(ConfigObject):
    """How sound is encoded."""

    bitrate_kbit_s: int | None = number("BitRate", 0)
    max_volume: int | None = number("MaxVolume", 0)
    sample_rate_hz: int | None = number("SampleRate", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFormat(ConfigObject):
    """One stream."""

    audio_enable: bool | None = flag("AudioEnable")
    audio: AudioEncoding | None = inner("Audio", AudioEncoding)
    video_enable: bool | None = flag("VideoEnable")
    video: VideoFormat | None = inner("Video", VideoFormat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode(ConfigObject):
    """`AVEnc.Encode`: main formats by kind of recording, extra formats by stream."""

    main: tuple[StreamFormat, ...] | None = inners("MainFormat", StreamFormat)
    extra: tuple[StreamFormat, ...] | None = inners("ExtraFormat", StreamFormat)
    snap: tuple[StreamFormat, ...] | None = inners("SnapFormat", StreamFormat)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimplifyEncode(ConfigObject):
    """`Simplify.Encode`: the same, one main and one extra format."""

    main: StreamFormat | None = inner("MainFormat", StreamFormat)
    extra: StreamFormat | None = inner("ExtraFormat", StreamFormat)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoColorParam(ConfigObject):
    """Colours; a gain of 128 is automatic."""

    brightness: int | None = number("Brightness", 0, 100)
    contrast: int | None = number("Contrast", 0, 100)
    hue: int | None = number("Hue", 0, 100)
    saturation: int | None = number("Saturation", 0, 100)
    white_balance: int | None = number("Whitebalance", 0, 100, also=AUTOMATIC)
    gain: int | None = number("Gain", 0, 100, also=AUTOMATIC)
    acutance: int | None = number("Acutance", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoColor(ConfigObject):
    """`AVEnc.VideoColor`: colours in one range of the day; up to six per channel."""

    enable: bool | None = flag("Enable")
    when: TimeSection | None = section("TimeSection")
    colors: VideoColorParam | None = inner("VideoColorParam", VideoColorParam)


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget(ConfigObject):
    """Something drawn: colours, where it is drawn, and left, top, right, bottom."""

    back_color: Mask | None = bits("BackColor")
    front_color: Mask | None = bits("FrontColor")
    in_stream: bool | None = flag("EncodeBlend")
    on_screen: bool | None = flag("PreviewBlend")
    position: tuple[int, ...] | None = items("RelativePos", Number(0, EXTENT - 1), 4, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTitle(ConfigObject):
    """What a channel is called in its picture."""

    name: str | None = text("Name")
    serial: str | None = text("SerialNo")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoWidget(ConfigObject):
    """`AVEnc.VideoWidget`: covers, title and time."""

    covers: tuple[Widget, ...] | None = inners("Covers", Widget)
    cover_count: int | None = number("CoversNum", 0)
    title: ChannelTitle | None = inner("ChannelTitle", ChannelTitle)
    title_widget: Widget | None = inner("ChannelTitleAttribute", Widget)
    time_widget: Widget | None = inner("TimeTitleAttribute", Widget)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInFormat(ConfigObject):
    """`fVideo.AudioInFormat`: sound of a channel."""

    bitrate_kbit_s: int | None = number("BitRate", 0)
    sample_bits: int | None = number("SampleBit", 0)
    sample_rate_hz: int | None = number("SampleRate", 0)
    codec: str | None = text("EncodeType")


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(ConfigObject):
    """`fVideo.Volume`."""

    mode: str | None = text("AudioMode")
    left: int | None = number("LeftVolume", 0, 100)
    right: int | None = number("RightVolume", 0, 100)
