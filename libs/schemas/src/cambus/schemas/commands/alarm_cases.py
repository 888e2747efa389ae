"""The alarm router: what became of alarms, who looks after them, and how the sinks are."""

from pydantic import Field

from cambus.schemas.commands.alarm_router import SERVICE, AlarmFilter
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import (
    Acknowledgement,
    AlarmActed,
    AlarmEscalated,
    Note,
    Person,
)
from cambus.schemas.ids import EventId, ReplicaId
from cambus.schemas.model import Instant, Message, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.deliveries import RouteId

_RAISED = {
    "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
    "device": "gate-1",
    "protocol": "dvrip",
    "at": "2026-02-01T12:17:22.100Z",
    "channel": 0,
    "type": "motion",
    "severity": "info",
    "key": "motion:0",
}


class AlarmsAcknowledgeRequest(Message):
    """Say that somebody looks after an alarm."""

    model_config = example(id="01KGE5C8QXG1Z5X0N3V7M4T2RB", by="guard-7", note="on my way")

    id: EventId = Field(description="The event that began it.")
    by: Person = Field(description="Who.")
    note: Note = Field(default="", description="What they say.")


class AlarmsAcknowledgeReply(Message):
    """Who looks after the alarm: whoever said so first."""

    model_config = example(
        acknowledged={"by": "guard-7", "note": "on my way", "at": "2026-02-01T12:18:40Z"}, already=False
    )

    acknowledged: Acknowledgement = Field(description="Who, since when.")
    already: bool = Field(
        default=False, description="True if it was acknowledged before; nothing has changed then."
    )


class AlarmsHistoryRequest(AlarmFilter):
    """Search the alarms that were, as far back as events are kept."""

    model_config = example(devices=["gate-*"], since="2026-02-01T00:00:00Z", until="2026-02-02T00:00:00Z")

    since: Instant = Field(description="First instant at which they began.")
    until: Instant = Field(description="First instant no longer of interest.")
    limit: int = Field(default=200, ge=1, le=1000, description="At most so many.")


class AlarmCase(Message):
    """One alarm and what became of it."""

    model_config = example(raised=_RAISED, cleared=None, acknowledged=None, duration_s=18.0)

    raised: AlarmRaised | None = Field(description="The event that began it; None if only its end was heard.")
    cleared: AlarmCleared | None = Field(
        default=None, description="The event that ended it; None without one."
    )
    duration_s: float | None = Field(
        default=None, ge=0, description="Seconds it lasted; None while that is open."
    )
    acknowledged: Acknowledgement | None = Field(
        default=None, description="Who looks after it; None while nobody does."
    )
    escalated: list[AlarmEscalated] = Field(default_factory=list, description="Who else was told.")
    actions: list[AlarmActed] = Field(default_factory=list, description="What was done.")


class AlarmsShowRequest(Message):
    """Ask what became of an alarm."""

    model_config = example(id="01KGE5C8QXG1Z5X0N3V7M4T2RB")

    id: EventId = Field(description="The event that began it.")


class AlarmsHistoryReply(Message):
    """Alarms that were, oldest first."""

    model_config = example(alarms=[{"raised": _RAISED}], complete_until=None)

    alarms: list[AlarmCase] = Field(description="The alarms, by when they were stored.")
    complete_until: Instant | None = Field(
        default=None,
        description="Up to when these are all, if there are more: ask again from there; None: all.",
    )


class SinksListRequest(Message):
    """Ask how the sinks are."""

    model_config = example(rules=[])

    rules: list[str] = Field(
        default_factory=list, max_length=1000, description="Only those of these rules; none: all."
    )


class SinkStatus(Message):
    """How one sink of a rule is."""

    model_config = example(
        route="north-night.0",
        kind="webhook",
        target="https://ops.example.org/hooks/alarms",
        waiting=12,
        oldest_s=40.0,
        delivered=815,
        failed=3,
        away=True,
        last_error="HTTP 503",
        last_error_at="2026-02-01T12:17:22.100Z",
        last_delivered_at="2026-02-01T12:16:40Z",
    )

    route: RouteId = Field(description="Rule and place in its list of sinks.")
    kind: str = Field(description="What it is.")
    target: str = Field(description="Where it is, without secrets.")
    waiting: int = Field(default=0, ge=0, description="Alarms that wait for it here.")
    oldest_s: float | None = Field(
        default=None, ge=0, description="For how many seconds the oldest of them does."
    )
    delivered: int = Field(default=0, ge=0, description="Alarms it took since this replica is on duty.")
    failed: int = Field(default=0, ge=0, description="Attempts that failed since then.")
    away: bool = Field(default=False, description="Whether it takes nothing at present.")
    last_error: str = Field(default="", description="Why the last attempt that failed did.")
    last_error_at: Instant | None = Field(default=None, description="When that was.")
    last_delivered_at: Instant | None = Field(default=None, description="When it took one last.")


class SinksListReply(Message):
    """How the sinks are, as one replica knows it."""

    model_config = example(replica="alarm-router-0", on_duty=True, sinks=[], given_back=0)

    replica: ReplicaId = Field(description="The replica.")
    on_duty: bool = Field(
        description="Whether it is the one that delivers; the others know nothing of the sinks."
    )
    sinks: list[SinkStatus] = Field(
        default_factory=list, description="Every sink of every rule that applies."
    )
    given_back: int = Field(
        default=0, ge=0, description="Alarms that wait in NATS because too many wait here already."
    )


ALARMS_ACKNOWLEDGE = CommandSpec(
    "alarms",
    "acknowledge",
    AlarmsAcknowledgeRequest,
    AlarmsAcknowledgeReply,
    "Say that somebody looks after an alarm.",
    service=SERVICE,
    timeout_s=30.0,
    idempotent=True,
)
ALARMS_SHOW = CommandSpec(
    "alarms",
    "show",
    AlarmsShowRequest,
    AlarmCase,
    "Find out what became of an alarm.",
    service=SERVICE,
    timeout_s=30.0,
    idempotent=True,
)
ALARMS_HISTORY = CommandSpec(
    "alarms",
    "history",
    AlarmsHistoryRequest,
    AlarmsHistoryReply,
    "Search the alarms that were.",
    service=SERVICE,
    timeout_s=30.0,
    idempotent=True,
)
SINKS_LIST = CommandSpec(
    "sinks",
    "list",
    SinksListRequest,
    SinksListReply,
    "Find out which sinks take alarms.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
