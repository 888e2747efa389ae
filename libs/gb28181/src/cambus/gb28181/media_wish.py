"""The `f=` line: which coding is wanted, or sent (GB/T 28181-2022 annex G, GB-158).

::

    v/2/5/25/1/4000a/1/8/1
      | | |  | |     | | 8 kHz
      | | |  | |     | 64 kbit/s
      | | |  | |     G.711
      | | |  | kbit/s
      | | |  constant rate
      | | frames a second
      | 720P
      H.264
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

VIDEO_CODECS: Final = {"MPEG-4": 1, "H.264": 2, "SVAC": 3, "3GP": 4, "H.265": 5}
RESOLUTIONS: Final = {"QCIF": 1, "CIF": 2, "4CIF": 3, "D1": 4, "720P": 5, "1080P": 6}
RATE_TYPES: Final = {"CBR": 1, "VBR": 2}
AUDIO_CODECS: Final = {"G.711": 1, "G.723.1": 2, "G.729": 3, "G.722.1": 4, "SVAC": 5, "AAC": 6}
AUDIO_KBPS: Final = dict(
    enumerate((5.3, 6.3, 8, 16, 24, 32, 48, 64, 12, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320), 1)
)
SAMPLING_KHZ: Final = dict(enumerate((8, 14, 16, 32, 7, 11, 12, 22, 24, 44, 48, 64, 88, 96), 1))
MAX_FPS: Final = 99
MAX_KBPS: Final = 100_000
_MAX_AUDIO_RATE: Final = 30
_MAX_SAMPLING: Final = 17
_LINE = re.compile(r"\s*v((?:/[^/a]{0,12}){5})\s*(?:a((?:/[^/]{0,12}){3}))?\s*")
_SIZE = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}")


@dataclass(frozen=True, slots=True)
class MediaWish:
    """One `f=` line; None is an empty place.

    Attributes:
        video: 1 MPEG-4, 2 H.264, 3 SVAC, 4 3GP, 5 H.265.
        resolution: 1 to 6, or a size such as `3840x2160`.
        fps: 0 to 99.
        rate_type: 1 constant, 2 variable.
        kbps: of the pictures.
        audio: 1 G.711, 2 G.723.1, 3 G.729, 4 G.722.1, 5 SVAC, 6 AAC.
        audio_rate: 1 to 30, of which 20 and more are of SVAC; see `AUDIO_KBPS`.
        sampling: 1 to 17, of which 15 and more are of SVAC; see `SAMPLING_KHZ`.
    """

    video: int | None = None
    resolution: int | str | None = None
    fps: int | None = None
    rate_type: int | None = None
    kbps: int | None = None
    audio: int | None = None
    audio_rate: int | None = None
    sampling: int | None = None

    def __str__(self) -> str:
        """The line without `f=`: the whole skeleton, whatever is empty; empty where everything is."""
        if self == MediaWish():
            return ""
        video = (self.video, self.resolution, self.fps, self.rate_type, self.kbps)
        audio = (self.audio, self.audio_rate, self.sampling)
        return f"v/{_joined(video)}a/{_joined(audio)}"

    @classmethod
    def parse(cls, text: str | None) -> MediaWish | None:
        """Read a line without `f=`; None for what is none. A place that cannot be is read as empty."""
        match = _LINE.fullmatch(text or "")
        if match is None:
            return cls() if text is not None and not text.strip() else None
        video, resolution, fps, rate_type, kbps = match.group(1)[1:].split("/")
        audio, rate, sampling = (match.group(2) or "///")[1:].split("/")
        size = resolution.strip().lower()
        return cls(
            _number(video, 1, 5),
            size if _SIZE.fullmatch(size) else _number(resolution, 1, 6),
            _number(fps, 0, MAX_FPS),
            _number(rate_type, 1, 2),
            _number(kbps, 0, MAX_KBPS),
            _number(audio, 1, 6),
            _number(rate, 1, _MAX_AUDIO_RATE),
            _number(sampling, 1, _MAX_SAMPLING),
        )


G711: Final = MediaWish(audio=1, audio_rate=8, sampling=1)
"""What a broadcast is."""


def _joined(places: tuple[int | str | None, ...]) -> str:
    return "/".join("" if each is None else str(each) for each in places)


def _number(text: str, least: int, most: int) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if least <= number <= most else None
