"""What the device can do (DVRIP §7.2): 1360 by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.values import Mask, as_list, as_object, parse_flag, parse_number

SYSTEM_FUNCTION: Final = "SystemFunction"
ENCODE_CAPABILITY: Final = "EncodeCapability"

#: CompressionMask by bit.
COMPRESSIONS: Final = (
    "DIVX_MPEG4",
    "MS_MPEG4",
    "MPEG2",
    "MPEG1",
    "H.263",
    "MJPG",
    "FCC_MPEG4",
    "H.264",
)
#: ResolutionMask by bit.
RESOLUTIONS: Final = (
    "D1",
    "HD1",
    "BCIF",
    "CIF",
    "QCIF",
    "VGA",
    "QVGA",
    "SVCD",
    "QQVGA",
    "ND1",
    "960H",
    "720P",
    "960P",
    "UXGA",
    "1080P",
    "WUXGA",
    "2.5M",
    "3M",
    "5M",
)


#: Tables of names up to this many characters are shared by devices that say the same; real ones have about a thousand.
SHARED_CHARACTERS: Final = 16_384
_Table = tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


@dataclass(frozen=True, slots=True)
class SystemFunctions:
    """The feature switches: groups of booleans. What is missing is false.

    Devices of one firmware say the same, and a connector keeps the table of each: equal ones are one object.
    """

    groups: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: object) -> "SystemFunctions":
        """Read the value of ``SystemFunction``."""
        table = tuple(
            (str(group), tuple((str(name), parse_flag(flag)) for name, flag in as_object(flags).items()))
            for group, flags in as_object(value).items()
        )
        characters = sum(len(group) + sum(len(name) + 1 for name, _ in flags) for group, flags in table)
        return _shared(table) if characters <= SHARED_CHARACTERS else _functions(table)

    def has(self, group: str, name: str) -> bool:
        """Whether the device has a function, e.g. ``has("NetServerFunction", "NetDAS")``."""
        return self.groups.get(group, {}).get(name, False)


def _functions(table: _Table) -> SystemFunctions:
    return SystemFunctions({group: dict(flags) for group, flags in table})


_shared = lru_cache(maxsize=64)(_functions)


@dataclass(frozen=True, slots=True)
class StreamCapability:
    """What one stream can be encoded as; bits without a name are kept in the masks."""

    stream: str
    enabled: bool
    has_audio: bool
    compressions: Mask
    resolutions: Mask

    def compression_names(self) -> list[str]:
        """Names of the compressions; unknown bits as ``bit<n>``."""
        return _names(self.compressions, COMPRESSIONS)

    def resolution_names(self) -> list[str]:
        """Names of the resolutions; unknown bits as ``bit<n>``."""
        return _names(self.resolutions, RESOLUTIONS)


@dataclass(frozen=True, slots=True)
class EncodeCapability:
    """What the encoder can do: each stream by itself, and streams of several channels in one."""

    streams: tuple[StreamCapability, ...]
    combined: tuple[StreamCapability, ...]
    max_bitrate_kbit_s: int
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: object) -> "EncodeCapability":
        """Read the value of ``EncodeCapability``."""
        raw = as_object(value)
        streams, combined = (
            tuple(_stream(as_object(item)) for item in as_list(raw.get(key)))
            for key in ("EncodeInfo", "CombEncodeInfo")
        )
        return cls(streams, combined, parse_number(raw.get("MaxBitrate")), raw)


def _stream(raw: Mapping[str, Any]) -> StreamCapability:
    return StreamCapability(
        stream=str(raw.get("StreamType", "")),
        enabled=parse_flag(raw.get("Enable")),
        has_audio=parse_flag(raw.get("HaveAudio")),
        compressions=_mask(raw.get("CompressionMask")),
        resolutions=_mask(raw.get("ResolutionMask")),
    )


def _mask(value: object) -> Mask:
    try:
        return Mask.parse(value)
    except MalformedPayload:
        return Mask(0)


def _names(mask: Mask, names: tuple[str, ...]) -> list[str]:
    return [names[bit] if bit < len(names) else f"bit{bit}" for bit in mask.bits()]


@dataclass(frozen=True, slots=True)
class TalkFormat:
    """A format the device takes for talk."""

    encoding: str
    bits: int
    sample_rate: int


def parse_talk_formats(value: object) -> list[TalkFormat]:
    """Read ``TalkAudioFormat``: an array, an object, or one wrapped in the other; nesting is flattened."""
    pending = [value]
    formats = []
    while pending:
        item = pending.pop(0)
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict) and "EncodeType" in item:
            rate = parse_number(item.get("SampleRate"))
            formats.append(
                TalkFormat(
                    str(item["EncodeType"]),
                    parse_number(item.get("SampleBit")),
                    rate * 1000 if 0 < rate < 1000 else rate,  # some say 8 and mean kHz
                )
            )
        elif isinstance(item, dict):
            pending.extend(item.values())
    return formats
