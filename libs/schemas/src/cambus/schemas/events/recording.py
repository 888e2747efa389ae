"""The recorder finished a segment."""

from pydantic import Field

from cambus.schemas.encoding import AudioCodec, VideoCodec
from cambus.schemas.events.base import Event
from cambus.schemas.ids import MediaStream, ReplicaId, Token
from cambus.schemas.model import Instant, example
from cambus.schemas.spans import RecordingTrigger
from cambus.schemas.spec import EventSpec


class RecordingClosed(Event):
    """A segment is complete and durable; `channel` says of which channel."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        at="2026-02-01T12:05:02Z",
        channel=0,
        stream="main",
        segment="01KGE4ZJ3E8Q6W7D1M0B5P9T4C",
        replica="recorder-0",
        start="2026-02-01T12:00:00.120Z",
        end="2026-02-01T12:05:00.080Z",
        bytes=153600000,
        trigger="continuous",
        codec="h265",
        width=2560,
        height=1440,
        audio_codec="pcma",
        repaired=False,
    )

    stream: MediaStream = Field(description="Which stream was recorded.")
    segment: Token = Field(description="Names the segment on its replica.")
    replica: ReplicaId = Field(description="The recorder that holds it.")
    start: Instant = Field(description="First instant in it.")
    end: Instant = Field(description="First instant no longer in it.")
    bytes: int = Field(ge=0, description="Size of the file in bytes.")
    trigger: RecordingTrigger = Field(description="Why it was recorded.")
    codec: VideoCodec | None = Field(default=None, description="The video codec.")
    width: int | None = Field(default=None, gt=0, description="Width in pixels.")
    height: int | None = Field(default=None, gt=0, description="Height in pixels.")
    audio_codec: AudioCodec | None = Field(
        default=None, description="The codec of its sound; None without sound."
    )
    repaired: bool = Field(
        default=False, description="True if it was cut short by a crash and repaired afterwards."
    )


CLOSED = EventSpec("recording", "closed", RecordingClosed, "A segment is complete and durable.")
