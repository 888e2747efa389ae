"""A picture was put into the object store."""

from typing import Literal

from pydantic import Field

from cambus.schemas.events.base import Event
from cambus.schemas.ids import EventId
from cambus.schemas.model import example
from cambus.schemas.objects import PictureRef
from cambus.schemas.spec import EventSpec


class PictureStored(Event):
    """A picture was put into the object store; `channel` says of which channel."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="telecom",
        at="2026-02-01T12:17:22.100Z",
        channel=0,
        picture={
            "bucket": "cambus-pictures",
            "object": "gate-1/0/20260201T121722Z.jpg",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "bytes": 183204,
            "content_type": "image/jpeg",
            "taken_at": "2026-02-01T12:17:22Z",
        },
        cause="command",
        alarm=None,
    )

    picture: PictureRef = Field(description="The picture.")
    cause: Literal["command", "alarm", "schedule", "device"] = Field(
        default="command",
        description="Why it was taken: asked for, with an alarm, by plan, or by the device itself.",
    )
    alarm: EventId | None = Field(default=None, description="The alarm it belongs to.")


STORED = EventSpec("picture", "stored", PictureStored, "A picture was put into the object store.")
