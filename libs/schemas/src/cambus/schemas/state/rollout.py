"""How a campaign goes over its devices: which of them, how many at a time, in which waves, and when it stops."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from cambus.schemas.matching import DeviceGlob, DeviceMatch, TextGlob
from cambus.schemas.model import Message, example
from cambus.schemas.schedule import WeekSchedule

MIN_BYTES_PER_S = 16 * 1024
"""The slowest a transfer may go: devices give one up of which they hear nothing for too long."""

TagGlob = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A tag, or a pattern of tags: `site:*`."""


class DeviceSelection(Message):
    """Devices to upgrade, by what they are called and what they are."""

    model_config = example(
        match={"devices": ["gate-*"], "tags": ["site:north"], "protocols": ["dvrip"]},
        models=["NBD80*"],
        versions=["V4.03.R11.*"],
        without=["gate-7"],
    )

    match: DeviceMatch = Field(
        default_factory=DeviceMatch, description="Names, tags and protocols; channels mean nothing here."
    )
    models: list[TextGlob] = Field(
        default_factory=list, max_length=100, description="Models, or patterns; none for any."
    )
    versions: list[TextGlob] = Field(
        default_factory=list, max_length=100, description="Versions they run now, or patterns; none for any."
    )
    without: list[DeviceGlob] = Field(
        default_factory=list, max_length=1000, description="Devices to leave out, or patterns."
    )


class Wave(Message):
    """Some devices that are upgraded before the next ones are begun."""

    model_config = example(devices=None, percent=10.0, soak_s=3600, required_percent=95.0)

    devices: int | None = Field(default=None, ge=1, le=10000, description="So many devices.")
    percent: float | None = Field(
        default=None, gt=0, le=100, description="So many of all devices of the campaign, at least one."
    )
    soak_s: int = Field(
        default=0,
        ge=0,
        le=30 * 86400,
        description="Seconds after its last device before the next wave begins. Then those that succeeded must "
        "be online with the new version, or they count as failed.",
    )
    required_percent: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="The campaign stops if fewer of those whose part is over succeeded.",
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.devices is None) == (self.percent is None):
            raise ValueError("wanted either devices or percent")
        return self

    def size(self, total: int) -> int:
        """How many devices of so many."""
        if self.devices is not None:
            return min(self.devices, total)
        return max(round(total * (self.percent or 0.0) / 100), min(total, 1))


class TagLimit(Message):
    """How many devices with one tag may be under way at a time: not all cameras of a site at once."""

    model_config = example(tag="site:*", concurrency=2)

    tag: TagGlob = Field(description="The tag, or a pattern: each tag it fits is counted for itself.")
    concurrency: int = Field(ge=1, le=1000, description="At most so many devices that carry it.")


class RolloutRules(Message):
    """What an order and a campaign have in common."""

    model_config = example(
        concurrency=4,
        canary={"devices": 2, "soak_s": 3600, "required_percent": 100.0},
        waves=[{"percent": 25.0}],
        limits=[{"tag": "site:*", "concurrency": 2}],
        max_bytes_per_s=1048576,
        windows={"time_zone": "Europe/Berlin", "spans": [{"start": "01:00", "end": "05:00"}]},
        max_failure_percent=10.0,
        retries=2,
        stable_s=120,
    )

    concurrency: int = Field(default=1, ge=1, le=1000, description="At most so many devices at a time.")
    force: bool = Field(default=False, description="Send the image though it is for other devices.")
    max_failures: int | None = Field(default=None, ge=1, description="Stop once so many devices failed.")
    max_failure_percent: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Stop once so many percent of the devices that are through have failed.",
    )
    failure_sample: int = Field(
        default=5, ge=1, le=1000, description="So many devices must be through before that percentage counts."
    )
    canary: Wave | None = Field(
        default=None, description="The first wave: a few devices, and a look at them."
    )
    waves: list[Wave] = Field(
        default_factory=list,
        max_length=50,
        description="The waves after it; the last one is repeated until every device had its turn. None: the "
        "rest is one wave.",
    )
    limits: list[TagLimit] = Field(
        default_factory=list, max_length=20, description="Limits for devices that share a tag."
    )
    max_bytes_per_s: int | None = Field(
        default=None,
        ge=MIN_BYTES_PER_S,
        description="At most so many bytes of images a second over all transfers of the campaign.",
    )
    windows: WeekSchedule | None = Field(
        default=None, description="When devices may be begun; None for always. What is under way goes on."
    )
    window_margin_s: int = Field(
        default=0, ge=0, le=86400, description="Begin none in the last so many seconds of a window."
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=5,
        description="How often a device is tried again whose transfer broke off, and which certainly has not "
        "got the whole image.",
    )
    retry_delay_s: int = Field(default=60, ge=0, le=86400, description="Seconds before it is tried again.")
    stable_s: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds a device must stay online with the new version before it counts as upgraded.",
    )

    @property
    def at_a_time(self) -> int:
        """How many devices are under way at most: fewer where they would share the bandwidth too thinly."""
        if self.max_bytes_per_s is None:
            return self.concurrency
        return min(self.concurrency, self.max_bytes_per_s // MIN_BYTES_PER_S)

    @property
    def share_bytes_per_s(self) -> int | None:
        """What each transfer may take of the bandwidth, None for all it can get."""
        return None if self.max_bytes_per_s is None else self.max_bytes_per_s // self.at_a_time
