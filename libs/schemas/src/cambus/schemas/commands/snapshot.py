"""Still pictures."""

from typing import Literal

from pydantic import Field

from cambus.schemas.ids import ChannelNo, EventId, StreamName
from cambus.schemas.model import Message, example
from cambus.schemas.objects import PictureRef
from cambus.schemas.spec import CommandSpec


class SnapshotTakeRequest(Message):
    """Take a still picture of a channel."""

    model_config = example(channel=0, stream="main", width=None, cause="command", alarm=None)

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(
        default="main", description="The encoder to take it from, where the device has a choice."
    )
    width: int | None = Field(
        default=None,
        ge=16,
        le=8192,
        description="Wanted width in pixels, the height follows; None for full size.",
    )
    cause: Literal["command", "alarm", "schedule"] = Field(
        default="command", description="Why, for the event that tells of it."
    )
    alarm: EventId | None = Field(default=None, description="The alarm it belongs to, for the same.")


class SnapshotSeriesRequest(Message):
    """Have the device take several pictures by itself and upload them."""

    model_config = example(channel=0, count=3, interval_s=2)

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    count: int = Field(default=3, ge=1, le=10, description="How many pictures.")
    interval_s: int = Field(default=1, ge=1, le=5, description="Seconds between two of them.")


class SnapshotSeriesReply(Message):
    """The pictures that came; `picture.stored` tells each of them as well."""

    model_config = example(
        pictures=[
            {
                "bucket": "cambus-pictures",
                "object": "gate-1/0/20260201T121722Z.jpg",
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "bytes": 183204,
                "content_type": "image/jpeg",
                "taken_at": "2026-02-01T12:17:22Z",
                "width": 1920,
                "height": 1080,
            }
        ],
        missing=2,
    )

    pictures: list[PictureRef] = Field(description="The pictures in the order they came.", max_length=10)
    missing: int = Field(default=0, ge=0, description="How many of those ordered did not come.")


TAKE = CommandSpec(
    "snapshot",
    "take",
    SnapshotTakeRequest,
    PictureRef,
    "Take a still picture and put it into the object store.",
    timeout_s=20.0,
    idempotent=True,
)
SERIES = CommandSpec(
    "snapshot",
    "series",
    SnapshotSeriesRequest,
    SnapshotSeriesReply,
    "Have the device take several pictures and put them into the object store.",
    timeout_s=120.0,
)
