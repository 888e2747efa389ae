"""Who owns what, and who is alive."""

from pydantic import Field

from cambus.schemas.ids import Name, ReplicaId
from cambus.schemas.model import Instant, JsonObject, Message, example


class Lease(Message):
    """One owned thing. The revision of the key is the epoch; the key vanishes with its time to live."""

    model_config = example(
        holder="connector-dvrip-0",
        incarnation="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        since="2026-02-01T12:17:22.100Z",
        ttl_s=25.0,
        released=False,
    )

    holder: ReplicaId = Field(description="The replica that owns it.")
    incarnation: str = Field(
        default="",
        max_length=64,
        description="Which run of that replica; a restart under the same name takes its own back.",
    )
    since: Instant = Field(description="When this holder took it.")
    ttl_s: float = Field(gt=0, description="Seconds it lasts without renewal.")
    released: bool = Field(default=False, description="True if it was given back and may be taken at once.")


class Replica(Message):
    """One living process of a service, for the others to share with. Vanishes with its time to live."""

    model_config = example(
        replica="connector-dvrip-0",
        service="connector-dvrip",
        version="0.1.0",
        since="2026-02-01T12:00:00Z",
        draining=False,
        weight=1.0,
        load={"devices": 812},
    )

    replica: ReplicaId = Field(description="Its stable name.")
    service: Name = Field(description="The service it is one of.")
    version: str = Field(default="", description="The version of the suite it runs.")
    since: Instant = Field(description="When it started, by its own clock: for people.")
    incarnation: str = Field(
        default="",
        max_length=64,
        description="Which run of that replica: tells two processes of one name apart.",
    )
    epoch: int | None = Field(
        default=None,
        ge=1,
        description="Revision at which this run first said that it lives; none in that first word itself. "
        "Of two runs under one name the one with the higher epoch is the younger.",
    )
    draining: bool = Field(default=False, description="True if it is about to stop and takes nothing more.")
    waiting: bool = Field(
        default=False,
        description="True while events wait on its disk of which devices were told that they are safe, "
        "or while it can not be certain of what it owns.",
    )
    held_from: int | None = Field(
        default=None,
        ge=1,
        description="Revision of the oldest taking of a device whose alarms it keeps on its disk until those of the "
        "device's former replica are known; none if it keeps none.",
    )
    weight: float = Field(default=1.0, gt=0, le=100, description="Its share, compared with the others'.")
    load: JsonObject = Field(default_factory=dict, description="How much it carries, for people.")


class OpenOutbox(Message):
    """A replica that has not stopped in order, if it is not among those that live: its disk may hold events.

    Vanishes when its replica stops with nothing left to send, or a week after that was last heard.
    """

    model_config = example(
        replica="connector-dvrip-0", service="connector-dvrip", since="2026-02-01T12:00:00Z"
    )

    replica: ReplicaId = Field(description="Whose outbox it is.")
    service: Name = Field(description="The service it is one of.")
    since: Instant = Field(description="When it was opened, by the clock of the replica: for people.")
