"""A channel of a device: one camera, as the device presents it."""

from pydantic import Field

from cambus.schemas.geo import GeoPoint
from cambus.schemas.ids import ChannelNo, StreamName
from cambus.schemas.model import JsonObject, Message, example


class ChannelInfo(Message):
    """What is known of one channel."""

    model_config = example(
        channel=0,
        name="North gate",
        enabled=True,
        online=True,
        ptz=True,
        audio=True,
        streams=["main", "sub"],
        native_id="1",
        native={},
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    name: str = Field(default="", description="The title of the channel on the device; untrusted text.")
    enabled: bool = Field(default=True, description="False if the channel is switched off or unassigned.")
    online: bool = Field(
        default=True, description="False if the camera behind the channel is not reachable or has no signal."
    )
    ptz: bool | None = Field(
        default=None, description="Whether it can be moved; None if the device does not say."
    )
    audio: bool | None = Field(
        default=None, description="Whether it has sound; None if the device does not say."
    )
    streams: list[StreamName] = Field(
        default_factory=list, description="The encoder streams it offers, best first."
    )
    native_id: str | None = Field(
        default=None, description="The channel's name in the device's own protocol, such as a 20-digit code."
    )
    parent: str | None = Field(
        default=None,
        description="The native id of the group or host the channel stands under in the device's tree.",
    )
    vendor: str | None = Field(
        default=None, description="Maker of the camera behind the channel, where it is another."
    )
    model: str | None = Field(default=None, description="Model of the camera behind the channel.")
    location: GeoPoint | None = Field(
        default=None, description="Where the camera stands, if the device says."
    )
    native: JsonObject = Field(
        default_factory=dict, description="Further facts in the words of the protocol."
    )
