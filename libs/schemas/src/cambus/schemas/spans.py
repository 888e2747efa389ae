"""Spans of recorded time, and the gaps between them."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from cambus.schemas.ids import ChannelNo, MediaStream
from cambus.schemas.model import Instant, Message, Vocabulary, example


class TimeRange(Message):
    """A span of time."""

    model_config = example(start="2026-02-01T12:00:00Z", end="2026-02-01T12:05:00Z")

    start: Instant = Field(description="First instant in it.")
    end: Instant = Field(description="First instant no longer in it.")


class RecordingTrigger(Vocabulary):
    """Why the recorder recorded."""

    CONTINUOUS = "continuous"
    SCHEDULE = "schedule"
    ALARM = "alarm"
    MANUAL = "manual"


class CopyState(Vocabulary):
    """How much of something recorded is in the object storage."""

    PENDING = "pending"
    PARTLY = "partly"
    COPIED = "copied"

    @classmethod
    def of(cls, parts: Iterable[Self | None]) -> Self | None:
        """What several parts are together; None for a part that is not to be copied."""
        states = set(parts)
        if len(states) == 1:
            return states.pop()
        if states <= {None, cls.PENDING}:
            return cls.PENDING if states else None
        return cls.PARTLY


class RecordedSpan(TimeRange):
    """A span without a gap that the recorder holds."""

    model_config = example(
        start="2026-02-01T12:00:00Z",
        end="2026-02-01T13:00:00Z",
        channel=0,
        stream="main",
        bytes=1843200000,
        locked=False,
        trigger="continuous",
        copies="copied",
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: MediaStream = Field(description="Which stream was recorded.")
    bytes: int = Field(ge=0, description="Size of it on disk, in bytes.")
    locked: bool = Field(default=False, description="Whether all of it is kept from being deleted.")
    trigger: RecordingTrigger = Field(default=RecordingTrigger.CONTINUOUS, description="Why it was recorded.")
    copies: CopyState | None = Field(
        default=None,
        description="Whether all of it is in the object storage, some, or nothing yet; None if it is not to be copied.",
    )


class GapReason(Vocabulary):
    """Why something that should have been recorded was not."""

    DEVICE_OFFLINE = "device-offline"
    STREAM_LOST = "stream-lost"
    OVERFLOW = "overflow"
    DISK_FULL = "disk-full"
    DISK_ERROR = "disk-error"
    RESTART = "restart"
    NO_OWNER = "no-owner"
    OTHER = "other"


class RecordingGap(TimeRange):
    """A span that should have been recorded and was not."""

    model_config = example(
        start="2026-02-01T13:00:00Z",
        end="2026-02-01T13:00:42Z",
        channel=0,
        stream="main",
        reason="device-offline",
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: MediaStream = Field(description="Which stream was to be recorded.")
    reason: GapReason = Field(description="Why it was not.")
