"""What is not as it should be and yet no alarm: drifting clocks, changed formats, clashing identities."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.alarms import Severity
from cambus.schemas.events.base import Event
from cambus.schemas.model import JsonObject, example
from cambus.schemas.spec import EventSpec


class ExceptionReported(Event):
    """Something about a device needs a look.

    | code | meaning |
    |---|---|
    | `clock-drift` | the device's clock differs from ours; `detail.drift_s` |
    | `format-changed` | codec or size changed in mid-stream |
    | `media-lost` | the stream stalled, broke or could not be read |
    | `connection-limit` | the device takes no more connections |
    | `duplicate-id` | two devices claim one identity |
    | `unknown-device` | a device nobody configured asks to be let in |
    | `illegal-access` | somebody tried to get in |
    | `unexpected-restart` | the device restarted by itself |
    | `events-dropped` | more alarms came than could be kept; `detail.count` |
    | `protocol-error` | the device said what its protocol does not allow |
    | `unknown-message` | the device said what its protocol allows and nobody understands; `detail.message` |
    | `device-report` | the device itself reports a fault that is no alarm |
    """

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        code="clock-drift",
        severity="minor",
        text="the device's clock is 93 s behind",
        detail={"drift_s": -93.0},
    )

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")] = Field(
        description="A short slug, of the table above where it fits."
    )
    severity: Severity = Field(default=Severity.MINOR, description="How bad it is.")
    text: str = Field(
        default="", description="One sentence for a human; may hold untrusted text of the device."
    )
    detail: JsonObject = Field(default_factory=dict, description="Facts for programs.")


REPORTED = EventSpec("exception", "reported", ExceptionReported, "Something about a device needs a look.")
