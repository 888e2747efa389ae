"""A device comes, goes, changes or does not let us in."""

from typing import Literal

from pydantic import Field

from cambus.schemas.events.base import Event
from cambus.schemas.ids import ReplicaId
from cambus.schemas.model import FreeJson, Instant, Message, example
from cambus.schemas.spec import EventSpec

Connection = Literal["dialled", "registered"]
"""Who dialled whom: we the device, or the device us."""

_ID = "01KGE5C8QXG1Z5X0N3V7M4T2RB"


class DeviceOnline(Event):
    """A session with the device is up; it takes commands now."""

    model_config = example(
        id=_ID,
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        connection="dialled",
        replica="connector-dvrip-0",
        epoch=42,
        address="192.168.1.10:34567",
        vendor="XM",
        model="NBD8016RA-UL",
        serial="0a1b2c3d4e5f6071",
        software_version="V4.03.R11.C6380237.12201.140000.0000000",
        channels_total=16,
    )

    connection: Connection = Field(description="Who dialled whom.")
    replica: ReplicaId | None = Field(default=None, description="The replica that holds the session.")
    epoch: int | None = Field(default=None, ge=0, description="The lease revision under which it does.")
    address: str | None = Field(default=None, description="The device's address as seen by the connector.")
    vendor: str = Field(default="", description="The maker.")
    model: str = Field(default="", description="The model.")
    serial: str = Field(default="", description="The serial number.")
    software_version: str = Field(default="", description="Version of the firmware.")
    channels_total: int = Field(default=0, ge=0, description="How many channels there are.")


class DeviceOffline(Event):
    """The session with the device is gone."""

    model_config = example(
        id=_ID,
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T13:00:00Z",
        reason="keepalive-lost",
        text="no answer to two keepalives",
        online_s=2557.9,
    )

    reason: str = Field(
        description="A short slug: `connection-lost`, `keepalive-lost`, `replaced`, `handed-over`, `removed`."
    )
    text: str = Field(default="", description="One sentence for a human.")
    online_s: float | None = Field(default=None, ge=0, description="Seconds the session lasted.")


class FieldChange(Message):
    """One fact that is different now."""

    model_config = example(field="software_version", before="V4.03.R11", after="V4.03.R12")

    field: str = Field(description="The name of the fact.")
    before: FreeJson = Field(default=None, description="What it was; null if it was not known.")
    after: FreeJson = Field(default=None, description="What it is; null if it is gone.")


class DeviceChanged(Event):
    """Something lasting about the device is different: its version, identity, address or abilities."""

    model_config = example(
        id=_ID,
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        changes=[{"field": "software_version", "before": "V4.03.R11", "after": "V4.03.R12"}],
    )

    changes: list[FieldChange] = Field(description="What changed.")


class DeviceAuthFailed(Event):
    """The device refused our credentials, or something that called itself the device showed wrong ones."""

    model_config = example(
        id=_ID,
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        reason="wrong-password",
        text="the device refused user admin",
        direction="to-device",
        retry_at="2026-02-01T12:18:22Z",
        locked_until=None,
        attempts_left=None,
    )

    reason: str = Field(
        description="A short slug: `wrong-password`, `unknown-user`, `locked`, `blacklisted`."
    )
    text: str = Field(default="", description="One sentence for a human; never the secret.")
    direction: Literal["to-device", "from-device"] = Field(
        default="to-device", description="Who showed the credentials: we to the device, or the device to us."
    )
    retry_at: Instant | None = Field(
        default=None, description="When we try again; None if only when they change."
    )
    locked_until: Instant | None = Field(
        default=None, description="When the device says it unlocks the account."
    )
    attempts_left: int | None = Field(
        default=None, ge=0, description="Tries left before the device locks the account."
    )
    source: str | None = Field(default=None, description="The address the wrong credentials came from.")


ONLINE = EventSpec("device", "online", DeviceOnline, "A device takes commands now.")
OFFLINE = EventSpec("device", "offline", DeviceOffline, "A device no longer takes commands.")
CHANGED = EventSpec("device", "changed", DeviceChanged, "Something lasting about a device is different.")
AUTH_FAILED = EventSpec("device", "auth-failed", DeviceAuthFailed, "Credentials were refused.")
