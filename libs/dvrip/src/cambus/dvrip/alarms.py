"""One vocabulary for the alarm names of both ways a device reports them (DVRIP §12)."""

from collections.abc import Mapping
from typing import Final

OTHER: Final = "other"

#: Canonical name -> the names devices use on the session (1504) and to the alarm centre (1508), typos
#: included.
NATIVE_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "motion": ("VideoMotion", "MotionDetect"),
    "tamper": ("VideoBlind", "BlindDetect"),
    "video_loss": ("VideoLoss", "LossDetect"),
    "input": ("LocalIO", "LocalAlarm"),
    "net_input": ("NetAlarm",),
    "ipc_input": ("IPCAlarm",),
    "serial": ("CommAlarm", "Comm"),
    "ip_conflict": ("NetIPConfict", "NetIPConflict"),
    "net_lost": ("NetAbort",),
    "disk_missing": ("StorageNotExist",),
    "disk_low": ("StorrageLowSpace", "StorageLowSpace"),
    "disk_error": (
        "StorageFailureWrite",
        "StorageFailureRead",
        "StorageFailure",
        "StorageReadError",
        "StorageWriteError",
    ),
    "analytics": ("VideoAnalyze", "VIdeoAnanyze"),
    "human": ("HumanDetect", "appEventHumanDetectAlarm"),
    "face": ("FaceDetection",),
    "system": (
        "VideoTitle",
        "VideoTour",
        "VideoSplit",
        "Shutdown",
        "Reboot",
        "StartUp",
        "WorkDirectoryChange",
        "Backup",
        "Upgrade",
        "NewFile",
        "ModifyTime",
        "ClearDriver",
        "VideoLock",
    ),
}

_CANONICAL: Final[Mapping[str, str]] = {
    native.lower(): canonical for canonical, names in NATIVE_NAMES.items() for native in names
}


def canonical_alarm(native: str) -> str:
    """The canonical name of a device's alarm name, in any case; ``other`` when it is unknown."""
    return _CANONICAL.get(native.strip().lower(), OTHER)
