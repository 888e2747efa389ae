"""What is done about alarms: by people, and by the rules."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cambus.schemas.events.alarm import AlarmEvent, AlarmRaised
from cambus.schemas.ids import EventId, Token
from cambus.schemas.model import Instant, Message, example
from cambus.schemas.objects import PictureRef
from cambus.schemas.spec import EventSpec
from cambus.schemas.state.alarm_actions import ActionOutcome

Person = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Note = Annotated[str, StringConstraints(max_length=1000)]

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
_EVENT = {**_RAISED, "id": "01KGE5CZ5ZN2QK7V2X4W9D3M8S", "protocol": "cambus", "at": "2026-02-01T12:18:40Z"}


class Acknowledgement(Message):
    """Somebody looks after an alarm."""

    model_config = example(by="guard-7", note="on my way", at="2026-02-01T12:18:40Z")

    by: Person = Field(description="Who.")
    note: Note = Field(default="", description="What they said.")
    at: Instant = Field(description="Since when.")


class AlarmAcknowledged(AlarmEvent):
    """Somebody looks after an alarm; said once of each alarm, by the first who does."""

    model_config = example(**_EVENT, alarm=_RAISED, by="guard-7", note="on my way")

    alarm: AlarmRaised = Field(description="The event that began it.")
    by: Person = Field(description="Who.")
    note: Note = Field(default="", description="What they said.")

    @property
    def acknowledgement(self) -> Acknowledgement:
        """Who, since when."""
        return Acknowledgement(by=self.by, note=self.note, at=self.at)


class AlarmEscalated(AlarmEvent):
    """Nothing happened about an alarm for a while: others are told as well."""

    model_config = example(**_EVENT, alarm=_RAISED, rule="north-night", step=0, reason="unacknowledged")

    alarm: AlarmRaised = Field(description="The event that began it.")
    rule: Token = Field(description="The rule that says so.")
    step: int = Field(ge=0, le=9, description="Which step of it, counted from 0.")
    reason: Literal["unacknowledged", "lasting"] = Field(
        description="`unacknowledged`: nobody looks after it; `lasting`: it does not end."
    )


class AlarmSuppressed(AlarmEvent):
    """Alarms were kept back, and for a while none came with which that could have been told."""

    model_config = example(**_EVENT, rule="north-night", per="alarm", count=41, since="2026-02-01T12:17:40Z")

    rule: Token = Field(description="The rule that kept them back.")
    per: Literal["alarm", "type", "device", "rule"] = Field(
        description="What was counted together; device, type and key are those of the last one."
    )
    count: int = Field(ge=1, description="How many beginnings were kept back.")
    since: Instant = Field(description="When the first of them was.")


class AlarmActed(AlarmEvent):
    """An action of a rule was carried out for an alarm, or could not be."""

    model_config = example(
        **_EVENT,
        raised="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        rule="north-night",
        index=0,
        action="snapshot",
        outcome="done",
    )

    raised: EventId = Field(description="The event that began the alarm.")
    rule: Token = Field(description="The rule.")
    index: int = Field(ge=0, description="The place of the action in the rule's list.")
    action: str = Field(
        max_length=100, description="What was done: `record`, `snapshot`, … or the command's name."
    )
    outcome: ActionOutcome = Field(
        description="`unknown`: the router ended in between, and the command must not be repeated."
    )
    error: str = Field(default="", max_length=1000, description="Why it failed.")
    picture: PictureRef | None = Field(default=None, description="The picture it took.")


ACKNOWLEDGED = EventSpec("alarm", "acknowledged", AlarmAcknowledged, "Somebody looks after an alarm.")
ESCALATED = EventSpec(
    "alarm", "escalated", AlarmEscalated, "Others are told of an alarm about which nothing happens."
)
SUPPRESSED = EventSpec("alarm", "suppressed", AlarmSuppressed, "Alarms were kept back.")
ACTED = EventSpec("alarm", "acted", AlarmActed, "An action was carried out for an alarm.")
