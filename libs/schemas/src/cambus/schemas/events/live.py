"""Live streams open and close."""

from pydantic import Field

from cambus.schemas.encoding import AudioCodec, VideoCodec
from cambus.schemas.events.base import Event
from cambus.schemas.ids import StreamName
from cambus.schemas.model import example
from cambus.schemas.spec import EventSpec


class LiveStarted(Event):
    """The first frame of a live stream is on the bus; `channel` says which."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        channel=0,
        stream="main",
        subject="cambus.v1.media.gate-1.0.main",
        codec="h265",
        width=2560,
        height=1440,
        audio_codec="pcma",
    )

    stream: StreamName = Field(description="Which encoder of the channel.")
    subject: str = Field(description="Where its frames are published.")
    codec: VideoCodec | None = Field(default=None, description="The video codec.")
    width: int | None = Field(default=None, gt=0, description="Width in pixels.")
    height: int | None = Field(default=None, gt=0, description="Height in pixels.")
    audio_codec: AudioCodec | None = Field(
        default=None, description="The codec of its sound; None without sound."
    )


class LiveStopped(Event):
    """A live stream is closed; `channel` says which."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:47:22.100Z",
        channel=0,
        stream="main",
        reason="unclaimed",
        duration_s=1800.0,
        bytes=921600000,
    )

    stream: StreamName = Field(description="Which encoder of the channel.")
    reason: str = Field(description="A short slug: `unclaimed`, `device-offline`, `refused`, `handed-over`.")
    duration_s: float | None = Field(default=None, ge=0, description="Seconds it flowed.")
    bytes: int | None = Field(default=None, ge=0, description="Bytes it carried.")


STARTED = EventSpec("live", "started", LiveStarted, "A live stream flows.")
STOPPED = EventSpec("live", "stopped", LiveStopped, "A live stream is closed.")
