"""Still pictures."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo, StreamName
from cambus.schemas.model import Message, example
from cambus.schemas.objects import PictureRef
from cambus.schemas.spec import CommandSpec


class SnapshotTakeRequest(Message):
    """Take a still picture of a channel."""

    model_config = example(channel=0, stream="main", width=None)

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


TAKE = CommandSpec(
    "snapshot",
    "take",
    SnapshotTakeRequest,
    PictureRef,
    "Take a still picture and put it into the object store.",
    timeout_s=20.0,
    idempotent=True,
)
