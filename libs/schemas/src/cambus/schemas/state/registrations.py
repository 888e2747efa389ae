"""Devices that register: where each is reached, and what it has said of itself. A restart forgets neither."""

from pydantic import Field

from cambus.schemas.channels import ChannelInfo
from cambus.schemas.ids import ChannelNo, DeviceId, ReplicaId
from cambus.schemas.model import Instant, JsonObject, Message, example


class Registration(Message):
    """Where a device that has registered is reached; vanishes when the registration expires."""

    model_config = example(
        device="gate",
        replica="connector-gb28181-0",
        expires_at="2026-02-01T13:17:22Z",
        binding={"code": "34020000001320000001", "peer": ["udp", "203.0.113.7", 5060]},
    )

    device: DeviceId = Field(description="The device.")
    replica: ReplicaId = Field(description="The replica it has registered with.")
    expires_at: Instant = Field(description="Until when, unless it registers again.")
    binding: JsonObject = Field(description="Where it is reached, in the words of its protocol.")


class OpenDialog(Message):
    """A media session a device was asked for: should this replica die, the device is told that it is over."""

    model_config = example(
        replica="connector-gb28181-0",
        opened_at="2026-02-01T12:17:22Z",
        dialog={"device": "34020000001320000001", "call_id": "3f2a9c", "sequence": 20},
    )

    replica: ReplicaId = Field(description="The replica that asked for it.")
    opened_at: Instant = Field(description="When it was written down.")
    dialog: JsonObject = Field(description="What it takes to end it, in the words of its protocol.")


class KnownDevice(Message):
    """What a device that registers has said of itself, and which channel number each of its codes has for ever."""

    model_config = example(
        device="gate",
        vendor="Dahua",
        model="SD6C",
        software_version="2.800",
        numbers={"34020000001320000001": 0},
        synced_at="2026-02-01T12:17:22Z",
    )

    device: DeviceId = Field(description="The device.")
    vendor: str = Field(default="", description="Its maker, as it says.")
    model: str = Field(default="", description="Its model, as it says.")
    software_version: str = Field(default="", description="Its firmware, as it says.")
    numbers: dict[str, ChannelNo] = Field(
        default_factory=dict, description="The channel of each code; a number is never given to another code."
    )
    pages: int = Field(
        default=0, ge=0, description="How many keys the channels there were last are kept under."
    )
    synced_at: Instant | None = Field(
        default=None, description="When the list of channels was last complete; None if never."
    )


class KnownChannels(Message):
    """Some of the channels a device that registers had last: all of them may be more than one message holds."""

    model_config = example(
        device="gate", page=0, channels=[{"channel": 0, "name": "North gate", "online": True}]
    )

    device: DeviceId = Field(description="The device.")
    page: int = Field(ge=0, description="Which part of the list this is, from 0.")
    channels: list[ChannelInfo] = Field(default_factory=list, description="The channels.")
