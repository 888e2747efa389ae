"""What every event says."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo, DeviceId, EventId, Name
from cambus.schemas.model import Instant, Message


class Event(Message):
    """Something happened on or to a device. The base of every event."""

    id: EventId = Field(
        description="ULID, also the `Nats-Msg-Id`. Where the device itself identifies the occurrence it is "
        "derived from those facts, so that two reports of one occurrence are one event."
    )
    device: DeviceId = Field(description="The device it happened on.")
    protocol: Name = Field(
        default="cambus",
        description="The protocol it was heard over: `dvrip`, `gb28181`, `telecom`, `hikvision`, `onvif`; "
        "`cambus` "
        "where a service of ours found it out.",
    )
    at: Instant = Field(description="When Cambus received it, by our clock.")
    device_time: Instant | None = Field(
        default=None,
        description="When it happened by the device's own clock, converted with the device's zone; None "
        "if it "
        "did not say or said nonsense.",
    )
    channel: ChannelNo | None = Field(
        default=None, description="The channel it concerns, counted from 0; None for the device as a whole."
    )
