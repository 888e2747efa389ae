"""What every connector can be told from outside, beside what every service can."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from cambus.bus.settings import BusSettings
from cambus.connector.backoff import BackoffPolicy


class ConnectorSettings(BusSettings):
    """The settings all connectors share; a connector derives its own from this."""

    credentials_key_file: Path | None = Field(
        default=None,
        description="File with the key that opens device credentials: 32 random bytes, mode 0600.",
    )
    create_credentials_key: bool = Field(
        default=False,
        description="Make that file with a fresh key if it is not there; for a first start on one machine.",
    )
    lease_ttl_s: Annotated[int, Field(ge=2, le=300)] = Field(
        default=25, description="Seconds after which a replica that died has lost its devices to the others."
    )
    lease_margin_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=3.0, description="Seconds before that in which a replica stops to believe in its own lease."
    )
    live_linger_s: Annotated[float, Field(ge=0, le=600)] = Field(
        default=10.0, description="Seconds a live stream stays open after its last claim."
    )
    connect_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0,
        description="Seconds one attempt at a device may take, login and first questions included.",
    )
    reconnect_first_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=1.0, description="Seconds to the second attempt at a device that is away; doubles from there."
    )
    reconnect_most_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=60.0, description="Seconds between attempts at most."
    )
    alarm_left_behind_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=300.0,
        description="Seconds after which an alarm is over that another replica had begun before it was killed, unless "
        "the device tells it again.",
    )
    alarm_order_wait_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=10.0,
        description="Seconds at most that alarms of a device taken over from a replica that died wait, on disk, for "
        "those the dead one may still have on its own, so that they arrive in order; 0: they do not wait.",
    )
    outbox_max_events: Annotated[int, Field(ge=100)] = Field(
        default=100_000, description="Events kept on disk while NATS is away; more are counted and dropped."
    )

    @model_validator(mode="after")
    def _margin_fits(self) -> "ConnectorSettings":
        if self.lease_margin_s >= self.lease_ttl_s * 0.8:
            raise ValueError("lease_margin_s: must leave time for a renewal, less than 0.8 of lease_ttl_s")
        return self

    @property
    def backoff(self) -> BackoffPolicy:
        """The waits between attempts at a device."""
        return BackoffPolicy(first_s=self.reconnect_first_s, last_s=self.reconnect_most_s)

    def check_files(self) -> list[str]:
        """Return what is wrong with the files; a key that is to be made need not be there yet."""
        problems = super().check_files()
        if not self.create_credentials_key:
            return problems
        return [problem for problem in problems if not problem.startswith("credentials_key_file:")]
