"""The vocabulary of alarms: one closed list for every protocol.

A connector maps its protocol's alarm onto a type here and keeps the native code and text beside it, so that
nothing is lost where the list is coarser than the protocol. Adding a type is a compatible change for
producers, but consumers of an older release refuse it: release the consumers first.
"""

import hashlib
from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.model import JsonObject, Message, Vocabulary, example


class AlarmType(Vocabulary):
    """What an alarm is about."""

    MOTION = "motion"
    VIDEO_LOSS = "video-loss"
    VIDEO_ABNORMAL = "video-abnormal"
    VIDEO_MISMATCH = "video-mismatch"
    TAMPER = "tamper"
    SCENE_CHANGE = "scene-change"
    DEFOCUS = "defocus"
    AUDIO_ABNORMAL = "audio-abnormal"
    IO = "io"
    PIR = "pir"
    SERIAL = "serial"
    STORAGE_MISSING = "storage-missing"
    STORAGE_UNFORMATTED = "storage-unformatted"
    STORAGE_FULL = "storage-full"
    STORAGE_LOW = "storage-low"
    STORAGE_ERROR = "storage-error"
    STORAGE_CLOUD = "storage-cloud"
    RECORDING_FAILED = "recording-failed"
    NETWORK_LOST = "network-lost"
    NETWORK_IP_CONFLICT = "network-ip-conflict"
    NETWORK_MAPPING = "network-mapping"
    NETWORK_ILLEGAL_ACCESS = "network-illegal-access"
    TRIPWIRE = "tripwire"
    INTRUSION = "intrusion"
    ANALYTICS_HUMAN = "analytics.human"
    ANALYTICS_FACE = "analytics.face"
    ANALYTICS_VEHICLE = "analytics.vehicle"
    ANALYTICS_PLATE = "analytics.plate"
    ANALYTICS_REGION_ENTRANCE = "analytics.region-entrance"
    ANALYTICS_REGION_EXIT = "analytics.region-exit"
    ANALYTICS_LOITERING = "analytics.loitering"
    ANALYTICS_LEFT_OBJECT = "analytics.left-object"
    ANALYTICS_REMOVED_OBJECT = "analytics.removed-object"
    ANALYTICS_WRONG_WAY = "analytics.wrong-way"
    ANALYTICS_FAST_MOTION = "analytics.fast-motion"
    ANALYTICS_CROWD = "analytics.crowd"
    ANALYTICS_COUNT = "analytics.count"
    ANALYTICS_PARKING = "analytics.parking"
    ANALYTICS_FIRE = "analytics.fire"
    ANALYTICS_OTHER = "analytics.other"
    POWER = "power"
    TEMPERATURE = "temperature"
    HARDWARE = "hardware"
    MANUAL = "manual"
    OTHER = "other"


class Severity(Vocabulary):
    """How bad it is, least first."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least, rising; `severity.rank >= minimum.rank` compares."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}

DEFAULT_SEVERITY: dict[AlarmType, Severity] = {
    AlarmType.MOTION: Severity.INFO,
    AlarmType.ANALYTICS_COUNT: Severity.INFO,
    AlarmType.VIDEO_LOSS: Severity.MAJOR,
    AlarmType.TAMPER: Severity.MAJOR,
    AlarmType.STORAGE_MISSING: Severity.CRITICAL,
    AlarmType.STORAGE_ERROR: Severity.CRITICAL,
    AlarmType.STORAGE_UNFORMATTED: Severity.MAJOR,
    AlarmType.STORAGE_FULL: Severity.MAJOR,
    AlarmType.RECORDING_FAILED: Severity.CRITICAL,
    AlarmType.NETWORK_ILLEGAL_ACCESS: Severity.MAJOR,
    AlarmType.TRIPWIRE: Severity.MAJOR,
    AlarmType.INTRUSION: Severity.MAJOR,
    AlarmType.ANALYTICS_FIRE: Severity.CRITICAL,
    AlarmType.POWER: Severity.MAJOR,
    AlarmType.TEMPERATURE: Severity.MAJOR,
    AlarmType.HARDWARE: Severity.MAJOR,
    AlarmType.MANUAL: Severity.CRITICAL,
}
"""The severity of a type when the device states none; `Severity.MINOR` for the others."""


def default_severity(alarm: AlarmType) -> Severity:
    """Return the severity of an alarm whose device states none."""
    return DEFAULT_SEVERITY.get(alarm, Severity.MINOR)


class InputKind(Vocabulary):
    """What kind of alarm input."""

    LOCAL = "local"
    NETWORK = "network"
    CAMERA = "camera"
    SERIAL = "serial"


class AlarmInput(Message):
    """The alarm input that fired."""

    model_config = example(kind="local", number=1)

    kind: InputKind = Field(
        default=InputKind.LOCAL, description="Terminals of the device, of a camera behind it, or a message."
    )
    number: int = Field(ge=0, description="Its number, from 0.")


class NativeAlarm(Message):
    """What the device itself said."""

    model_config = example(code="VideoMotion", text="", detail={"Status": "Start"})

    code: str = Field(
        description="The code or name of the alarm in the device's protocol (`VideoMotion`, `5/2`, `vmd`)."
    )
    text: str = Field(default="", description="The device's description; untrusted text.")
    detail: JsonObject = Field(
        default_factory=dict, description="Further fields of the message, without secrets."
    )


_MAX_KEY = 200

AlarmKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,200}$")]
"""Pairs a start with its end: equal for both, unlike any other alarm that may overlap on the device."""

AlarmTypePattern = Annotated[str, StringConstraints(pattern=r"^[a-z*][a-z0-9.*-]{0,63}$")]
"""An alarm type, or a pattern with `*` over them: `storage-*`, `analytics.*`."""


def alarm_key(alarm: AlarmType, channel: int | None, *parts: str | int) -> str:
    """Return the pairing key of an alarm.

    It is the type, the channel (`-` for the device) and whatever else tells the alarm apart, such as an input
    or a region.

    Raises:
        ValueError: a part holds anything but letters, digits and `._-`.
    """
    key = ":".join([alarm.value, "-" if channel is None else str(channel), *(str(part) for part in parts)])
    if not all(character.isascii() and (character.isalnum() or character in "._:/-") for character in key):
        raise ValueError("parts of an alarm key: wanted letters, digits, dots, slashes and dashes")
    if len(key) <= _MAX_KEY:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    return f"{key[: _MAX_KEY - len(digest) - 1]}:{digest}"
