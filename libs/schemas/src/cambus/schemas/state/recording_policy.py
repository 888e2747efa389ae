"""What is to be recorded, and for how long it is kept."""

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from cambus.schemas.alarms import AlarmType, AlarmTypePattern, Severity
from cambus.schemas.ids import StreamName, Token
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Message, example
from cambus.schemas.schedule import WeekSchedule


class AlarmRecording(Message):
    """Recording around alarms."""

    model_config = example(
        types=["motion", "analytics.*"], min_severity="info", pre_roll_s=10.0, post_roll_s=20.0, max_s=600.0
    )

    types: list[AlarmTypePattern] = Field(
        default_factory=lambda: ["*"],
        max_length=100,
        description="The alarms, as types or patterns; one must fit.",
    )
    min_severity: Severity = Field(default=Severity.INFO, description="The least severity.")
    pre_roll_s: float = Field(default=10.0, ge=0, le=120, description="Seconds kept from before the alarm.")
    post_roll_s: float = Field(default=20.0, ge=0, le=3600, description="Seconds recorded after its end.")
    max_s: float = Field(
        default=600.0, gt=0, le=86400, description="Seconds after which an alarm no longer counts."
    )

    def covers(self, alarm: AlarmType, severity: Severity) -> bool:
        """Whether an alarm of this type and severity is one of those."""
        return severity.rank >= self.min_severity.rank and any(
            fnmatchcase(alarm.value, pattern) for pattern in self.types
        )


class Retention(Message):
    """How long recordings are kept; whichever bound is reached first."""

    model_config = example(max_age_s=2592000, max_bytes=500_000_000_000)

    max_age_s: int | None = Field(
        default=None, gt=0, description="Seconds a recording is kept; None for no bound."
    )
    max_bytes: int | None = Field(
        default=None, gt=0, description="Bytes kept of each stream; None for no bound."
    )


class PicturePlan(Message):
    """Still pictures, by plan and with alarms."""

    model_config = example(
        every_s=600, on_alarm=True, width=640, retention={"max_age_s": 259200, "max_bytes": 50_000_000}
    )

    every_s: int | None = Field(
        default=None, ge=5, le=86400, description="Seconds between two pictures; None for none by plan."
    )
    on_alarm: bool = Field(default=False, description="Whether every alarm of the policy is pictured.")
    width: int | None = Field(
        default=None, ge=16, le=8192, description="Width in pixels, the height follows; None for full size."
    )
    retention: Retention = Field(
        default_factory=Retention,
        description="How long they are kept, and how many bytes of each channel; never longer than any picture in the "
        "object store.",
    )


class RecordingPolicy(Message):
    """What the recorder records. A value of `cambus-policies`; a stream is recorded if any policy says so."""

    model_config = example(
        id="gates",
        name="Gates, around the clock",
        enabled=True,
        match={"devices": ["gate-*"], "tags": [], "channels": [0]},
        streams=["main"],
        mode="continuous",
        schedule=None,
        alarm=None,
        pictures=None,
        segment_s=300.0,
        retention={"max_age_s": 2592000, "max_bytes": None},
        on_disk_full="delete-oldest",
        upload=False,
        upload_what="all",
        upload_as="mp4",
    )

    id: Token = Field(description="Its name; also in the key.")
    name: str = Field(default="", max_length=256, description="What people call it.")
    enabled: bool = Field(default=True, description="False to ignore it without forgetting it.")
    match: DeviceMatch = Field(default_factory=DeviceMatch, description="The devices and channels.")
    streams: list[StreamName] = Field(
        default=["main"],
        min_length=1,
        max_length=4,
        description="Which encoders of each channel.",
    )
    mode: Literal["continuous", "schedule", "alarm", "pictures"] = Field(
        default="continuous",
        description="Always, at the times of `schedule`, around alarms, or nothing but `pictures`.",
    )
    schedule: WeekSchedule | None = Field(
        default=None,
        description="When: needed for `schedule`; for the other modes it narrows them, None is always.",
    )
    alarm: AlarmRecording | None = Field(
        default=None, description="Around which alarms; None for all, with defaults."
    )
    pictures: PicturePlan | None = Field(
        default=None, description="Pictures of the same channels; None for none."
    )
    segment_s: float = Field(
        default=300.0, ge=10, le=3600, description="Seconds of one file; it ends at a key frame."
    )
    retention: Retention = Field(default_factory=Retention, description="How long recordings are kept.")
    on_disk_full: Literal["delete-oldest", "stop"] = Field(
        default="delete-oldest",
        description="What gives way when the disk is full: the oldest, or recording itself.",
    )
    upload: bool = Field(
        default=False, description="Whether finished segments go to the configured object storage too."
    )
    upload_what: Literal["all", "alarm"] = Field(
        default="all", description="With `upload`: every segment, or those with an alarm in them alone."
    )
    upload_as: Literal["mp4", "faststart", "ts"] = Field(
        default="mp4",
        description="With `upload`: fragmented MP4 as recorded, MP4 with its index in front, or MPEG-TS with its "
        "sound as AAC.",
    )
