"""Looking for devices on the networks connectors are in: `svc.connector-<protocol>.discovery.run`.

One command for every protocol whose devices can be found; the connector of the protocol answers, each replica for
the network it is in. Nothing is sent unless the connector was told where it may.
"""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from cambus.schemas.ids import DeviceId, ReplicaId
from cambus.schemas.model import Confirmed, Message, Secret, example
from cambus.schemas.spec import CommandSpec

MAX_FOUND: Final = 1000
IPv4 = Annotated[
    str, StringConstraints(pattern=r"^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$")
]
"""Four numbers with dots."""


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


class DiscoveryAddressRequest(Message):
    """Give the device with this network card another address; user and password cross the network in clear."""

    model_config = example(
        mac="00:0b:3f:00:00:01",
        host="192.168.1.20",
        netmask="255.255.255.0",
        gateway="192.168.1.1",
        username="admin",
        password="its-password",  # noqa: S106  # an example, the password of nothing
        confirm=True,
    )

    mac: str = Field(min_length=1, max_length=64, description="Of the device, as the search tells it.")
    host: IPv4 = Field(description="Its new address.")
    netmask: IPv4 = Field(description="The mask of its network.")
    gateway: IPv4 = Field(description="The router of its network.")
    username: str = Field(min_length=1, max_length=64, description="An account of the device.")
    password: Secret = Field(description="Its password.")
    confirm: Confirmed = Field(
        description="Must be true: the device may become unreachable, and a replayable hash of the password is "
        "broadcast."
    )


class DiscoveryAddressReply(Message):
    """What one replica achieved; ask all of them."""

    model_config = example(replica="connector-dvrip-0", found=True, accepted=True, seen=True)

    replica: ReplicaId = Field(description="The connector.")
    found: bool = Field(description="Whether the device is on its network; else nothing was sent.")
    accepted: bool = Field(default=False, description="Whether the device said yes; some say nothing.")
    seen: bool = Field(default=False, description="Whether it was found at its new address afterwards.")


def address_of(protocol: str) -> CommandSpec[DiscoveryAddressRequest, DiscoveryAddressReply]:
    """Return the command that gives a device of a protocol another address."""
    return CommandSpec(
        "discovery",
        "address.set",
        DiscoveryAddressRequest,
        DiscoveryAddressReply,
        "Give a device on the connector's network another address.",
        service=f"connector-{protocol}",
        broadcast=True,
        timeout_s=40.0,
        confirm=True,
        idempotent=True,
    )


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
ADDRESS_SET_DVRIP = address_of("dvrip")
