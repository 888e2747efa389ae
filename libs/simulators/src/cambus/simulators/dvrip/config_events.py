"""Factory settings of detection and alarms (DVRIP §8): Detect, Alarm, and the event handler they all have."""

from typing import Any, Final

_ALL_DAY: Final = "1 00:00:00-24:00:00"
_NEVER: Final = "0 00:00:00-24:00:00"
_GRID_ROWS: Final = 18


def week() -> list[list[str]]:
    """A schedule of always: 7 days, Sunday first, of 6 ranges."""
    return [[_ALL_DAY, *[_NEVER] * 5] for _ in range(7)]


def event_handler(mask: str = "0x00000001") -> dict[str, Any]:
    """What happens on an event: recorded, pushed to clients and to the alarm centre."""
    return {
        "AlarmInfo": "",
        "AlarmOutEnable": False,
        "AlarmOutLatch": 10,
        "AlarmOutMask": "0x00000000",
        "BeepEnable": False,
        "Dejitter": 0,
        "EventLatch": 1,
        "FTPEnable": False,
        "LogEnable": True,
        "MailEnable": False,
        "MatrixEnable": False,
        "MatrixMask": "0x00000000",
        "MessageEnable": True,
        "MsgtoNetEnable": True,
        "MultimediaMsgEnable": False,
        "PtzEnable": False,
        "PtzLink": [["None", 0]],
        "RecordEnable": True,
        "RecordLatch": 10,
        "RecordMask": mask,
        "ShortMsgEnable": False,
        "ShowInfo": False,
        "ShowInfoMask": "0x00000000",
        "SnapEnable": False,
        "SnapShotMask": "0x00000000",
        "TimeSection": week(),
        "TipEnable": True,
        "TourEnable": False,
        "TourMask": "0x00000000",
        "VoiceEnable": False,
        "VoiceTipInterval": 30,
        "VoiceType": 520,
    }


def event_defaults(channels: int, inputs: int, outputs: int) -> dict[str, Any]:
    """The roots Detect and Alarm."""
    masks = [f"0x{1 << channel % 32:08X}" for channel in range(channels)]
    return {
        "Detect": {
            "BlindDetect": [
                {"Enable": True, "EventHandler": event_handler(mask), "Level": 3} for mask in masks
            ],
            "HumanDetection": [
                {
                    "Enable": False,
                    "ObjectType": 0,
                    "PedRule": [_rule()],
                    "Sensitivity": 1,
                    "ShowRule": 0,
                    "ShowTrack": 0,
                }
                for _ in masks
            ],
            "LossDetect": [{"Enable": True, "EventHandler": event_handler(mask)} for mask in masks],
            "MotionDetect": [
                {
                    "Enable": True,
                    "EventHandler": event_handler(mask),
                    "Level": 3,
                    "Region": ["0x003FFFFF"] * _GRID_ROWS,
                }
                for mask in masks
            ],
        },
        "Alarm": {
            "AlarmOut": [{"AlarmOutStatus": "CLOSE", "AlarmOutType": "AUTO"} for _ in range(outputs)],
            "IPCAlarm": [
                {"Enable": False, "EventHandler": event_handler(mask), "SensorType": "NO"} for mask in masks
            ],
            "LocalAlarm": [
                {"Enable": True, "EventHandler": event_handler(), "SensorType": "NO"} for _ in range(inputs)
            ],
            "NetAbort": {"Enable": True, "EventHandler": event_handler()},
            "NetAlarm": [{"Enable": True, "EventHandler": event_handler()} for _ in range(inputs)],
            "NetIPConflict": {"Enable": True, "EventHandler": event_handler()},
            "PTZAlarmProtocol": [{"Protocol": "NONE"}],
        },
    }


def _rule() -> dict[str, Any]:
    line = {"StartX": 1000, "StartY": 4096, "StopX": 7000, "StopY": 4096}
    return {
        "Enable": False,
        "RuleLine": {"AlarmDirect": 2, "Pts": line},
        "RuleRegion": {"AlarmDirect": 2, "Pts": [], "PtsNum": 0},
        "RuleType": 0,
    }
