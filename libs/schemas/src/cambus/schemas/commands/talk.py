"""Speaking through a device's loudspeaker, and hearing its microphone."""

from pydantic import Field

from cambus.schemas.encoding import AudioCodec
from cambus.schemas.ids import ChannelNo, SessionId, Token
from cambus.schemas.model import Done, Message, example
from cambus.schemas.spec import CommandSpec


class TalkStartRequest(Message):
    """Take the loudspeaker; devices have one talker at a time."""

    model_config = example(channel=None, claimant="operator-7", codec=None, listen=True)

    channel: ChannelNo | None = Field(
        default=None, description="The camera with the loudspeaker; None for the device's own."
    )
    claimant: Token = Field(default="anyone", description="Who talks, for the log.")
    codec: AudioCodec | None = Field(
        default=None, description="The codec to send; None for what the device likes best."
    )
    listen: bool = Field(default=True, description="Whether the device's microphone is wanted too.")


class TalkStartReply(Message):
    """The loudspeaker is yours."""

    model_config = example(
        session="tk-01",
        subject="cambus.v1.media.gate-1.0.t-tk-01",
        listen_subject="cambus.v1.media.gate-1.0.s-tk-01",
        codec="pcma",
        sample_rate_hz=8000,
        idle_s=5.0,
    )

    session: SessionId = Field(description="Names the talk in `talk.stop`.")
    subject: str = Field(
        description="Publish audio frames here, at the pace they are to be heard, 20 to 180 ms each."
    )
    listen_subject: str | None = Field(
        default=None, description="Where the device's microphone is published."
    )
    codec: AudioCodec = Field(description="The codec the frames must have.")
    sample_rate_hz: int = Field(gt=0, description="The sample rate the frames must have, in hertz.")
    idle_s: float = Field(
        default=5.0, description="Seconds without a frame after which the talk ends by itself."
    )


class TalkStopRequest(Message):
    """Give the loudspeaker back."""

    model_config = example(session="tk-01")

    session: SessionId = Field(description="The session of `talk.start`.")


START = CommandSpec(
    "talk", "start", TalkStartRequest, TalkStartReply, "Speak through the device.", timeout_s=20.0
)
STOP = CommandSpec(
    "talk", "stop", TalkStopRequest, Done, "Stop speaking through the device.", idempotent=True
)
