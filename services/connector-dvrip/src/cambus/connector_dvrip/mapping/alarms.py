"""Alarms of the device, as alarms of the bus (DVRIP §12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.mapping.native import json_object, text
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.schemas.alarms import (
    AlarmInput,
    AlarmType,
    InputKind,
    NativeAlarm,
    Severity,
    alarm_key,
    default_severity,
)
from cambus.schemas.ids import derived_event_id

TYPES: Final = {
    "motion": AlarmType.MOTION,
    "tamper": AlarmType.TAMPER,
    "video_loss": AlarmType.VIDEO_LOSS,
    "input": AlarmType.IO,
    "net_input": AlarmType.IO,
    "ipc_input": AlarmType.IO,
    "serial": AlarmType.SERIAL,
    "ip_conflict": AlarmType.NETWORK_IP_CONFLICT,
    "net_lost": AlarmType.NETWORK_LOST,
    "disk_missing": AlarmType.STORAGE_MISSING,
    "disk_low": AlarmType.STORAGE_LOW,
    "disk_error": AlarmType.STORAGE_ERROR,
    "analytics": AlarmType.ANALYTICS_OTHER,
    "human": AlarmType.ANALYTICS_HUMAN,
    "face": AlarmType.ANALYTICS_FACE,
}
"""The canonical names of the protocol library, as alarm types; every other name is `other`."""

_INPUTS: Final = {"input": InputKind.LOCAL, "net_input": InputKind.NETWORK, "ipc_input": InputKind.CAMERA}
DEVICE_WIDE: Final = frozenset(
    {"ip_conflict", "net_lost", "disk_missing", "disk_low", "disk_error", "serial", "system"}
)
"""Alarms of the device as a whole, whatever number stands in `Channel`."""

_FUNCTIONS: Final = {
    "MotionDetect": AlarmType.MOTION,
    "BlindDetect": AlarmType.TAMPER,
    "LossDetect": AlarmType.VIDEO_LOSS,
    "LocalAlarm": AlarmType.IO,
    "NetAlarm": AlarmType.IO,
    "StorageNotExist": AlarmType.STORAGE_MISSING,
    "StorageLowSpace": AlarmType.STORAGE_LOW,
    "StorageFailure": AlarmType.STORAGE_ERROR,
    "NetAbort": AlarmType.NETWORK_LOST,
    "NetIpConflict": AlarmType.NETWORK_IP_CONFLICT,
    "VideoAnalyze": AlarmType.ANALYTICS_OTHER,
    "HumanDection": AlarmType.ANALYTICS_HUMAN,
}


@dataclass(frozen=True, slots=True)
class MappedAlarm:
    """What an alarm of the device is on the bus, apart from its beginning and end.

    Attributes:
        type, severity, key, channel, input, native: as in the events.
        device_time: when it happened by the device's clock, converted; None if it did not say.
    """

    type: AlarmType
    severity: Severity
    key: str
    channel: int | None
    input: AlarmInput | None
    native: NativeAlarm
    device_time: datetime | None

    def fields(self) -> dict[str, Any]:
        """The fields that beginning and end have in common."""
        return {
            "type": self.type,
            "severity": self.severity,
            "key": self.key,
            "channel": self.channel,
            "native": self.native,
            "device_time": self.device_time,
        }


def map_alarm(report: AlarmReport, zone: DeviceZone, channels: int) -> MappedAlarm:
    """Return what a report of the device is on the bus.

    `Channel` is a channel for pictures, an input for inputs, and means nothing for the device as a whole.
    """
    kind = TYPES.get(report.event, AlarmType.OTHER)
    alarm_input: AlarmInput | None = None
    channel: int | None = None
    if report.event in _INPUTS:
        alarm_input = AlarmInput(kind=_INPUTS[report.event], number=report.channel)
    elif report.event not in DEVICE_WIDE and report.channel < max(channels, 1):
        channel = report.channel
    return MappedAlarm(
        type=kind,
        severity=default_severity(kind),
        key=_key(report, kind, channel, alarm_input),
        channel=channel,
        input=alarm_input,
        native=NativeAlarm(
            code=text(report.native), text=text(report.description, 500), detail=json_object(report.raw, 100)
        ),
        device_time=None if report.time is None else zone.to_utc(report.time),
    )


def alarm_event_id(device: str, alarm: MappedAlarm, what: str, at: datetime, ordinal: int) -> str:
    """Return the id of an event that two replicas which heard the same alarm give it alike.

    Without a device time there is nothing lasting to go by: then the moment we heard it counts.
    """
    return derived_event_id(alarm.device_time or at, device, alarm.key, what, ordinal)


def alarms_of_functions(functions: Mapping[str, Mapping[str, bool]]) -> list[AlarmType]:
    """The alarms a device can raise, by its feature switches, without repeats."""
    switches = functions.get("AlarmFunction", {})
    return sorted({kind for name, kind in _FUNCTIONS.items() if switches.get(name)})


def _key(report: AlarmReport, kind: AlarmType, channel: int | None, alarm_input: AlarmInput | None) -> str:
    if alarm_input is not None:
        return alarm_key(kind, None, alarm_input.kind.value, alarm_input.number)
    if kind is AlarmType.OTHER:
        name = "".join(c for c in report.native if c.isascii() and c.isalnum())[:64]
        return alarm_key(kind, channel, name or "unnamed", report.channel)
    if channel is None and report.event not in DEVICE_WIDE:
        return alarm_key(
            kind, None, report.channel
        )  # a channel the device has not: still not another's alarm
    return alarm_key(kind, channel)
