"""The recorder: where the copies of its recordings are."""

from typing import Literal

from pydantic import Field

from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.ids import ChannelNo, DeviceId, MediaStream, ReplicaId, Token
from cambus.schemas.model import Instant, Message, example
from cambus.schemas.spans import TimeRange
from cambus.schemas.spec import CommandSpec


class RecordingCopiesRequest(Message):
    """Ask which recordings of a device are copied."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream=None,
        start="2026-02-01T12:00:00Z",
        end="2026-02-01T13:00:00Z",
        limit=1000,
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for every channel."
    )
    stream: MediaStream | None = Field(default=None, description="Which stream; None for any.")
    start: Instant = Field(description="First instant of interest.")
    end: Instant = Field(description="First instant no longer of interest.")
    limit: int = Field(default=500, ge=1, le=1000, description="At most so many segments, the first by time.")


class RecordingCopy(TimeRange):
    """One segment, and its copy in the object storage."""

    model_config = example(
        start="2026-02-01T12:00:00.120Z",
        end="2026-02-01T12:05:00.080Z",
        channel=0,
        stream="main",
        segment="01KGE4ZJ3E8Q6W7D1M0B5P9T4C",
        state="copied",
        url="s3://recordings/site-a/gate-1_0_20260201T120000.120000Z.mp4",
        container="mp4",
        bytes=153600000,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        copied_at="2026-02-01T12:05:09Z",
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: MediaStream = Field(description="Which stream was recorded.")
    segment: Token = Field(description="The segment, as `recording.closed` names it.")
    state: Literal["pending", "copied"] = Field(description="Whether it is still to be copied, or was.")
    url: str | None = Field(default=None, description="Where the copy is.")
    container: Literal["mp4", "faststart", "ts"] | None = Field(
        default=None, description="Fragmented MP4, MP4 with its index in front, or MPEG-TS."
    )
    bytes: int | None = Field(default=None, ge=0, description="Size of the copy in bytes.")
    sha256: str | None = Field(default=None, description="SHA-256 of the copy, in hex.")
    copied_at: Instant | None = Field(default=None, description="Since when it is there.")


class RecordingCopiesReply(Message):
    """What one replica copied, or is to copy; ask all of them."""

    model_config = example(
        replica="recorder-0",
        copies=[
            {
                "start": "2026-02-01T12:00:00.120Z",
                "end": "2026-02-01T12:05:00.080Z",
                "channel": 0,
                "stream": "main",
                "segment": "01KGE4ZJ3E8Q6W7D1M0B5P9T4C",
                "state": "pending",
            }
        ],
        complete_until=None,
    )

    replica: ReplicaId = Field(description="The recorder.")
    copies: list[RecordingCopy] = Field(
        description="The segments it still has that were copied or are to be, by time."
    )
    complete_until: Instant | None = Field(
        default=None, description="Up to when this is everything, if there is more than fits."
    )


RECORDING_COPIES = CommandSpec(
    "recording",
    "copies",
    RecordingCopiesRequest,
    RecordingCopiesReply,
    "Ask each recorder which of its recordings are copied to the object storage, and where they are.",
    service=SERVICE,
    broadcast=True,
    timeout_s=10.0,
    idempotent=True,
)
