"""Alarms, in one form whatever the protocol."""

from typing import Literal

from pydantic import Field

from cambus.schemas.alarms import AlarmInput, AlarmKey, AlarmType, NativeAlarm, Severity
from cambus.schemas.events.base import Event
from cambus.schemas.geo import GeoPoint
from cambus.schemas.ids import EventId
from cambus.schemas.model import Message, Vocabulary, example
from cambus.schemas.objects import PictureRef
from cambus.schemas.spec import EventSpec


class AlarmEvent(Event):
    """What the start and the end of an alarm have in common."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        type="motion",
        severity="info",
        key="motion:0",
    )

    type: AlarmType = Field(description="What it is about, of the closed list.")
    severity: Severity = Field(description="How bad it is.")
    key: AlarmKey = Field(description="Pairs start and end: equal for both.")
    native: NativeAlarm | None = Field(default=None, description="What the device itself said.")


class PicturePoint(Message):
    """A point of the picture."""

    model_config = example(x=0.25, y=0.75)

    x: float = Field(ge=0, le=1, description="From the left edge, as a part of the width.")
    y: float = Field(ge=0, le=1, description="From the upper edge, as a part of the height.")


class AlarmRaised(AlarmEvent):
    """An alarm begins, or happens in one instant."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        device_time="2026-02-01T12:17:19Z",
        channel=0,
        type="motion",
        severity="info",
        key="motion:0",
        native={"code": "VideoMotion", "text": "", "detail": {"Status": "Start"}},
        text="Motion at North gate",
        momentary=False,
        input=None,
        region=None,
        target=None,
        areas=[],
        pictures=[],
        location=None,
        via="session",
        trusted=True,
    )

    text: str = Field(
        default="", description="One sentence for a human; may hold untrusted text of the device."
    )
    momentary: bool = Field(default=False, description="True if no end follows.")
    input: AlarmInput | None = Field(default=None, description="The alarm input that fired, for `io`.")
    region: str | None = Field(
        default=None, description="The region, line or rule it happened at, as the device names it."
    )
    target: str | None = Field(default=None, description="What was seen: `human`, `vehicle`, a plate's text.")
    areas: list[list[PicturePoint]] = Field(
        default_factory=list, description="Outlines of where it was seen in the picture."
    )
    pictures: list[PictureRef] = Field(default_factory=list, description="Pictures that came with it.")
    location: GeoPoint | None = Field(default=None, description="Where it happened, if the device says.")
    via: Literal["session", "push", "poll"] = Field(
        default="session",
        description="How it was heard: in the device's session, on an alarm port, or by asking.",
    )
    trusted: bool = Field(default=True, description="False if the way it came does not prove who sent it.")


class ClearCause(Vocabulary):
    """Why an alarm is over."""

    ENDED = "ended"
    TIMEOUT = "timeout"
    RESET = "reset"
    STREAM_LOST = "stream-lost"
    DEVICE_OFFLINE = "device-offline"


class AlarmCleared(AlarmEvent):
    """An alarm is over."""

    model_config = example(
        id="01KGE5CZ5ZN2QK7V2X4W9D3M8S",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:40.100Z",
        device_time="2026-02-01T12:17:37Z",
        channel=0,
        type="motion",
        severity="info",
        key="motion:0",
        native={"code": "VideoMotion", "text": "", "detail": {"Status": "Stop"}},
        raised="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        duration_s=18.0,
        cause="ended",
    )

    raised: EventId | None = Field(
        default=None, description="The id of the event that began it, if it was seen."
    )
    duration_s: float | None = Field(default=None, ge=0, description="Seconds it lasted.")
    cause: ClearCause = Field(default=ClearCause.ENDED, description="Why it is over.")


RAISED = EventSpec("alarm", "raised", AlarmRaised, "An alarm begins.")
CLEARED = EventSpec("alarm", "cleared", AlarmCleared, "An alarm is over.")
