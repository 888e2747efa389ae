"""Live video and talk requests (DVRIP §9.1, §10.2)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from cambus.dvrip.values import as_object, parse_number

MONITOR: Final = "OPMonitor"
TALK: Final = "OPTalk"
#: ``CombinMode`` of live video that may come with that of other channels on one socket.
CONNECT_ALL: Final = "CONNECT_ALL"


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


def talk_body(action: str, *, inside: bool = False) -> dict[str, Any]:
    """The body of 1430 and 1434; only G.711 A-law is offered (DVRIP §10.2), beside the action or in ``Parameter``."""
    audio = {"BitRate": 128, "EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}
    offer: dict[str, Any] = {"AudioFormat": audio}
    return {"Name": TALK, TALK: {"Action": action, **({"Parameter": offer} if inside else offer)}}


def takes_sound(section: Mapping[str, Any]) -> bool:
    """Whether a device takes the sound a talk request offers: G.711 A-law at 8 kHz, or what is left open.

    The rate stands in Hertz or kilohertz; older bodies have the format inside ``Parameter`` (DVRIP §10.2).
    """
    sound = as_object(section.get("AudioFormat") or as_object(section.get("Parameter")).get("AudioFormat"))
    encoding, rate = sound.get("EncodeType", "G711_ALAW"), parse_number(sound.get("SampleRate"), 8000)
    return encoding == "G711_ALAW" and rate in {8, 8000}
