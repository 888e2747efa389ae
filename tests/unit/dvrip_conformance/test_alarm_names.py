"""The two vocabularies of alarms, name by name as the protocol lists them (DVRIP §12)."""

import pytest

from cambus.connector_dvrip.mapping.alarms import TYPES
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.schemas.alarms import AlarmType

LOG_CLASS = (
    "VideoTitle VideoTour VideoSplit Shutdown Reboot StartUp WorkDirectoryChange Backup Upgrade NewFile "
    "ModifyTime ClearDriver VideoLock"
)
#: canonical name: those of 1504, those of 1508
TABLE = {
    "motion": ("VideoMotion", "MotionDetect"),
    "tamper": ("VideoBlind", "BlindDetect"),
    "video_loss": ("VideoLoss", "LossDetect"),
    "input": ("LocalIO", "LocalAlarm"),
    "net_input": ("NetAlarm", "NetAlarm"),
    "ipc_input": ("IPCAlarm", "IPCAlarm"),
    "serial": ("CommAlarm", "Comm"),
    "ip_conflict": ("NetIPConfict NetIPConflict", "NetIPConflict"),
    "net_lost": ("NetAbort", "NetAbort"),
    "disk_missing": ("StorageNotExist", "StorageNotExist"),
    "disk_low": ("StorrageLowSpace StorageLowSpace", "StorageLowSpace"),
    "disk_error": (
        "StorageFailureWrite StorageFailureRead",
        "StorageFailure StorageReadError StorageWriteError",
    ),
    "analytics": ("VideoAnalyze VIdeoAnanyze", "VideoAnalyze"),
    "human": ("HumanDetect appEventHumanDetectAlarm", "HumanDetect appEventHumanDetectAlarm"),
    "face": ("FaceDetection", "FaceDetection"),
    "system": ("", LOG_CLASS),
}
NAMES = [
    (canonical, name) for canonical, both in TABLE.items() for name in dict.fromkeys(" ".join(both).split())
]


@pytest.mark.parametrize(("canonical", "name"), NAMES)
def test_each_name_means_what_the_protocol_says(canonical, name):
    told = AlarmReport.parse({"Name": "AlarmInfo", "AlarmInfo": {"Event": name, "Status": "Start"}})
    pushed = AlarmReport.parse({"Event": name, "Status": "Start", "Type": "Alarm"})
    assert (told.event, pushed.event) == (canonical, canonical)
    assert (told.native, pushed.native) == (name, name)


@pytest.mark.parametrize("canonical", [name for name in TABLE if name != "system"])
def test_each_has_a_type_on_the_bus(canonical):
    assert TYPES[canonical] is not AlarmType.OTHER
