"""Live pictures: claims keep a stream up, not commands."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo, StreamName, Token
from cambus.schemas.model import Done, Message, example
from cambus.schemas.spec import CommandSpec


class LiveStartRequest(Message):
    """Claim a live stream; the first claim opens it on the device."""

    model_config = example(channel=0, stream="main", claimant="media-relay-1", ttl_s=30.0)

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which encoder of the channel.")
    claimant: Token = Field(description="Who claims; one claimant holds at most one claim on a stream.")
    ttl_s: float = Field(
        default=30.0, ge=5, le=3600, description="Seconds until the claim lapses unless touched."
    )


class LiveStartReply(Message):
    """The stream is claimed; its frames flow or will."""

    model_config = example(subject="cambus.v1.media.gate-1.0.main", ttl_s=30.0, route="")

    subject: str = Field(description="Where the frames are published.")
    ttl_s: float = Field(description="Seconds until the claim lapses; touch it at a third of that.")
    route: str = Field(
        default="",
        max_length=1000,
        description="By which systems below the device it comes, nearest first, with `-` between, if they say so.",
    )


class LiveTouchRequest(LiveStartRequest):
    """Renew a claim; a claim that lapsed meanwhile is made again."""

    model_config = example(channel=0, stream="main", claimant="media-relay-1", ttl_s=30.0)


class LiveStopRequest(Message):
    """Give a claim back; the last one closes the stream after a linger."""

    model_config = example(channel=0, stream="main", claimant="media-relay-1")

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which encoder of the channel.")
    claimant: Token = Field(description="Who gives the claim back.")


class LiveKeyframeRequest(Message):
    """Ask the encoder for a key frame now."""

    model_config = example(channel=0, stream="main")

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which encoder of the channel.")


START = CommandSpec(
    "live",
    "start",
    LiveStartRequest,
    LiveStartReply,
    "Claim a live stream and learn where its frames flow.",
    timeout_s=15.0,
    idempotent=True,
)
TOUCH = CommandSpec(
    "live",
    "touch",
    LiveTouchRequest,
    LiveStartReply,
    "Renew a claim on a live stream.",
    timeout_s=15.0,
    idempotent=True,
)
STOP = CommandSpec(
    "live", "stop", LiveStopRequest, Done, "Give a claim on a live stream back.", idempotent=True
)
KEYFRAME = CommandSpec(
    "live", "keyframe", LiveKeyframeRequest, Done, "Ask the encoder for a key frame now.", idempotent=True
)
