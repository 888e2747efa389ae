"""What a consumer gave up on."""

from pydantic import Field

from cambus.schemas.ids import Token
from cambus.schemas.model import Binary, Instant, Message, example


class DeadLetter(Message):
    """One message a durable consumer could not deal with. Kept in the stream `CAMBUS_DEAD_LETTERS`."""

    model_config = example(
        consumer="alarm-router",
        subject="cambus.v1.evt.gate-1.alarm.raised",
        sequence=90211,
        deliveries=5,
        reason="bad-request",
        text="AlarmRaised: type: Input should be one of the closed list",
        at="2026-02-01T12:20:00Z",
        headers={"Nats-Msg-Id": "01KGE5C8QXG1Z5X0N3V7M4T2RB"},
        body="gaJpZKDwmA==",
    )

    consumer: Token = Field(description="The consumer that gave up.")
    subject: str = Field(description="Where the message was published.")
    sequence: int = Field(ge=0, description="Its number in the stream.")
    deliveries: int = Field(ge=1, description="How often it was tried.")
    reason: str = Field(description="A short slug.")
    text: str = Field(default="", description="One sentence for a human.")
    at: Instant = Field(description="When it was given up.")
    headers: dict[str, str] = Field(default_factory=dict, description="Its headers.")
    body: Binary = Field(
        description="Its body, untouched; empty where it was too large for a letter: then it is only in the stream.",
        repr=False,
    )
