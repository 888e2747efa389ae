"""What alarm-router can be told from outside."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cambus.bus.settings import BusSettings


class AlarmRouterSettings(BusSettings):
    """The settings of alarm-router."""

    credentials_key_file: Path | None = Field(
        default=None,
        description="File with the key that opens `cambus-credentials`; needed for signed webhooks.",
    )
    delivery_attempts: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20, description="How often an alarm is tried before it becomes a dead letter."
    )
    delivery_first_delay_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=1.0, description="Seconds before the second attempt; the wait doubles from there."
    )
    delivery_longest_delay_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=300.0, description="Seconds between two attempts at most."
    )
    parallel_alarms: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=64,
        description="Alarms being delivered at the same time; those of one device keep their order.",
    )

    def delays_s(self) -> list[float]:
        """The waits between attempts, in seconds."""
        waits = (self.delivery_first_delay_s * 2.0**n for n in range(self.delivery_attempts - 1))
        return [min(wait, self.delivery_longest_delay_s) for wait in waits]
