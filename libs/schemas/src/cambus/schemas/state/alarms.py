"""Alarms that are raised and not cleared."""

from pydantic import Field

from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.events.alarm_handling import Acknowledgement
from cambus.schemas.model import Instant, Message, example


class ActiveAlarm(Message):
    """One alarm that is raised and not cleared. The value of `cambus-alarms`."""

    model_config = example(
        raised={
            "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
            "device": "gate-1",
            "protocol": "dvrip",
            "at": "2026-02-01T12:17:22.100Z",
            "channel": 0,
            "type": "motion",
            "severity": "info",
            "key": "motion:0",
        },
        last_at="2026-02-01T12:17:30Z",
        count=3,
    )

    raised: AlarmRaised = Field(description="The event that began it.")
    last_at: Instant = Field(description="When it was last raised again.")
    count: int = Field(default=1, ge=1, description="How often it was raised since it began.")
    acknowledged: Acknowledgement | None = Field(
        default=None, description="Who looks after it; None while nobody does."
    )
