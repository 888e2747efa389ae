"""Control of a device: one body with one command in it (A.2.3, GB-089 to GB-095)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.manscdp.layout import FLOAT, INT, OK_ERROR, ONE_ZERO, Body, Part, leaf, part
from cambus.gb28181.versions import Version


@dataclass(frozen=True, slots=True)
class ControlInfo(Part):
    """What stands in the `Info` of a control."""

    priority: int | None = leaf("ControlPriority", INT)
    alarm_method: str | None = leaf("AlarmMethod")
    alarm_type: str | None = leaf("AlarmType")


@dataclass(frozen=True, slots=True)
class PtzParameters(Part):
    """Names for presets and cruises; 2022."""

    preset_name: str | None = leaf("PresetName")
    cruise_name: str | None = leaf("CruiseTrackName")


@dataclass(frozen=True, slots=True)
class Area(Part):
    """A rectangle in a window: sizes and middle in pixels from the upper left."""

    length: int | None = leaf("Length", INT)
    width: int | None = leaf("Width", INT)
    middle_x: int | None = leaf("MidPointX", INT)
    middle_y: int | None = leaf("MidPointY", INT)
    length_x: int | None = leaf("LengthX", INT)
    length_y: int | None = leaf("LengthY", INT)


@dataclass(frozen=True, slots=True)
class HomePosition(Part):
    """Going back to a preset after a time without anybody moving the camera."""

    enabled: bool | None = leaf("Enabled", ONE_ZERO)
    reset_s: int | None = leaf("ResetTime", INT)
    preset: int | None = leaf("PresetIndex", INT)


@dataclass(frozen=True, slots=True)
class PrecisePosition(Part):
    """Degrees of pan and tilt, down being positive, and the zoom factor; 2022."""

    pan: float | None = leaf("Pan", FLOAT)
    tilt: float | None = leaf("Tilt", FLOAT)
    zoom: float | None = leaf("Zoom", FLOAT)


@dataclass(frozen=True, slots=True)
class UpgradeOrder(Part):
    """Where new firmware is fetched; 2022."""

    firmware: str | None = leaf("Firmware")
    url: str | None = leaf("FileURL")
    manufacturer: str | None = leaf("Manufacturer")
    session: str | None = leaf("SessionID")


@dataclass(frozen=True, slots=True)
class DeviceControl(Body):
    """A control. Exactly one command is given; the rest stays None.

    Attributes:
        ptz: sixteen hexadecimal digits, see `cambus.gb28181.ptz`.
        boot: restarts the device.
        record: `Record` or `StopRecord`.
        guard: `SetGuard` or `ResetGuard`.
        alarm: `ResetAlarm`.
        iframe: asks for a keyframe, as 2022 spells it.
        iframe_2016: the same, as 2016 misspells it.
    """

    ROOT: ClassVar = Root.CONTROL
    COMMAND: ClassVar = "DeviceControl"

    ptz: str | None = leaf("PTZCmd")
    ptz_parameters: PtzParameters | None = part("PTZCmdParams", PtzParameters)
    boot: str | None = leaf("TeleBoot")
    record: str | None = leaf("RecordCmd")
    stream_number: int | None = leaf("StreamNumber", INT)
    guard: str | None = leaf("GuardCmd")
    alarm: str | None = leaf("AlarmCmd")
    iframe: str | None = leaf("IFrameCmd")
    iframe_2016: str | None = leaf("IFameCmd")
    drag_in: Area | None = part("DragZoomIn", Area)
    drag_out: Area | None = part("DragZoomOut", Area)
    home: HomePosition | None = part("HomePosition", HomePosition)
    precise: PrecisePosition | None = part("PTZPreciseCtrl", PrecisePosition)
    upgrade: UpgradeOrder | None = part("DeviceUpgrade", UpgradeOrder)
    format_card: int | None = leaf("FormatSDCard", INT)
    track: str | None = leaf("TargetTrack")
    track_code: str | None = leaf("DeviceID2")
    track_area: Area | None = part("TargetArea", Area)
    info: ControlInfo | None = part("Info", ControlInfo)

    @property
    def command(self) -> str | None:
        """Which command is given, by the name of its field."""
        return next((name for name in COMMANDS if getattr(self, name) is not None), None)

    @property
    def is_answered(self) -> bool:
        """Whether a result follows in a message of its own (§4.1)."""
        return self.command in _ANSWERED


COMMANDS: Final = (
    "ptz",
    "boot",
    "record",
    "guard",
    "alarm",
    "iframe",
    "iframe_2016",
    "drag_in",
    "drag_out",
    "home",
    "precise",
    "upgrade",
    "format_card",
    "track",
)
_ANSWERED: Final = frozenset({"record", "guard", "alarm", "home", "upgrade"})
_NEW_IN_2022: Final = frozenset({"precise", "upgrade", "format_card", "track"})


@dataclass(frozen=True, slots=True)
class ControlResult(Body):
    """What became of a control."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "DeviceControl"

    ok: bool | None = leaf("Result", OK_ERROR)


def needs_2022(control: DeviceControl) -> bool:
    """Whether only the edition of 2022 has this command."""
    return (
        control.command in _NEW_IN_2022
        or control.ptz_parameters is not None
        or control.stream_number is not None
    )


def keyframe(version: Version) -> DeviceControl:
    """Ask for a keyframe, in the spelling of the edition (GB-090)."""
    return DeviceControl(iframe="Send") if version.is_2022 else DeviceControl(iframe_2016="Send")


def home_position(*, enabled: bool, reset_s: int | None = None, preset: int | None = None) -> DeviceControl:
    """Set the home position. Raises OutOfRange."""
    if preset is not None and not 0 <= preset <= 255:
        raise OutOfRange("preset", f"{preset} is not within 0..255")
    return DeviceControl(home=HomePosition(enabled, reset_s, preset))
