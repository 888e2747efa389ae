"""Deliveries of an alarm that a sink did not take at once."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.ids import EventId
from cambus.schemas.model import Message, example

RouteId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\.[0-9]{1,3}$")]
"""One sink of one rule: `<rule>.<index>`."""


class DeliveryProgress(Message):
    """What is still owed of an event. The value of `cambus-deliveries`, by event id.

    It is written when a sink does not take the event, and read when the event is given out again. It stays when
    the event is done, until it has grown older than any event.
    """

    model_config = example(event="01KGE5C8QXG1Z5X0N3V7M4T2RB", routes=["north-night.0"])

    event: EventId = Field(description="The event; also the key.")
    routes: list[RouteId] = Field(
        max_length=20_000,
        description="The sinks that are still to get it: rule and place in the rule's list of sinks.",
    )
