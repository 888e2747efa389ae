"""What upgrade-manager can be told from outside."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cambus.bus.settings import BusSettings
from cambus.schemas.state.rollout import MIN_BYTES_PER_S


class UpgradeManagerSettings(BusSettings):
    """The settings of upgrade-manager."""

    look_interval_s: Annotated[float, Field(gt=0, le=300)] = Field(
        default=5.0,
        description="Seconds between two looks at campaigns and at devices that have gone silent.",
    )
    silence_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=30.0,
        description="Seconds without progress after which the device's connector is asked; also before a "
        "device that could not begin is tried again.",
    )
    settle_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=180.0,
        description="Seconds a device must be back with another version than ordered before that is final.",
    )
    device_deadline_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=1800.0, description="Seconds after which a device that did not finish is given up."
    )
    lease_ttl_s: Annotated[float, Field(ge=2, le=300)] = Field(
        default=25.0,
        description="Seconds after which another replica takes over the campaigns of one that died.",
    )
    upgrade_max_bytes_per_s: Annotated[int, Field(ge=MIN_BYTES_PER_S)] | None = Field(
        default=None,
        description="At most so many bytes of images a second over the transfers of all campaigns together, whichever "
        "replicas run them; the same on every replica. None: only each campaign's own limit counts.",
    )
    firmware_keys_file: Path | None = Field(
        default=None,
        description="Public keys (Ed25519, PEM): only images one of them signed are sent. None: any image is.",
    )
