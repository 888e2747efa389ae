"""Factory settings of pictures, recording and storage (DVRIP §8): AVEnc, Simplify, Record, Storage, fVideo, Camera."""

from typing import Any, Final

from cambus.simulators.dvrip.config_events import event_handler, week
from cambus.simulators.dvrip.media_plan import MediaPlan, video_settings

#: ``AVEnc.Encode`` has one main format per kind of recording: regular, motion, alarm, manual.
_RECORD_KINDS: Final = 4


def encode_settings(plan: MediaPlan, channel: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Main and extra format of a channel."""
    main, sub = (
        {"AudioEnable": True, "Video": video_settings(plan.spec(channel, stream)), "VideoEnable": True}
        for stream in (0, 1)
    )
    return main, sub


def video_defaults(plan: MediaPlan, channels: int) -> dict[str, Any]:
    """The roots AVEnc, Simplify and fVideo."""
    audio = {"BitRate": 64, "MaxVolume": 0, "SampleRate": 8000}
    formats = [encode_settings(plan, channel) for channel in range(channels)]
    snap = {"AudioEnable": False, "VideoEnable": True}
    return {
        "AVEnc": {
            "Encode": [
                {
                    "ExtraFormat": [{**sub, "Audio": audio}],
                    "MainFormat": [{**main, "Audio": audio} for _ in range(_RECORD_KINDS)],
                    "SnapFormat": [{**snap, "Video": {**main["Video"], "Compression": "JPEG", "FPS": 1}}],
                }
                for main, sub in formats
            ],
            "VideoColor": [[_color() for _ in range(6)] for _ in range(channels)],
            "VideoWidget": [_widget(channel) for channel in range(channels)],
        },
        "Simplify": {"Encode": [{"ExtraFormat": sub, "MainFormat": main} for main, sub in formats]},
        "fVideo": {
            "AudioInFormat": [
                {"BitRate": 64, "EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}
                for _ in range(channels)
            ],
            "GUISet": {"WindowAlpha": 190},
            "OSDInfo": [],
            "Play": {"Volume": 50},
            "TVAdjust": [{"RctMargin": [0, 0, 0, 0]}],
            "Tour": [{"Enable": False, "Interval": 5, "Window": [1] * channels}],
            "VideoOut": {"Mode": {"Height": 1080, "RefreshRate": 60, "Width": 1920}},
            "Volume": [{"AudioMode": "Single", "LeftVolume": 50, "RightVolume": 50}],
        },
        "Camera": {
            "ClearFog": [{"enable": False, "level": 50} for _ in range(channels)],
            "Param": [{"DayNightColor": "0x00000000", "PictureFlip": "0x00000000"} for _ in range(channels)],
            "ParamEx": [{"BroadTrends": {"AutoGain": 0, "Gain": 50}} for _ in range(channels)],
        },
    }


def storage_defaults(channels: int) -> dict[str, Any]:
    """The roots Record and Storage."""
    masks = [["0x00000007"] + ["0x00000000"] * 5 for _ in range(7)]
    return {
        "Record": [
            {
                "Mask": masks,
                "PacketLength": 60,
                "PreRecord": 5,
                "RecordMode": "ConfigRecord",
                "Redundancy": False,
                "TimeSection": week(),
            }
            for _ in range(channels)
        ],
        "Storage": {
            "Snapshot": [
                {
                    "Mask": masks,
                    "PreSnap": 2,
                    "Redundancy": False,
                    "SnapMode": "ConfigSnap",
                    "TimeSection": week(),
                }
                for _ in range(channels)
            ],
            "StorageFailure": {"Enable": True, "EventHandler": event_handler()},
            "StorageLowSpace": {"Enable": True, "EventHandler": event_handler(), "LowerLimit": 20},
            "StorageNotExist": {"Enable": True, "EventHandler": event_handler()},
            "StoragePosition": {"DVD": False, "SATA": True, "SD": False, "USB": False},
        },
    }


def _color() -> dict[str, Any]:
    return {
        "Enable": True,
        "TimeSection": "0 00:00:00-24:00:00",
        "VideoColorParam": {
            "Acutance": 3848,
            "Brightness": 50,
            "Contrast": 50,
            "Gain": 0,
            "Hue": 50,
            "Saturation": 50,
            "Whitebalance": 128,
        },
    }


def _widget(channel: int) -> dict[str, Any]:
    attribute = {
        "BackColor": "0x80000000",
        "EncodeBlend": True,
        "FrontColor": "0xF0FFFFFF",
        "PreviewBlend": True,
        "RelativePos": [0, 0, 0, 0],
    }
    return {
        "ChannelTitle": {"Name": f"CAM{channel + 1:02d}", "SerialNo": ""},
        "ChannelTitleAttribute": {**attribute, "RelativePos": [100, 7500, 0, 0]},
        "Covers": [{**attribute, "RelativePos": [0, 0, 0, 0]} for _ in range(4)],
        "CoversNum": 0,
        "TimeTitleAttribute": {**attribute, "RelativePos": [5600, 200, 0, 0]},
    }
