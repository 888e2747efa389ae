"""The recorder: recording by hand, and what every replica is at."""

from pydantic import Field

from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.ids import ChannelNo, DeviceId, ReplicaId, StreamName, Token
from cambus.schemas.model import Done, Empty, Instant, Message, example
from cambus.schemas.spans import RecordingTrigger
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.recorders import ManualRecording


class RecordingStartRequest(Message):
    """Have a stream recorded for a while, whatever the policies say."""

    model_config = example(device="gate-1", channel=0, stream="main", claimant="guard-7", duration_s=600.0)

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which stream.")
    claimant: Token = Field(description="Who wants it; the same name again sets a new end.")
    duration_s: float = Field(default=600.0, gt=0, le=86400, description="For how many seconds from now.")
    pre_roll_s: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="And so many seconds from before, as far as a policy with a pre-roll has the recorder keep them.",
    )


class RecordingStopRequest(Message):
    """Take such a wish back."""

    model_config = example(device="gate-1", channel=0, stream="main", claimant="guard-7")

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which stream.")
    claimant: Token = Field(description="Whose wish.")


class RecordingStream(Message):
    """One stream a recorder has in hand."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream="main",
        state="recording",
        trigger="alarm",
        until="2026-02-01T12:17:22.100Z",
        manual=[],
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(description="Which stream.")
    state: str = Field(
        description="`recording`; `missing` if it should be and nothing comes; `waiting` for an alarm; "
        "`standby` to take it over from another replica."
    )
    trigger: RecordingTrigger | None = Field(default=None, description="Why it is to be recorded now.")
    until: Instant | None = Field(
        default=None, description="Up to when it is on the disk; None if not at all."
    )
    manual: list[ManualRecording] = Field(default_factory=list, description="Who asked for it by hand.")


class CopyingState(Message):
    """How far a recorder is with copying its recordings to the object storage."""

    model_config = example(
        pending=3,
        oldest="2026-02-01T12:15:00Z",
        copied=1204,
        copied_bytes=184549376000,
        lost=0,
        failing_since="2026-02-01T12:20:00Z",
        error="403 from the storage",
    )

    pending: int = Field(ge=0, description="Segments that are still to be copied.")
    oldest: Instant | None = Field(default=None, description="When the oldest of them begins.")
    copied: int = Field(ge=0, description="Segments copied since the recorder was started.")
    copied_bytes: int = Field(ge=0, description="Bytes of those copies.")
    lost: int = Field(
        ge=0, description="Segments deleted before they were copied as the disk was full, since the start."
    )
    failing_since: Instant | None = Field(default=None, description="Since when no copy succeeds.")
    error: str | None = Field(default=None, description="Why the last one failed, while none succeeds.")


class RecorderStreamsReply(Message):
    """What one recorder has in hand."""

    model_config = example(
        replica="recorder-0",
        streams=[{"device": "gate-1", "channel": 0, "stream": "main", "state": "waiting"}],
        bytes=500_000_000_000,
        free_bytes=120_000_000_000,
        disk_full=False,
    )

    replica: ReplicaId = Field(description="The recorder.")
    streams: list[RecordingStream] = Field(description="Its streams, by device, channel and stream.")
    bytes: int = Field(ge=0, description="Bytes of all its recordings.")
    free_bytes: int = Field(ge=0, description="Bytes free on its disk.")
    disk_full: bool = Field(default=False, description="Whether less is free than is to be left.")
    copying: CopyingState | None = Field(
        default=None,
        description="How far its copies to the object storage are; None if there is no such storage.",
    )


RECORDING_START = CommandSpec(
    "recording",
    "start",
    RecordingStartRequest,
    ManualRecording,
    "Record a stream for a while, by hand.",
    service=SERVICE,
    idempotent=True,
)
RECORDING_STOP = CommandSpec(
    "recording",
    "stop",
    RecordingStopRequest,
    Done,
    "End such a recording early.",
    service=SERVICE,
    idempotent=True,
)
STREAMS_LIST = CommandSpec(
    "streams",
    "list",
    Empty,
    RecorderStreamsReply,
    "List what the recorders have in hand, and how full their disks are.",
    service=SERVICE,
    broadcast=True,
    timeout_s=5.0,
    idempotent=True,
)
