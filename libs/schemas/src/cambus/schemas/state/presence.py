"""What is known of each device now."""

from typing import Literal

from pydantic import Field

from cambus.schemas.channels import ChannelInfo
from cambus.schemas.ids import DeviceId, Name, ReplicaId
from cambus.schemas.model import Instant, Message, Vocabulary, example


class DeviceState(Vocabulary):
    """How the session with a device is."""

    CONNECTING = "connecting"
    AWAITED = "awaited"
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    CREDENTIALS_REJECTED = "credentials-rejected"
    LOCKED = "locked"
    NOT_ACTIVATED = "not-activated"
    UNSUPPORTED = "unsupported"
    PENDING = "pending"
    UPGRADING = "upgrading"
    REBOOTING = "rebooting"
    DISABLED = "disabled"


class PresenceError(Message):
    """The last thing that went wrong with a device."""

    model_config = example(
        code=401, reason="wrong-password", text="the device refused user admin", at="2026-02-01T12:17:22Z"
    )

    code: int = Field(description="The code, of the list of errors.")
    reason: str = Field(description="A short slug, finer than the code.")
    text: str = Field(description="One sentence for a human; never a secret.")
    at: Instant = Field(description="When.")


class Presence(Message):
    """What is known of a device now. The value of `cambus-presence`."""

    model_config = example(
        device="gate-1",
        protocol="dvrip",
        online=True,
        state="online",
        since="2026-02-01T12:17:22.100Z",
        seen_at="2026-02-01T12:20:07Z",
        replica="connector-dvrip-0",
        epoch=42,
        connection="dialled",
        address="192.168.1.10:34567",
        vendor="XM",
        model="NBD8016RA-UL",
        serial="0a1b2c3d4e5f6071",
        software_version="V4.03.R11.C6380237.12201.140000.0000000",
        channels=[{"channel": 0, "name": "North gate", "online": True, "streams": ["main", "sub"]}],
        channels_total=1,
        encrypted=False,
        drift_s=-3.1,
        last_error=None,
    )

    device: DeviceId = Field(description="The device; also the key.")
    protocol: Name = Field(default="cambus", description="The protocol it speaks.")
    online: bool = Field(description="Whether it takes commands.")
    state: DeviceState = Field(
        default=DeviceState.OFFLINE, description="How the session is, finer than `online`."
    )
    since: Instant = Field(description="Since when `online` is what it is.")
    seen_at: Instant | None = Field(
        default=None, description="When it was last heard, at most a minute out of date."
    )
    replica: ReplicaId | None = Field(default=None, description="The replica that holds it, or held it last.")
    epoch: int = Field(default=0, ge=0, description="The lease revision under which that replica holds it.")
    connection: Literal["dialled", "registered"] | None = Field(default=None, description="Who dialled whom.")
    address: str | None = Field(default=None, description="The device's address as seen by the connector.")
    vendor: str = Field(default="", description="The maker.")
    model: str = Field(default="", description="The model.")
    serial: str = Field(default="", description="The serial number.")
    software_version: str = Field(default="", description="Version of the firmware.")
    channels: list[ChannelInfo] = Field(
        default_factory=list, description="The channels; at most 512, `device.channels` gives the others."
    )
    channels_total: int = Field(default=0, ge=0, description="How many channels there are in all.")
    encrypted: bool | None = Field(
        default=None, description="Whether the session is encrypted; None if unknown."
    )
    drift_s: float | None = Field(default=None, description="Seconds the device's clock is ahead of ours.")
    degraded: list[str] = Field(
        default_factory=list, description="Slugs of what does not work, such as `events`."
    )
    retry_at: Instant | None = Field(default=None, description="When the connector tries again.")
    last_error: PresenceError | None = Field(default=None, description="The last thing that went wrong.")

    @property
    def session(self) -> tuple[str | None, int, Instant] | None:
        """The replica, its epoch and since when; None while offline. Claims are to be made anew when it changes."""
        return (self.replica, self.epoch, self.since) if self.online else None

    @property
    def session_name(self) -> str:
        """Names the present session: as long as it lasts, the connector is the same process.

        The epoch is no part of that: it changes when the same process has its lease renewed.
        """
        return f"{self.replica or ''}@{self.since.isoformat()}"
