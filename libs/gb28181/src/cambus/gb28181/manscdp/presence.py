"""Keepalive, and what a device says of itself (A.2.5.2, A.2.4.2, A.2.4.4, A.2.6.4, A.2.6.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.manscdp.layout import INT, OK_ERROR, ON_OFF, Body, Part, leaf, listing, part, repeated


@dataclass(frozen=True, slots=True)
class FaultyCodes(Part):
    """The sub-devices that do not work."""

    codes: tuple[str, ...] = repeated("DeviceID")


@dataclass(frozen=True, slots=True)
class Keepalive(Body):
    """I am there."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "Keepalive"

    ok: bool | None = leaf("Status", OK_ERROR)
    faulty: FaultyCodes | None = part("Info", FaultyCodes)

    @property
    def well(self) -> bool:
        """Whether it says that all of it works."""
        return self.ok is not False and (self.faulty is None or not self.faulty.codes)


@dataclass(frozen=True, slots=True)
class DeviceInfoQuery(Body):
    """What are you?"""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "DeviceInfo"


@dataclass(frozen=True, slots=True)
class DeviceInfo(Body):
    """What a device is. A LoginName and a Password that some send are not read (GB-073)."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "DeviceInfo"

    name: str | None = leaf("DeviceName")
    ok: bool | None = leaf("Result", OK_ERROR)
    device_type: str | None = leaf("DeviceType")
    manufacturer: str | None = leaf("Manufacturer")
    model: str | None = leaf("Model")
    firmware: str | None = leaf("Firmware")
    channels: int | None = leaf("Channel", INT, also=("MaxCamera",))
    alarms: int | None = leaf("MaxAlarm", INT)


@dataclass(frozen=True, slots=True)
class DeviceStatusQuery(Body):
    """How are you?"""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "DeviceStatus"


@dataclass(frozen=True, slots=True)
class AlarmDuty(Part):
    """One alarm input: `ONDUTY`, `OFFDUTY` or `ALARM`."""

    code: str | None = leaf("DeviceID")
    duty: str | None = leaf("DutyStatus")


@dataclass(frozen=True, slots=True)
class DeviceStatus(Body):
    """How a device is."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "DeviceStatus"

    ok: bool | None = leaf("Result", OK_ERROR)
    online: str | None = leaf("Online")
    status: str | None = leaf("Status")
    reason: str | None = leaf("Reason")
    encoding: bool | None = leaf("Encode", ON_OFF)
    recording: bool | None = leaf("Record", ON_OFF)
    device_time: str | None = leaf("DeviceTime")
    alarms: tuple[AlarmDuty, ...] = listing("Alarmstatus", AlarmDuty)
