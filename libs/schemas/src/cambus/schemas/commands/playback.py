"""Playing what the recorders hold: frames on a media subject of their own, paced, and the commands of who watches.

A playback is addressed by its session alone. Its commands reach every replica; the one that plays answers, the others
say 404. So a playback may go from one replica to the next without anybody noticing (`docs/adr/0013-…`).
"""

from typing import Literal

from pydantic import Field

from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.ids import ChannelNo, DeviceId, ReplicaId, SessionId, StreamName, Token
from cambus.schemas.model import Done, Instant, Message, example
from cambus.schemas.spans import TimeRange
from cambus.schemas.spec import CommandSpec

SLOWEST = 0.25
FASTEST = 16.0


class PlaybackOpenRequest(Message):
    """Play a stream from an instant on."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream="main",
        start="2026-02-01T12:10:00Z",
        end=None,
        speed=1.0,
        on_touch=True,
        claimant="player-page",
        ttl_s=30.0,
    )

    device: DeviceId = Field(description="The device; it may be offline, or be gone.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which recorded stream.")
    start: Instant = Field(
        description="Where to begin: at the key frame before, or where nothing is recorded at the next recording."
    )
    end: Instant | None = Field(default=None, description="Where to end; None for the end of the recordings.")
    speed: float = Field(
        default=1.0,
        ge=-16,
        le=16,
        description="From 0.25 to 16; negative plays backwards, key frame by key frame.",
    )
    on_touch: bool = Field(
        default=False,
        description="Begin with the first `playback.touch`, so that whoever watches can be listening first.",
    )
    claimant: Token = Field(default="anyone", description="Who watches, for the log.")
    ttl_s: float = Field(
        default=30.0, ge=5, le=3600, description="Seconds until the session ends unless touched."
    )


class PlaybackOpenReply(Message):
    """The playback is open; its frames flow or will."""

    model_config = example(
        session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        stream="s-rec-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        subject="cambus.v1.media.gate-1.0.s-rec-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        replica="recorder-0",
        start="2026-02-01T12:10:00Z",
        ttl_s=30.0,
    )

    session: SessionId = Field(description="Names the playback in the commands that follow.")
    stream: str = Field(description="What to watch it as, at the relay: `live.open` takes it.")
    subject: str = Field(description="Where the frames are published; the last one carries the flag END.")
    replica: ReplicaId = Field(description="The recorder that begins to play.")
    start: Instant = Field(description="Where it begins; later than asked for if nothing is recorded there.")
    ttl_s: float = Field(description="Seconds until the session ends; touch it at a third of that.")


class PlaybackSessionRequest(Message):
    """Names a playback."""

    model_config = example(session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB")

    session: SessionId = Field(description="The session of `playback.open`.")


class PlaybackSeekRequest(PlaybackSessionRequest):
    """Go on playing from elsewhere."""

    model_config = example(session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB", at="2026-02-01T12:15:00Z")

    at: Instant = Field(description="From which instant: the key frame before, or the next recording.")


class PlaybackSpeedRequest(PlaybackSessionRequest):
    """Play faster, slower or backwards."""

    model_config = example(session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB", speed=4.0)

    speed: float = Field(
        ge=-16,
        le=16,
        description="From 0.25 to 16, all pictures up to 2 and key frames above; negative: backwards.",
    )


class PlaybackStepRequest(PlaybackSessionRequest):
    """Show one picture more, and hold."""

    model_config = example(session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB", backwards=False)

    backwards: bool = Field(default=False, description="False: the next picture. True: the key frame before.")


class PlaybackState(Message):
    """How a playback is."""

    model_config = example(
        session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        replica="recorder-0",
        state="playing",
        position="2026-02-01T12:15:02.120Z",
        speed=4.0,
        keyframes_only=True,
        jumped={"start": "2026-02-01T12:13:00Z", "end": "2026-02-01T12:14:10Z"},
    )

    session: SessionId = Field(description="The playback.")
    replica: ReplicaId = Field(description="The recorder that plays it.")
    state: Literal["waiting", "playing", "paused"] = Field(
        description="`waiting`: for its first touch. One that has ended is not found."
    )
    position: Instant = Field(
        description="When what is shown was received; before the first picture the start."
    )
    speed: float = Field(description="The speed; negative backwards.")
    keyframes_only: bool = Field(description="Whether only key frames are shown at this speed.")
    jumped: TimeRange | None = Field(
        default=None,
        description="The last time without recordings that was passed over; None for none so far.",
    )


class PlaybackLocateRequest(Message):
    """Where a playback could go on."""

    model_config = example(
        device="gate-1", channel=0, stream="main", at="2026-02-01T12:15:00Z", backwards=False
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(description="Which recorded stream.")
    at: Instant = Field(description="From which instant.")
    backwards: bool = Field(default=False, description="False: this or the next one. True: what is before.")


class PlaybackLocateReply(Message):
    """What one replica could play next."""

    model_config = example(replica="recorder-1", at="2026-02-01T12:15:00Z", free=30)

    replica: ReplicaId = Field(description="The recorder.")
    at: Instant = Field(description="Where it could go on; the instant asked for, if it is recorded there.")
    free: int = Field(ge=0, description="How many playbacks more it can carry.")


class PlaybackTakeRequest(PlaybackOpenRequest):
    """Go on with a playback another replica leaves, or begin one."""

    model_config = example(
        device="gate-1",
        channel=0,
        start="2026-02-01T12:15:00Z",
        to="recorder-1",
        session="rec-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        paused=False,
        seq=1201,
        pts=4320000,
        jumped=None,
    )

    to: ReplicaId = Field(description="Who is to play; the others say 404.")
    session: SessionId = Field(description="The session, kept.")
    paused: bool = Field(default=False, description="Whether it is held.")
    seq: int = Field(default=0, ge=0, lt=1 << 32, description="Number of the next frame.")
    pts: int = Field(
        default=0, ge=0, lt=1 << 56, description="The time stamp to go on with, in ticks of 90 kHz."
    )
    jumped: TimeRange | None = Field(default=None, description="See `PlaybackState`.")


PLAYBACK_OPEN = CommandSpec(
    "playback",
    "open",
    PlaybackOpenRequest,
    PlaybackOpenReply,
    "Play what the recorders hold onto the bus.",
    service=SERVICE,
)
PLAYBACK_TOUCH = CommandSpec(
    "playback",
    "touch",
    PlaybackSessionRequest,
    PlaybackState,
    "Keep a playback from lapsing, and ask how it is.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
PLAYBACK_PAUSE = CommandSpec(
    "playback",
    "pause",
    PlaybackSessionRequest,
    PlaybackState,
    "Hold a playback.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
PLAYBACK_RESUME = CommandSpec(
    "playback",
    "resume",
    PlaybackSessionRequest,
    PlaybackState,
    "Go on with a playback.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
PLAYBACK_SEEK = CommandSpec(
    "playback",
    "seek",
    PlaybackSeekRequest,
    PlaybackState,
    "Go on playing from another instant.",
    service=SERVICE,
    broadcast=True,
    timeout_s=10.0,
    idempotent=True,
)
PLAYBACK_SPEED = CommandSpec(
    "playback",
    "speed",
    PlaybackSpeedRequest,
    PlaybackState,
    "Play faster, slower or backwards.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
PLAYBACK_STEP = CommandSpec(
    "playback",
    "step",
    PlaybackStepRequest,
    PlaybackState,
    "Hold a playback and show one picture more.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
)
PLAYBACK_STOP = CommandSpec(
    "playback",
    "stop",
    PlaybackSessionRequest,
    Done,
    "End a playback.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
PLAYBACK_LOCATE = CommandSpec(
    "playback",
    "locate",
    PlaybackLocateRequest,
    PlaybackLocateReply,
    "Ask the recorders which of them could go on with a playback; those that hold nothing answer 404.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
PLAYBACK_TAKE = CommandSpec(
    "playback",
    "take",
    PlaybackTakeRequest,
    PlaybackState,
    "Have one replica go on with a playback; between recorders.",
    service=SERVICE,
    broadcast=True,
    timeout_s=5.0,
)
