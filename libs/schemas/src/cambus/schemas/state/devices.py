"""What devices there are to be."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.ids import DeviceId, Name, Token
from cambus.schemas.matching import Tag
from cambus.schemas.model import Instant, JsonObject, Message, example


class CredentialsRef(Message):
    """Names the secrets of a device; the secrets themselves are sealed in `cambus-credentials`."""

    model_config = example(name="gate-1")

    name: Token = Field(description="The key in `cambus-credentials`.")


class DeviceRecord(Message):
    """One device that is to be on the bus. The value of `cambus-devices`."""

    model_config = example(
        id="gate-1",
        protocol="dvrip",
        address="192.168.1.10:34567",
        name="North gate recorder",
        tags=["site:north", "outdoor"],
        credentials={"name": "gate-1"},
        options={"channel_base": 0, "ptz_flip_v": False},
        enabled=True,
        updated_at="2026-02-01T12:00:00Z",
    )

    id: DeviceId = Field(description="Its name on the bus; also the key.")
    protocol: Name = Field(
        description="The protocol it speaks: `dvrip`, `gb28181`, `rtsp`, `telecom`, `hikvision`, `onvif`."
    )
    address: Annotated[str, StringConstraints(max_length=300)] | None = Field(
        default=None, description="`HOST` or `HOST:PORT` to dial; None for a device that dials us."
    )
    name: str | None = Field(default=None, max_length=256, description="What people call it.")
    tags: list[Tag] = Field(default_factory=list, max_length=64, description="Words to choose devices by.")
    credentials: CredentialsRef | None = Field(
        default=None, description="Where its secrets are; None if it has none."
    )
    options: JsonObject = Field(
        default_factory=dict,
        description="Settings of the connector for this device; no secrets. See the connector.",
    )
    enabled: bool = Field(default=True, description="False to leave it alone without forgetting it.")
    updated_at: Instant | None = Field(default=None, description="When this record was written.")
