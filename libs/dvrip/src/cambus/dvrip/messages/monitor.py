"""Live video and talk requests (DVRIP §9.1, §10.2)."""

from enum import StrEnum
from typing import Any, Final

MONITOR: Final = "OPMonitor"
TALK: Final = "OPTalk"


class Action(StrEnum):
    """What to do with a stream."""

    CLAIM = "Claim"
    START = "Start"
    STOP = "Stop"
    PAUSE = "Pause"
    CONTINUE = "Continue"
    REQUEST = "Request"


class Stream(StrEnum):
    """Streams of a channel as the wire names them."""

    MAIN = "Main"
    EXTRA1 = "Extra1"
    EXTRA2 = "Extra2"


def monitor_body(
    action: str, channel: int, stream: str = Stream.MAIN, combine: str = "NONE"
) -> dict[str, Any]:
    """The body of 1410 and 1413; ``channel`` as the device counts."""
    parameter = {"Channel": channel, "CombinMode": combine, "StreamType": stream, "TransMode": "TCP"}
    return {"Name": MONITOR, MONITOR: {"Action": action, "Parameter": parameter}}


def force_key_frame_body(channel: int, stream: str = Stream.MAIN) -> dict[str, Any]:
    """The body of 1562; the vendor documents none (DVRIP §7.7)."""
    return {"Name": MONITOR, MONITOR: {"Channel": channel, "StreamType": stream}}


def talk_body(action: str) -> dict[str, Any]:
    """The body of 1430 and 1434; only G.711 A-law is offered (DVRIP §10.2)."""
    audio = {"BitRate": 128, "EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}
    return {"Name": TALK, TALK: {"Action": action, "AudioFormat": audio}}
