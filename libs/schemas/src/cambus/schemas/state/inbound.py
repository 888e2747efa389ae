"""Devices that dial us: which replica has them, and who dials without being known."""

from pydantic import Field

from cambus.schemas.ids import Name, ReplicaId
from cambus.schemas.model import Instant, Message, Vocabulary, example


class InboundHold(Message):
    """The replica a device that dials in is connected to. The revision of the key is the epoch.

    It has no time to live: it is worth as much as the lease its holder keeps under `holder.<protocol>.<replica>`.
    """

    model_config = example(
        holder="connector-dvrip-0",
        incarnation="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        since="2026-02-01T12:17:22.100Z",
    )

    holder: ReplicaId = Field(description="The replica it is connected to.")
    incarnation: str = Field(
        max_length=64, description="Which run of that replica; a later run does not have it."
    )
    since: Instant = Field(description="When it dialled in.")


class KnockOutcome(Vocabulary):
    """What became of a device nobody configured."""

    REFUSED = "refused"
    PENDING = "pending"


class Knock(Message):
    """A device that dialled in and has no record. Vanishes some time after it was last heard."""

    model_config = example(
        protocol="dvrip",
        identity="123456",
        address="203.0.113.7",
        kind="DVR",
        channels=4,
        outcome="pending",
        replica="connector-dvrip-0",
        first_at="2026-02-01T12:17:22.100Z",
        last_at="2026-02-01T12:20:07Z",
    )

    protocol: Name = Field(description="The protocol it speaks.")
    identity: str = Field(max_length=128, description="What it calls itself; untrusted text.")
    address: str = Field(default="", max_length=64, description="Where it came from.")
    kind: str = Field(default="", max_length=64, description="What it says it is; untrusted text.")
    channels: int = Field(default=0, ge=0, description="How many channels it says it has.")
    outcome: KnockOutcome = Field(description="What became of it.")
    replica: ReplicaId = Field(description="The replica it dialled.")
    first_at: Instant = Field(description="When it was first heard by that replica.")
    last_at: Instant = Field(description="When it was last heard, at most a minute out of date.")
