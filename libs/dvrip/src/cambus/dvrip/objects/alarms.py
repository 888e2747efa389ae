"""Alarm inputs, outputs and conditions of the device itself (DVRIP §8): `Alarm.*` and those of `Storage.*`."""

from dataclasses import dataclass

from cambus.dvrip.objects.event_handler import EventHandler
from cambus.dvrip.objects.model import ConfigObject, choice, flag, inner, number, text


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCondition(ConfigObject):
    """Something that is watched or not: `Alarm.NetAlarm`, `Alarm.NetAbort`, `Storage.StorageFailure` and others."""

    enable: bool | None = flag("Enable")
    handler: EventHandler | None = inner("EventHandler", EventHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmInput(ConfigObject):
    """`Alarm.LocalAlarm`, `Alarm.IPCAlarm`: a contact that is normally open or normally closed."""

    enable: bool | None = flag("Enable")
    sensor: str | None = choice("SensorType", "NO", "NC")
    handler: EventHandler | None = inner("EventHandler", EventHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmOut(ConfigObject):
    """`Alarm.AlarmOut`; the mode is AUTO or MANUAL, on some devices ConfigAlarm, ManualAlarm, ClosedAlarm."""

    mode: str | None = text("AlarmOutType")
    state: str | None = choice("AlarmOutStatus", "OPEN", "CLOSE")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLowSpace(ConfigObject):
    """`Storage.StorageLowSpace`: an alarm below so many per cent of free space."""

    enable: bool | None = flag("Enable")
    lower_limit: int | None = number("LowerLimit", 0, 99)
    handler: EventHandler | None = inner("EventHandler", EventHandler)
