"""Alarms of a device: what is active, and how it is reported (DVRIP §7.1 WorkState, §12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from cambus.dvrip.values import format_address, format_time

AlarmStatus = Literal["Start", "Stop", "None"]

#: Canonical name -> the name pushed to sessions (1504), the one sent to an alarm centre (1508), and the settings
#: whose event handler says whether it is reported at all.
_NAMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "motion": ("VideoMotion", "MotionDetect", "Detect.MotionDetect"),
    "tamper": ("VideoBlind", "BlindDetect", "Detect.BlindDetect"),
    "video_loss": ("VideoLoss", "LossDetect", "Detect.LossDetect"),
    "input": ("LocalIO", "LocalAlarm", "Alarm.LocalAlarm"),
    "net_input": ("NetAlarm", "NetAlarm", "Alarm.NetAlarm"),
    "ipc_input": ("IPCAlarm", "IPCAlarm", "Alarm.IPCAlarm"),
    "serial": ("CommAlarm", "Comm", ""),
    "ip_conflict": ("NetIPConflict", "NetIPConflict", "Alarm.NetIPConflict"),
    "net_lost": ("NetAbort", "NetAbort", "Alarm.NetAbort"),
    "disk_missing": ("StorageNotExist", "StorageNotExist", "Storage.StorageNotExist"),
    "disk_low": ("StorageLowSpace", "StorageLowSpace", "Storage.StorageLowSpace"),
    "disk_error": ("StorageFailureWrite", "StorageFailure", "Storage.StorageFailure"),
    "analytics": ("VideoAnalyze", "VideoAnalyze", ""),
    "human": ("HumanDetect", "HumanDetect", "Detect.HumanDetection"),
    "face": ("FaceDetection", "FaceDetection", ""),
}
_MISSPELLED: Final = {
    "NetIPConflict": "NetIPConfict",
    "StorageLowSpace": "StorrageLowSpace",
    "VideoAnalyze": "VIdeoAnanyze",
    "HumanDetect": "appEventHumanDetectAlarm",
}
#: WorkState mask by canonical name.
_MASKS: Final = {
    "input": "AlarmIn",
    "tamper": "VideoBlind",
    "video_loss": "VideoLoss",
    "motion": "VideoMotion",
}


def canonical_names() -> list[str]:
    """The alarms a device can raise by their canonical name; any other name is reported as it is."""
    return list(_NAMES)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One report: an alarm began, ended, or happened at once ("None").

    Attributes:
        event: canonical name, or a name of the device's own.
        channel: 0-based; input number for inputs.
        time: device local.
        serial: counts the reports of a device, from 1.
    """

    event: str
    channel: int
    status: AlarmStatus
    time: datetime
    serial: int
    description: str = ""

    @property
    def settings(self) -> str:
        """The settings with its event handler; "" when it has none."""
        return _NAMES.get(self.event, ("", "", ""))[2]

    def session_body(self, *, misspelled: bool = False) -> dict[str, Any]:
        """The body of 1504."""
        name = _NAMES.get(self.event, (self.event,))[0]
        info = {
            "Channel": self.channel,
            "Event": _MISSPELLED.get(name, name) if misspelled else name,
            "StartTime": format_time(self.time),
            "Status": self.status,
        }
        return {"AlarmInfo": info, "Name": "AlarmInfo"}

    def centre_body(self, address: str, serial_number: str, *, named: bool = False) -> dict[str, Any]:
        """The body of 1508; ``named`` for the variant with a Name and a section."""
        message = {
            "Address": format_address(address),
            "Channel": self.channel,
            "Descrip": self.description,
            "Event": _NAMES.get(self.event, (self.event, self.event))[1],
            "SerialID": serial_number,
            "StartTime": format_time(self.time),
            "Status": self.status,
            "Type": "Alarm",
        }
        return {"Name": "NetAlarmCenter", "NetAlarmCenterMsg": message} if named else message


class AlarmBoard:
    """Which alarms are active."""

    def __init__(self) -> None:
        self.active: set[tuple[str, int]] = set()
        self.raised = 0
        self.net_inputs = 0

    def report(self, event: str, channel: int, status: AlarmStatus, time: datetime, text: str = "") -> Alarm:
        """Note a change and put it into words."""
        if status == "Start":
            self.active.add((event, channel))
        elif status == "Stop":
            self.active.discard((event, channel))
        self.raised += 1
        return Alarm(event, channel, status, time, self.raised, text)

    def masks(self, outputs: int = 0) -> dict[str, int]:
        """AlarmState of WorkState: bit masks as ints."""
        state = {"AlarmIn": 0, "AlarmOut": outputs, "VideoBlind": 0, "VideoLoss": 0, "VideoMotion": 0}
        for event, channel in self.active:
            if event in _MASKS:
                state[_MASKS[event]] |= 1 << channel
        return state
