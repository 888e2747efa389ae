"""What alarm-router can be told from outside."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cambus.bus.settings import BusSettings


class AlarmRouterSettings(BusSettings):
    """The settings of alarm-router."""

    credentials_key_file: Path | None = Field(
        default=None,
        description="File with the key that opens `cambus-credentials`; needed for sinks with secrets.",
    )
    sinks_ca_file: Path | None = Field(
        default=None,
        description="File with certificates (PEM) of authorities that sinks are trusted by, beside the system's.",
    )
    delivery_give_up_s: Annotated[float, Field(gt=0, le=7 * 86400)] = Field(
        default=4 * 3600.0,
        description="Seconds after which an alarm that a sink still does not take becomes a dead letter.",
    )
    delivery_first_delay_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=1.0, description="Seconds before the second attempt; the wait doubles from there."
    )
    delivery_longest_delay_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=60.0, description="Seconds between two attempts at most."
    )
    deliveries_per_sink: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=32,
        description="Attempts under way to one sink at a time; those of one device go one by one.",
    )
    alarms_in_memory: Annotated[int, Field(ge=4, le=100_000)] = Field(
        default=4096,
        description="Alarms held at a time; three quarters of them may wait for sinks that are away.",
    )
    lease_ttl_s: Annotated[float, Field(ge=2, le=300)] = Field(
        default=25.0,
        description="Seconds after which a replica that stands by takes over from one that died.",
    )
    redelivery_s: Annotated[float, Field(ge=1, le=600)] = Field(
        default=30.0,
        description="Seconds without a sign of life after which NATS gives an alarm out again.",
    )
