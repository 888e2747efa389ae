"""Where a mobile device is, and where a camera looks."""

from pydantic import Field

from cambus.schemas.commands.ptz import PtzPositionReply
from cambus.schemas.events.base import Event
from cambus.schemas.geo import GeoPoint
from cambus.schemas.model import JsonObject, example
from cambus.schemas.spec import EventSpec


class PositionReported(Event):
    """A device said where it is, or where one of its cameras looks."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="bus-17",
        protocol="gb28181",
        at="2026-02-01T12:17:22.100Z",
        device_time="2026-02-01T12:17:21Z",
        location={"latitude": 31.2304, "longitude": 121.4737, "altitude_m": 4.0},
        speed_kmh=42.0,
        heading_deg=180.0,
        native={},
    )

    location: GeoPoint | None = Field(
        default=None, description="Where it is; None if it has no fix or said nonsense."
    )
    speed_kmh: float | None = Field(default=None, ge=0, description="Speed in km/h.")
    heading_deg: float | None = Field(default=None, ge=0, le=360, description="Degrees clockwise from north.")
    view: PtzPositionReply | None = Field(
        default=None,
        description="Where the camera looks, if that is what it said; then there is no `location`.",
    )
    native: JsonObject = Field(
        default_factory=dict, description="Further facts in the words of the protocol."
    )


REPORTED = EventSpec(
    "position", "reported", PositionReported, "A device said where it is, or where a camera looks."
)
