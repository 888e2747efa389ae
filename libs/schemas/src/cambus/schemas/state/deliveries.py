"""What the alarm router still has to do about single alarms."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import EventId, Token
from cambus.schemas.model import Instant, Message, example

RouteId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\.(e[0-9]{1,2}\.)?[0-9]{1,3}$")]
"""One sink of one rule, `<rule>.<index>`, or of a step of its escalation, `<rule>.e<step>.<index>`."""


SinkList = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.e[0-9]{1,2})?$")]
"""The sinks of a rule, or of a step of its escalation, `<rule>.e<step>`."""

SinkMark = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]
"""A digest of a sink."""


class DeliveryProgress(Message):
    """What is still owed of an event. The value of `cambus-deliveries`, by event id.

    It is written when a sink does not take the event, and read when the event is given out again. It stays when
    the event is done, until it has grown older than any event.
    """

    model_config = example(
        event="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        routes=["north-night.0"],
        among={"north-night": ["1f0c5a77d2e4", "9b3e60a1c8f2"]},
    )

    event: EventId = Field(description="The event; also the key.")
    routes: list[RouteId] = Field(
        max_length=20_000,
        description="The sinks that are still to get it: rule and place in the rule's list of sinks.",
    )
    among: dict[SinkList, list[SinkMark]] = Field(
        default_factory=dict,
        description="What those lists held then, sink by sink: a list that was changed leads to the same sinks.",
    )


class OpenEscalation(Message):
    """Who is still to be told if nothing happens about an alarm. A value of `cambus-deliveries`.

    It goes when its last step was done, or none of those left applies any more.
    """

    model_config = example(
        alarm={
            "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
            "device": "gate-1",
            "protocol": "dvrip",
            "at": "2026-02-01T12:17:22.100Z",
            "channel": 0,
            "type": "motion",
            "severity": "info",
            "key": "motion:0",
        },
        rule="north-night",
        step=0,
        due_at="2026-02-01T12:22:22.100Z",
    )

    alarm: AlarmRaised = Field(description="The alarm.")
    rule: Token = Field(description="The rule.")
    step: int = Field(ge=0, le=9, description="The next step, counted from 0.")
    due_at: Instant = Field(description="When it is due.")
    acknowledged: bool = Field(default=False, description="Whether somebody looks after it.")
    ended: bool = Field(default=False, description="Whether it is over.")
