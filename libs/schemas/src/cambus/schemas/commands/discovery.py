"""Looking for devices on the networks connectors are in: `svc.connector-<protocol>.discovery.run`.

One command for every protocol whose devices can be found; the connector of the protocol answers, each replica for
the network it is in. Nothing is sent unless the connector was told where it may.
"""

from typing import Final

from pydantic import Field

from cambus.schemas.ids import DeviceId, ReplicaId
from cambus.schemas.model import Message, example
from cambus.schemas.spec import CommandSpec

MAX_FOUND: Final = 1000


class DiscoveryRunRequest(Message):
    """Look for devices."""

    model_config = example(address=None, wait_s=2.0)

    address: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Where to ask, one of those the connector may; None for all of them.",
    )
    wait_s: float = Field(default=2.0, ge=0.1, le=30, description="Seconds to wait for answers.")


class FoundDevice(Message):
    """What a device says about itself; nothing of it is proven."""

    model_config = example(
        protocol="dvrip",
        address="192.168.1.10:34567",
        source="192.168.1.10",
        mac="00:0b:3f:00:00:01",
        serial="003344230000",
        name="HVR",
        version="V4.02.R11.00002531",
        channels=4,
        known_as="gate-1",
    )

    protocol: str = Field(description="The protocol it answered in.")
    address: str = Field(description="Where it says it is, as a record takes it: HOST:PORT.")
    source: str = Field(default="", description="Where its answer came from.")
    mac: str = Field(default="", description="Its network card.")
    serial: str = Field(default="", description="Its serial number.")
    name: str = Field(default="", description="What it calls itself; untrusted text.")
    version: str = Field(default="", description="Its firmware; untrusted text.")
    channels: int = Field(default=0, ge=0, description="How many channels it has; 0 if it does not say.")
    known_as: DeviceId | None = Field(default=None, description="The device whose record has this address.")


class DiscoveryRunReply(Message):
    """What one replica found; ask all of them and merge."""

    model_config = example(
        replica="connector-dvrip-0",
        searched=["192.168.1.255:34569"],
        devices=[{"protocol": "dvrip", "address": "192.168.1.10:34567", "mac": "00:0b:3f:00:00:01"}],
        truncated=False,
    )

    replica: ReplicaId = Field(description="The connector.")
    searched: list[str] = Field(description="Where it asked.")
    devices: list[FoundDevice] = Field(description="Who answered, by address.")
    truncated: bool = Field(default=False, description=f"True if there were more than {MAX_FOUND}.")


def discovery_of(protocol: str) -> CommandSpec[DiscoveryRunRequest, DiscoveryRunReply]:
    """Return the command that looks for devices of a protocol."""
    return CommandSpec(
        "discovery",
        "run",
        DiscoveryRunRequest,
        DiscoveryRunReply,
        "Look for devices on the connector's network.",
        service=f"connector-{protocol}",
        broadcast=True,
        timeout_s=40.0,
        idempotent=True,
    )


RUN_DVRIP = discovery_of("dvrip")
