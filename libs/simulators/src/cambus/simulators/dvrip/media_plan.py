"""What the streams of a simulated device look like, and what the device's settings say about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cambus.dvrip.values import as_object, parse_number
from cambus.media.frame import Codec
from cambus.simulators.video_loop import LoopStore, VideoLoop, VideoSpec

#: Picture sizes by their DVRIP name, in PAL; a size without a name is written ``WIDTHxHEIGHT``.
RESOLUTIONS: Final[Mapping[str, tuple[int, int]]] = {
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
    "3M": (2048, 1536),
    "5M": (2592, 1944),
    "8M": (3840, 2160),
}
_NAMES: Final = {size: name for name, size in RESOLUTIONS.items()}
_CODECS: Final = {"H.264": Codec.H264, "H.265": Codec.H265}


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """The streams a device starts with.

    Attributes:
        main: main stream of every channel; the codec of even channels (2, 4, ...) is ``alternate``.
        sub: extra stream of every channel.
        alternate: codec of the main stream of every second channel; None: the same everywhere.
        videos: loops of files; if there are any the main streams show them in turn instead.
    """

    main: VideoSpec = field(default_factory=VideoSpec)
    sub: VideoSpec = field(default_factory=lambda: VideoSpec(width=320, height=240, bitrate=256_000))
    alternate: Codec | None = Codec.H265
    videos: tuple[VideoLoop, ...] = ()

    def __post_init__(self) -> None:
        for video in self.videos:
            LoopStore.shared.add(video)

    def spec(self, channel: int, stream: int) -> VideoSpec:
        """The stream of a 0-based channel; ``stream`` 0 is main, anything else extra."""
        if stream == 0 and self.videos:
            return self.videos[channel % len(self.videos)].spec
        spec = (self.sub if stream else self.main).for_channel(channel + 1)
        if stream == 0 and channel % 2 == 1 and self.alternate is not None:
            return replace(spec, codec=self.alternate)
        return spec


def video_settings(spec: VideoSpec) -> dict[str, Any]:
    """The encoder settings of a stream (VideoFormat of DVRIP §8)."""
    size = (spec.width, spec.height)
    return {
        "BitRate": spec.bitrate // 1000,
        "BitRateControl": "VBR",
        "Compression": "H.265" if spec.codec is Codec.H265 else "H.264",
        "FPS": spec.fps,
        "GOP": max(2, round(spec.gop_s)),
        "Quality": 4,
        "Resolution": _NAMES.get(size, f"{spec.width}x{spec.height}"),
    }


def spec_of_settings(settings: object, base: VideoSpec) -> VideoSpec:
    """The stream that encoder settings describe; what they cannot say or say wrongly is taken from ``base``."""
    video = as_object(settings)
    if video == video_settings(base):
        return base
    width, height = _size(str(video.get("Resolution", "")), (base.width, base.height))
    fps = parse_number(video.get("FPS"), base.fps)
    gop = parse_number(video.get("GOP"), 2)
    kbit = parse_number(video.get("BitRate"), base.bitrate // 1000)
    return replace(
        base,
        codec=_CODECS.get(str(video.get("Compression")), base.codec),
        width=width,
        height=height,
        fps=fps if 1 <= fps <= 31 else base.fps,
        bitrate=min(20_000, max(32, kbit)) * 1000,
        gop_s=float(min(12, max(1, gop))),
        loop_s=float(min(12, max(1, gop))),
        source=None,
    )


def _size(name: str, default: tuple[int, int]) -> tuple[int, int]:
    if name in RESOLUTIONS:
        return RESOLUTIONS[name]
    width, _, height = name.partition("x")
    if width.isdigit() and height.isdigit() and int(width) % 8 == int(height) % 8 == 0:
        size = int(width), int(height)
        if 64 <= size[0] <= 4096 and 64 <= size[1] <= 4096:
            return size
    return default
