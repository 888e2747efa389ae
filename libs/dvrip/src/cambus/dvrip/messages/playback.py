"""Playback and download requests (DVRIP §10.1): 1420, 1424."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cambus.dvrip.values import format_time

PLAYBACK: Final = "OPPlayBack"
#: ``Value`` of a decimated scan on some recorders.
FAST_SCAN: Final = 2
#: Playbacks and downloads that may share one data socket.
MAX_PER_SOCKET: Final = 4


class PlaybackAction(StrEnum):
    """Everything a playback can be told."""

    CLAIM = "Claim"
    START = "Start"
    STOP = "Stop"
    PAUSE = "Pause"
    CONTINUE = "Continue"
    LOCATE = "Locate"
    SEEK = "Seek"
    FAST = "Fast"
    SLOW = "Slow"
    FORCE_KEY_FRAME = "ForceIframe"
    OPEN_SOUND = "OpenSound"
    CLOSE_SOUND = "CloseSound"
    DOWNLOAD_START = "DownloadStart"
    DOWNLOAD_STOP = "DownloadStop"
    DOWNLOAD_PAUSE = "DownloadPause"
    DOWNLOAD_CONTINUE = "DownloadContinue"
    REQUEST = "Request"


@dataclass(frozen=True, slots=True)
class PlaybackTarget:
    """What is to be played.

    Attributes:
        file_name: as the search gave it; "" to play by time.
        channel: as the device counts.
        begin: where to start, device local time.
        end: where to end.
        stream: 0 main, 1 extra.
    """

    file_name: str
    channel: int
    begin: datetime | None = None
    end: datetime | None = None
    stream: int = 0


def playback_body(action: str, target: PlaybackTarget, *, value: int = 0) -> dict[str, Any]:
    """The body of 1420 and 1424; some devices refuse anything but the whole parameter block."""
    parameter = {
        "PlayMode": "ByName" if target.file_name else "ByTime",
        "FileName": target.file_name,
        "StreamType": target.stream,
        "Channel": target.channel,
        "Value": value,
        "TransMode": "TCP",
    }
    body = {
        "Action": action,
        "StartTime": format_time(target.begin),
        "EndTime": format_time(target.end),
        "Parameter": parameter,
    }
    return {"Name": PLAYBACK, PLAYBACK: body}
