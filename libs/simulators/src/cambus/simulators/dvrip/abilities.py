"""What a device says it can do (DVRIP §7.2)."""

from typing import Any

from cambus.dvrip.values import format_hex


def abilities(channels: int) -> dict[str, Any]:
    """Every ability by name; what is not here is answered 607."""
    return {
        "SystemFunction": _system_function(),
        "EncodeCapability": _encode_capability(channels),
        "BlindCapability": {"BlindCoverNum": 4},
        "MotionArea": {"GridColumn": 22, "GridRow": 18},
        "DDNSService": ["Oray", "NO-IP", "DynDns"],
        "ComProtocol": ["Console", "Transparent"],
        "PTZProtocol": ["NONE", "PELCOD", "PELCOP"],
        "UartProtocol": ["NONE", "PELCOD", "PELCOP"],
        "TalkAudioFormat": [{"BitRate": 64, "EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8}],
        "MultiLanguage": ["English", "SimpChinese"],
        "MultiVstd": "PAL|NTSC",
        "Camera": {"Count": channels},
        "NetOrder": {"NetOrder": False},
        "NetAbility": {"CurNatNum": 0, "CurTcpNum": 0, "MaxNatNum": -1, "MaxTcpNum": -1},
        "MaxPreRecord": {"AbilityPram": "0x0000001E"},
        "SupportExtRecord": {"AbilityPram": "0x00000003"},
    }


def _system_function() -> dict[str, Any]:
    return {
        "AlarmFunction": {
            "AlarmConfig": True,
            "BlindDetect": True,
            "HumanDection": True,
            "IPCAlarm": True,
            "LossDetect": True,
            "MotionDetect": True,
            "NetAbort": True,
            "NetAlarm": True,
            "NetIpConflict": True,
            "StorageFailure": True,
            "StorageLowSpace": True,
            "StorageNotExist": True,
            "VideoAnalyze": False,
        },
        "CommFunction": {"CommRS232": True, "CommRS485": True},
        "EncodeFunction": {
            "CombineStream": False,
            "DoubleStream": True,
            "SmartH264": False,
            "SnapStream": True,
            "WaterMark": False,
        },
        "InputMethod": {"NoSupportChinese": False},
        "MobileDVR": {"GPSSet": False},
        "NetServerFunction": {
            "NetAlarmCenter": True,
            "NetDAS": True,
            "NetDHCP": True,
            "NetEmail": True,
            "NetFTP": True,
            "NetIPFilter": True,
            "NetMobileWatch": False,
            "NetNTP": True,
            "NetSPVMN": False,
        },
        "OtherFunction": {
            "DownLoadPause": True,
            "NotSupportTalk": False,
            "SupportMaxPlayback": True,
            "SupportPlayBackExactSeek": True,
            "SupportPlaybackLocate": True,
        },
        "PreviewFunction": {"GUISet": True, "Talk": True, "Tour": True},
        "TipShow": {"NoBeepTipShow": False},
    }


def _encode_capability(channels: int) -> dict[str, Any]:
    every = [
        {
            "CompressionMask": "0x00000180",
            "Enable": True,
            "HaveAudio": True,
            "ResolutionMask": "0x0000FFFF",
            "StreamType": kind,
        }
        for kind in ("MainStream", "ExtraStream2")
    ]
    return {
        "ChannelMaxSetSync": 0,
        "CombEncodeInfo": every,
        "Compression": ["0x00000180"] * channels,
        "EncodeInfo": every,
        "ExImageSizePerChannel": ["0x0000027F"] * channels,
        "ExImageSizePerChannelEx": [["0x0000027F"] * 64 for _ in range(channels)],
        "FourthStreamImageSize": ["0x00000000"] * channels,
        "ImageSizePerChannel": ["0x0000FFFF"] * channels,
        "MaxBitrate": 20000,
        "MaxEncodePower": 62208000 * channels,
        "MaxEncodePowerPerChannel": [format_hex(62208000)] * channels,
        "ThirdStreamImageSize": ["0x00000000"] * channels,
    }
