"""System information (DVRIP §7.1): 1020 by name."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.values import Mask, as_list, as_object, parse_flag, parse_number, parse_time

SYSTEM_INFO: Final = "SystemInfo"
STORAGE_INFO: Final = "StorageInfo"
WORK_STATE: Final = "WorkState"
#: No partition is larger than 2 PiB; one that says so does not know.
MAX_MIB: Final = 2**31

#: Partition status in words.
PARTITION_STATUS: Final[Mapping[int, str]] = {
    0: "ok",
    1: "no handle",
    2: "end of file",
    3: "low-level write error",
    4: "low-level read error",
    5: "full",
    6: "no file",
    7: "no disk",
    8: "clash",
    9: "must be initialised",
    10: "bad user data",
    11: "bad handle",
    12: "bad name",
    13: "exists",
    14: "file time ahead of clock",
    15: "bad disk",
}
#: What a partition is for (``DirverType``).
PARTITION_PURPOSE: Final[Mapping[int, str]] = {0: "read_write", 1: "read_only", 3: "redundant", 4: "snapshot"}


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """What the device is. Unknown keys stay in ``raw``; absent ones read as empty or 0.

    Attributes:
        serial: serial number.
        hardware: board name.
        hardware_version: "" when the device says Unknown.
        software_version: firmware version string.
        build_time: of the firmware, device local time.
        uptime_minutes: since start.
        video_inputs: analogue inputs.
        digital_channels: network channels of a recorder.
        alarm_inputs: number of them.
        alarm_outputs: number of them.
        audio_inputs: number of them.
        model: of newer firmware.
        raw: as received.
    """

    serial: str
    hardware: str
    hardware_version: str
    software_version: str
    build_time: datetime | None
    uptime_minutes: int
    video_inputs: int
    digital_channels: int
    alarm_inputs: int
    alarm_outputs: int
    audio_inputs: int
    model: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: object, counters: Counter[str] | None = None) -> "SystemInfo":
        """Read the value of ``SystemInfo``; ``counters`` as in `parse_time`."""
        raw = as_object(value)
        version = str(raw.get("HardWareVersion", ""))
        return cls(
            serial=str(raw.get("SerialNo", "")),
            hardware=str(raw.get("HardWare", "")),
            hardware_version="" if version == "Unknown" else version,
            software_version=str(raw.get("SoftWareVersion", "")),
            build_time=parse_time(raw.get("BuildTime"), counters),
            uptime_minutes=parse_number(raw.get("DeviceRunTime")),
            video_inputs=parse_number(raw.get("VideoInChannel")),
            digital_channels=parse_number(raw.get("DigChannel")),
            alarm_inputs=parse_number(raw.get("AlarmInChannel")),
            alarm_outputs=parse_number(raw.get("AlarmOutChannel")),
            audio_inputs=parse_number(raw.get("AudioInChannel")),
            model=str(raw.get("DeviceModel", "")),
            raw=raw,
        )

    def channels(self, login_channels: int = 0) -> int:
        """How many channels there are: analogue plus digital, or what the login said when that is more."""
        return max(self.video_inputs + self.digital_channels, login_channels)


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of a disk; sizes in MiB, times local to the device."""

    number: int
    purpose: str
    is_current: bool
    status_code: int
    total_mib: int
    free_mib: int
    oldest: datetime | None
    newest: datetime | None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def status(self) -> str:
        """The status in words."""
        return PARTITION_STATUS.get(self.status_code, f"status {self.status_code}")

    @property
    def is_healthy(self) -> bool:
        """Whether recording to it works; being full is normal with overwriting."""
        return self.status_code in {0, 2, 5}


@dataclass(frozen=True, slots=True)
class Disk:
    """One physical disk."""

    number: int
    partitions: tuple[Partition, ...]


def parse_storage(value: object, counters: Counter[str] | None = None) -> list[Disk]:
    """Read the value of ``StorageInfo``; ``counters`` as in `parse_time`."""
    disks = []
    for index, disk in enumerate(as_list(value)):
        raw = as_object(disk)
        number = parse_number(
            raw.get("PlysicalNo", raw.get("PhysicalNo")), index
        )  # sic: the wire has the typo
        parts = tuple(
            _partition(i, as_object(p), counters) for i, p in enumerate(as_list(raw.get("Partition")))
        )
        disks.append(Disk(number, parts))
    return disks


def _partition(index: int, raw: Mapping[str, Any], counters: Counter[str] | None) -> Partition:
    purpose = parse_number(raw.get("DirverType", raw.get("DriverType")))
    begins = [parse_time(raw.get(key), counters) for key in ("OldStartTime", "NewStartTime")]
    ends = [parse_time(raw.get(key), counters) for key in ("OldEndTime", "NewEndTime")]
    return Partition(
        number=parse_number(raw.get("LogicSerialNo"), index),
        purpose=PARTITION_PURPOSE.get(purpose, f"type_{purpose}"),
        is_current=parse_flag(raw.get("IsCurrent")),
        status_code=parse_number(raw.get("Status")),
        total_mib=_space(raw.get("TotalSpace")),
        free_mib=_space(raw.get("RemainSpace")),
        oldest=min((time for time in begins if time), default=None),
        newest=max((time for time in ends if time), default=None),
        raw=raw,
    )


def _space(value: object) -> int:
    mib = parse_number(value)
    return mib if 0 <= mib <= MAX_MIB else 0


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Bit rate (kbit/s) and recording of one channel."""

    bitrate_kbit_s: int
    recording: bool


@dataclass(frozen=True, slots=True)
class WorkState:
    """What is going on now. Masks have a bit per channel or port."""

    alarm_inputs: Mask
    alarm_outputs: Mask
    video_blind: Mask
    video_loss: Mask
    video_motion: Mask
    channels: tuple[ChannelState, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: object) -> "WorkState":
        """Read the value of ``WorkState``."""
        raw = as_object(value)
        alarms = as_object(raw.get("AlarmState"))
        channels = (as_object(item) for item in as_list(raw.get("ChannelState")))
        return cls(
            alarm_inputs=_mask(alarms.get("AlarmIn")),
            alarm_outputs=_mask(alarms.get("AlarmOut")),
            video_blind=_mask(alarms.get("VideoBlind")),
            video_loss=_mask(alarms.get("VideoLoss")),
            video_motion=_mask(alarms.get("VideoMotion")),
            channels=tuple(
                ChannelState(parse_number(item.get("Bitrate")), parse_flag(item.get("Record")))
                for item in channels
            ),
            raw=raw,
        )

    def active_alarms(self) -> Iterator[tuple[str, int]]:
        """The alarms that are on: canonical name (DVRIP §12) and channel or input."""
        for name, mask in (
            ("input", self.alarm_inputs),
            ("tamper", self.video_blind),
            ("video_loss", self.video_loss),
            ("motion", self.video_motion),
        ):
            for bit in mask.bits():
                yield name, bit


def _mask(value: object) -> Mask:
    try:
        return Mask.parse(value)
    except MalformedPayload:
        return Mask(0, None)
