"""What requests about recordings have in common: of what, and of which time."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo, DeviceId, MediaStream
from cambus.schemas.model import Instant, Message


class RecordedTimeRequest(Message):
    """Names recordings of a device by the time they are of."""

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for every channel."
    )
    stream: MediaStream | None = Field(default=None, description="Which stream; None for any.")
    start: Instant = Field(description="First instant of interest.")
    end: Instant = Field(description="First instant no longer of interest.")
