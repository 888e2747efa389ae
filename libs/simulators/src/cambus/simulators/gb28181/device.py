"""What a simulated device is made of: its channels and their heads, its settings, cards and firmware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.gb28181.manscdp.storage import Card
from cambus.simulators.gb28181.archive import Archive, ArchivePlan
from cambus.simulators.gb28181.head import Head
from cambus.simulators.gb28181.profiles import Profile

MAX_CHANNELS: Final = 10_000
_MANY: Final = 900_000
"""Where serials begin of which there are too many to go with that of the device."""
RARE_CHARACTER: Final = "\u8433"
"""Outside of GB 2312, so that only those read it who read GB 18030."""

_VIDEO: Final[dict[str, Any]] = {
    "StreamNumber": "0",
    "VideoFormat": "2",
    "Resolution": "5",
    "FrameRate": "25",
    "BitRateType": "1",
    "VideoBitRate": "2048",
}
_SEGMENT: Final = {
    "StartHour": "0",
    "StartMin": "0",
    "StartSec": "0",
    "StopHour": "23",
    "StopMin": "59",
    "StopSec": "59",
}


def _settings(name: str) -> dict[str, Any]:
    """Blocks of settings as they leave the factory (§10)."""
    return {
        "BasicParam": {
            "Name": name,
            "Expiration": "3600",
            "HeartBeatInterval": "60",
            "HeartBeatCount": "3",
        },
        "VideoParamOpt": {"DownloadSpeed": "1/2/4/8", "Resolution": "5/6"},
        "SVACEncodeConfig": {"ROIParam": {"ROIFlag": "0", "ROINumber": "0"}},
        "SVACDecodeConfig": {"SVCParam": {"SVCSTMMode": "0"}},
        "VideoParamAttribute": {"Item": [dict(_VIDEO), {**_VIDEO, "StreamNumber": "1", "Resolution": "2"}]},
        "VideoRecordPlan": {
            "RecordEnable": "1",
            "RecordScheduleSumNum": "1",
            "RecordSchedule": {"WeekDayNum": "1", "TimeSegmentSumNum": "1", "TimeSegment": _SEGMENT},
            "StreamNumber": "0",
        },
        "VideoAlarmRecord": {
            "RecordEnable": "1",
            "RecordTime": "30",
            "PreRecordTime": "5",
            "StreamNumber": "0",
        },
        "PictureMask": {"On": "0", "SumNum": "0"},
        "FrameMirror": "0",
        "AlarmReport": {"MotionDetection": "1", "FieldDetection": "0"},
        "OSDConfig": {
            "Length": "704",
            "Width": "576",
            "TimeX": "10",
            "TimeY": "10",
            "TimeEnable": "1",
            "TimeType": "0",
            "TextEnable": "1",
            "SumNum": "1",
            "Item": {"Text": name, "X": "10", "Y": "550"},
        },
        "SnapShotConfig": {"SnapNum": "1", "Interval": "1", "UploadURL": "", "SessionID": ""},
    }


@dataclass
class Channel:
    """One camera.

    Attributes:
        code: its code.
        number: from 1; drawn into its picture.
        name: for people.
        head: what turns it.
        archive: its recordings.
        settings: blocks of settings by name, as trees of texts.
        recording: whether it records now.
        on: whether the catalog has it as there.
    """

    code: str
    number: int
    name: str
    head: Head
    archive: Archive
    settings: dict[str, Any]
    recording: bool = False
    on: bool = True

    def as_json(self) -> dict[str, Any]:
        """For those who look."""
        return {"code": self.code, "on": self.on, "recording": self.recording, "head": self.head.as_json()}


@dataclass
class SimulatedDevice:
    """A device.

    Args:
        code: its code.
        profile: its make.
        channels: how many cameras, or their codes.
        plan: of the recordings.
        now: the clock of its heads.

    Attributes:
        firmware: what runs now.
        guarded: whether alarms are told.
        alarmed: whether an alarm has not been reset.
        boots: how often it has started.
        cards: memory cards.
        settings: blocks of settings of the device itself.
        keyframes: how often a key frame was asked for.
        areas: rectangles that were zoomed into or out of.
    """

    code: str
    profile: Profile
    channels: int | tuple[str, ...]
    plan: ArchivePlan
    now: Callable[[], float]
    firmware: str = ""
    guarded: bool = False
    alarmed: bool = False
    boots: int = 0
    keyframes: int = 0
    cards: list[Card] = field(default_factory=list)
    areas: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        codes = self.channels if isinstance(self.channels, tuple) else self._codes(self.channels)
        self.firmware = self.firmware or self.profile.firmware
        archive = Archive(self.plan)
        self.cameras = {
            code: Channel(code, n, self._name(n), Head(self.now), archive, _settings(self._name(n)))
            for n, code in enumerate(codes, 1)
        }
        self.settings = _settings(self.profile.model)
        self.alarm_input = self._peripheral("134", 1)
        self.loudspeaker = self._peripheral("137", 1) if self.profile.loudspeaker else None
        self.cards = self.cards or [Card(1, "SD1", "ok", None, 32_000, 20_000)]

    def _codes(self, count: int) -> tuple[str, ...]:
        if not 1 <= count <= MAX_CHANNELS:
            raise ValueError(f"channels {count}: want 1-{MAX_CHANNELS}")
        return tuple(self._peripheral("131", n) for n in range(1, count + 1))

    def _peripheral(self, type_: str, number: int) -> str:
        """The code of something behind the device; devices whose last four digits differ share none below 100."""
        serial = f"{self.code[-4:]}{number:02d}" if number < 100 else f"{_MANY + number:06d}"
        return f"{self.code[:10]}{type_}0{serial}"

    def _name(self, number: int) -> str:
        if self.profile.charset == "GB18030":
            return f"摄像机{RARE_CHARACTER}{number}"
        return f"摄像机 {number}"

    @property
    def codes(self) -> list[str]:
        """Every code it answers to."""
        more = [self.alarm_input] + ([self.loudspeaker] if self.loudspeaker is not None else [])
        return [self.code, *self.cameras, *more]

    def camera(self, code: str) -> Channel:
        """A camera; the first one for what is asked of the device itself."""
        return self.cameras.get(code) or next(iter(self.cameras.values()))

    def settings_of(self, code: str) -> dict[str, Any]:
        """The settings of a camera, or of the device."""
        return self.cameras[code].settings if code in self.cameras else self.settings

    def catalog(self) -> list[CatalogItem]:
        """What there is behind it."""
        items = [self.item(channel) for channel in self.cameras.values()]
        items.append(self._other(self.alarm_input, "报警输入"))
        if self.loudspeaker is not None:
            items.append(self._other(self.loudspeaker, "音频输出"))
        return items

    def item(self, channel: Channel) -> CatalogItem:
        """A camera as the catalog has it."""
        info = {"PTZType": "3" if self.profile.name == "dahua_ipc" else "1", "DownloadSpeed": "1/2/4/8"}
        if self.profile.version is not None:
            info |= {"StreamNumberList": "0/1", "SupplyLightType": "2", "PhotoelectricImagingType": "1"}
        return CatalogItem(
            channel.code,
            channel.name,
            (self.code,),
            channel.on,
            manufacturer=self.profile.manufacturer,
            model=self.profile.model,
            civil_code=self.code[:6],
            address="axy",
            register_way=1,
            secrecy=0,
            longitude=116.397,
            latitude=39.908,
            info=info,
        )

    def _other(self, code: str, name: str) -> CatalogItem:
        return CatalogItem(
            code,
            name,
            (self.code,),
            manufacturer=self.profile.manufacturer,
            model=self.profile.model,
            civil_code=self.code[:6],
            address="axy",
            register_way=1,
            secrecy=0,
        )
