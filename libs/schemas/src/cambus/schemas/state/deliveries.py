"""Deliveries of an alarm that reached some of its sinks and not yet the others."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.ids import EventId
from cambus.schemas.model import Message, example

RouteId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\.[0-9]{1,3}$")]
"""One sink of one rule: `<rule>.<index>`."""


class DeliveryProgress(Message):
    """How far an event has come. The value of `cambus-deliveries`, by event id; gone when all have it."""

    model_config = example(event="01KGE5C8QXG1Z5X0N3V7M4T2RB", routes=["north-night.0"])

    event: EventId = Field(description="The event; also the key.")
    routes: list[RouteId] = Field(
        max_length=20_000, description="The sinks that have it: rule and place in the rule's list of sinks."
    )
