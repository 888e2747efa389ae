"""Configuration of a device, block by block (§10, A.2.3.2, A.2.4.9, A.2.6.10, GB-220 to GB-223).

The blocks that concern what Cambus does are declared; all others are passed through as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.layout import INT, OK_ERROR, ONE_ZERO, SECRET, Body, Part, leaf, listing
from cambus.gb28181.xml import Element

BLOCKS: Final = (
    "BasicParam",
    "VideoParamOpt",
    "SVACEncodeConfig",
    "SVACDecodeConfig",
    "VideoParamAttribute",
    "VideoRecordPlan",
    "VideoAlarmRecord",
    "PictureMask",
    "FrameMirror",
    "AlarmReport",
    "OSDConfig",
    "SnapShotConfig",
)
NEW_IN_2022: Final = frozenset(BLOCKS[4:])
_ALSO: Final = {"snapshot": "SnapShotConfig"}
_HEADER: Final = frozenset({"cmdtype", "sn", "deviceid", "result", "sumnum", "extrainfo", "info"})


@dataclass(frozen=True, slots=True)
class ConfigQuery(Body):
    """Which settings? Several types stand in one element, joined by slashes."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "ConfigDownload"

    types: str | None = leaf("ConfigType")


@dataclass(frozen=True, slots=True)
class ConfigResult(Body):
    """Whether settings were taken."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "DeviceConfig"

    ok: bool | None = leaf("Result", OK_ERROR)


@dataclass(frozen=True, slots=True)
class BasicParam(Part):
    """What a device is called, and how often it says that it is there."""

    name: str | None = leaf("Name")
    expiration_s: int | None = leaf("Expiration", INT)
    heartbeat_s: int | None = leaf("HeartBeatInterval", INT)
    heartbeat_count: int | None = leaf("HeartBeatCount", INT)


@dataclass(frozen=True, slots=True)
class VideoParamOpt(Part):
    """What a device can: speeds of download, resolutions; to be read only."""

    download_speeds: str | None = leaf("DownloadSpeed")
    resolutions: str | None = leaf("Resolution")


@dataclass(frozen=True, slots=True)
class VideoAttribute(Part):
    """The encoder of one stream, in the codes of the `f=` line; 2022."""

    stream_number: int | None = leaf("StreamNumber", INT)
    format: int | None = leaf("VideoFormat", INT)
    resolution: str | None = leaf("Resolution")
    frame_rate: int | None = leaf("FrameRate", INT)
    rate_type: int | None = leaf("BitRateType", INT)
    rate_kbps: int | None = leaf("VideoBitRate", INT)


@dataclass(frozen=True, slots=True)
class AlarmReport(Part):
    """Which analytic alarms are reported; 2022."""

    motion: bool | None = leaf("MotionDetection", ONE_ZERO)
    field: bool | None = leaf("FieldDetection", ONE_ZERO)


@dataclass(frozen=True, slots=True)
class SnapshotConfig(Part):
    """So many pictures, so far apart, to this address; 2022."""

    count: int | None = leaf("SnapNum", INT)
    interval_s: int | None = leaf("Interval", INT)
    url: str | None = leaf("UploadURL")
    session: str | None = leaf("SessionID")


@dataclass(frozen=True, slots=True)
class MaskRegion(Part):
    """One covered region: `left,top,right,bottom` in pixels."""

    number: int | None = leaf("Seq", INT)
    points: str | None = leaf("Point")


@dataclass(frozen=True, slots=True)
class PictureMask(Part):
    """Covered regions of the picture; 2022."""

    on: bool | None = leaf("On", ONE_ZERO)
    count: int | None = leaf("SumNum", INT)
    regions: tuple[MaskRegion, ...] = listing("RegionList", MaskRegion)


@dataclass(frozen=True, slots=True)
class ConfigAnswer:
    """One block of settings that a device sent.

    Attributes:
        ok: what it said about the question; None if nothing.
        block: the type, in the spelling of the standard where it is one of them.
        element: the block as it came, None where the device sent none.
    """

    ok: bool | None
    block: str
    element: Element | None = field(compare=False)

    @classmethod
    def parse(cls, envelope: Envelope) -> ConfigAnswer:
        """Find the block: the element that belongs to no header, whatever it is called (GB-223)."""
        found = next((each for each in envelope.element.children if each.name.lower() not in _HEADER), None)
        return cls(envelope.result, block_name(found.name) if found is not None else "", found)

    def values(self) -> dict[str, Any]:
        """The block as a tree of plain values, never with a password."""
        return plain(self.element) if self.element is not None else {}


def block_name(name: str) -> str:
    """The usual spelling of a block's name; one nobody knows as it is."""
    lower = name.lower()
    return _ALSO.get(lower) or next((each for each in BLOCKS if each.lower() == lower), name)


def query(sn: int, code: str, types: Iterable[str], *, charset: str = "GB2312") -> bytes:
    """Ask for settings."""
    return ConfigQuery("/".join(types)).serialize(sn, code, charset=charset)


def order(sn: int, code: str, block: Element, *, charset: str = "GB2312") -> bytes:
    """Set a block."""
    return compose(Root.CONTROL, "DeviceConfig", sn, code, [block], charset=charset)


def answer(sn: int, code: str, block: Element | None, *, ok: bool = True, charset: str = "GB2312") -> bytes:
    """Send a block of ours."""
    content = [Element("Result", "OK" if ok else "ERROR")]
    return compose(
        Root.RESPONSE,
        "ConfigDownload",
        sn,
        code,
        content if block is None else [*content, block],
        charset=charset,
    )


def snapshots(count: int, interval_s: int, url: str, session: str) -> Element:
    """The block that orders pictures. Raises OutOfRange."""
    if not 1 <= count <= 10:
        raise OutOfRange("count", f"{count} is not within 1..10")
    if interval_s < 1:
        raise OutOfRange("interval_s", f"{interval_s} is less than a second")
    return Element("SnapShotConfig", children=SnapshotConfig(count, interval_s, url, session).elements())


def plain(element: Element) -> dict[str, Any]:
    """An element as a tree of texts; what is repeated becomes a list."""
    tree: dict[str, Any] = {}
    for child in element.children:
        if child.name.lower() in SECRET:
            continue
        value: Any = plain(child) if child.children else child.text
        if child.name not in tree:
            tree[child.name] = value
        elif isinstance(tree[child.name], list):
            tree[child.name].append(value)
        else:
            tree[child.name] = [tree[child.name], value]
    return tree


def element_of(name: str, tree: dict[str, Any]) -> Element:
    """The element of such a tree."""
    made = Element(name)
    for key, value in tree.items():
        for each in value if isinstance(value, list) else [value]:
            made.children.append(element_of(key, each) if isinstance(each, dict) else Element(key, str(each)))
    return made
