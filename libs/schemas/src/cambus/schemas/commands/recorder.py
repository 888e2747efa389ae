"""The recorder: what it holds, and what it is to record."""

from typing import Literal

from pydantic import Field

from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.commands.recorded_time import RecordedTimeRequest
from cambus.schemas.ids import ChannelNo, DeviceId, EventId, ReplicaId, StreamName, Token
from cambus.schemas.model import Done, Empty, Instant, Message, example
from cambus.schemas.spans import RecordedSpan, RecordingGap, TimeRange
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.recording_policy import RecordingPolicy

SERVICE = "recorder"


class RecordedFindRequest(RecordedTimeRequest):
    """Ask what is recorded of a device."""

    model_config = example(
        device="gate-1", channel=0, stream=None, start="2026-02-01T00:00:00Z", end="2026-02-02T00:00:00Z"
    )

    limit: int = Field(
        default=5000, ge=1, le=5000, description="At most about so many spans, and so many gaps."
    )


class RecordedFindReply(Message):
    """What one replica holds; ask all of them and merge."""

    model_config = example(
        replica="recorder-0",
        spans=[
            {
                "channel": 0,
                "stream": "main",
                "start": "2026-02-01T12:00:00Z",
                "end": "2026-02-01T13:00:00Z",
                "bytes": 1843200000,
            }
        ],
        gaps=[
            {
                "channel": 0,
                "stream": "main",
                "start": "2026-02-01T13:00:00Z",
                "end": "2026-02-01T13:00:42Z",
                "reason": "device-offline",
            }
        ],
        truncated=False,
    )

    replica: ReplicaId = Field(description="The recorder.")
    spans: list[RecordedSpan] = Field(
        description="What it holds, by channel, stream and time; cut to the question."
    )
    gaps: list[RecordingGap] = Field(
        default_factory=list, description="What it should have recorded and did not."
    )
    truncated: bool = Field(
        default=False,
        description="True if there is more than fits; ask for less time, or from `complete_until` on.",
    )
    complete_until: Instant | None = Field(
        default=None, description="Up to when this is everything, if there is more than fits."
    )


class FoundSpan(RecordedSpan):
    """A span without a gap, whichever recorders hold it."""

    model_config = example(
        start="2026-02-01T12:00:00Z",
        end="2026-02-01T13:00:00Z",
        channel=0,
        stream="main",
        bytes=1843200000,
        replicas=["recorder-0", "recorder-1"],
    )

    replicas: list[ReplicaId] = Field(description="Who holds parts of it, the first part first.")


class FoundAlarm(Message):
    """An alarm in the time that was searched."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        channel=0,
        type="motion",
        severity="info",
        start="2026-02-01T12:17:22.100Z",
        end="2026-02-01T12:17:40.100Z",
        text="Motion at North gate",
    )

    id: EventId = Field(description="The event `alarm.raised`.")
    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for the device as a whole."
    )
    type: AlarmType = Field(description="What it is about.")
    severity: Severity = Field(description="How bad it is.")
    start: Instant = Field(description="When it was raised.")
    end: Instant | None = Field(
        default=None,
        description="When it was over; None if it happened in an instant, goes on or is not known.",
    )
    text: str = Field(default="", description="One sentence; may hold untrusted text of the device.")


class RecordingSearchRequest(RecordedTimeRequest):
    """Search what all recorders hold of a device, and its alarms."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream=None,
        start="2026-02-01T00:00:00Z",
        end="2026-02-02T00:00:00Z",
        alarms=True,
        limit=500,
        cursor=None,
    )

    alarms: bool = Field(default=True, description="Whether the alarms in that time are wanted too.")
    limit: int = Field(
        default=500,
        ge=1,
        le=2000,
        description="At most so many spans, gaps and alarms together; a few more where several begin at one instant.",
    )
    cursor: Instant | None = Field(default=None, description="From the previous page; None for the first.")


class RecordingSearchReply(Message):
    """One page of what is recorded, by time. A span that goes on beyond it goes on on the next page."""

    model_config = example(
        spans=[
            {
                "channel": 0,
                "stream": "main",
                "start": "2026-02-01T12:00:00Z",
                "end": "2026-02-01T13:00:00Z",
                "bytes": 1843200000,
                "replicas": ["recorder-0"],
            }
        ],
        gaps=[
            {
                "channel": 0,
                "stream": "main",
                "start": "2026-02-01T13:00:00Z",
                "end": "2026-02-01T13:00:42Z",
                "reason": "device-offline",
            }
        ],
        alarms=[
            {
                "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
                "channel": 0,
                "type": "motion",
                "severity": "info",
                "start": "2026-02-01T12:17:22.100Z",
                "end": None,
            }
        ],
        alarms_known=True,
        answered=["recorder-0"],
        silent=["recorder-1"],
        cursor=None,
    )

    spans: list[FoundSpan] = Field(description="What is held, by channel, stream and time.")
    gaps: list[RecordingGap] = Field(description="What should have been recorded and is held nowhere.")
    alarms: list[FoundAlarm] = Field(
        default_factory=list, description="The alarms, by time, as far back as the stream of events goes."
    )
    alarms_known: bool = Field(
        default=True, description="False if the alarms could not be read, or were not asked for."
    )
    answered: list[ReplicaId] = Field(description="The recorders whose answers are in this.")
    silent: list[ReplicaId] = Field(
        description="The recorders that did not answer: what they hold is missing here, and may show as a gap."
    )
    cursor: Instant | None = Field(
        default=None, description="Pass it on for the next page; None if this was the last."
    )


class RecordingExportRequest(Message):
    """Ask for one MP4 of a span of time."""

    model_config = example(
        device="gate-1", channel=0, stream="main", start="2026-02-01T12:10:00Z", end="2026-02-01T12:20:00Z"
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which stream.")
    start: Instant = Field(description="From when; it begins at the key frame before.")
    end: Instant = Field(description="Until when.")
    gaps: Literal["keep", "close"] = Field(
        default="keep",
        description="What becomes of times without recordings: the picture stands still for as long, or they are left "
        "out. Six hours and more are always left out.",
    )
    container: Literal["mp4", "ts"] = Field(
        default="mp4", description="MP4 with its index in front, or MPEG-TS with its sound as AAC."
    )


class ExportRef(Message):
    """Where to fetch the export, by HTTP with ranges. The address may hold a token: keep it."""

    model_config = example(
        url="http://recorder-0.example.org:8082/exports/01KGE5C8QXG1Z5X0N3V7M4T2RB.mp4",
        start="2026-02-01T12:09:58.120Z",
        end="2026-02-01T12:20:00Z",
        bytes=307200000,
        covered=[{"start": "2026-02-01T12:09:58.120Z", "end": "2026-02-01T12:20:00Z"}],
        replica="recorder-0",
        replicas=["recorder-0", "recorder-1"],
        gaps=[],
        silent=[],
        expires_at="2026-02-01T13:30:00Z",
    )

    url: str = Field(description="Where to fetch it.", repr=False)
    start: Instant = Field(description="First instant in it.")
    end: Instant = Field(description="First instant no longer in it.")
    bytes: int = Field(ge=0, description="Its size in bytes.")
    covered: list[TimeRange] = Field(description="What of the time is in it; the rest was not recorded.")
    replica: ReplicaId | None = Field(default=None, description="The recorder that serves it.")
    replicas: list[ReplicaId] = Field(
        default_factory=list, description="The recorders whose recordings are in it, as far as is told."
    )
    gaps: list[RecordingGap] = Field(
        default_factory=list, description="What should have been recorded and is not in it, and why."
    )
    silent: list[ReplicaId] = Field(
        default_factory=list,
        description="The recorders that did not answer, or not to the end: what they hold is missing.",
    )
    expires_at: Instant | None = Field(
        default=None, description="When the address stops working; None if it does not."
    )


class PolicySetRequest(Message):
    """Write a recording policy."""

    model_config = example(policy={"id": "gates", "match": {"devices": ["gate-*"]}, "mode": "continuous"})

    policy: RecordingPolicy = Field(description="The policy; replaces the one of the same id.")


class PolicyListReply(Message):
    """The recording policies."""

    model_config = example(policies=[{"id": "gates", "match": {"devices": ["gate-*"]}, "mode": "continuous"}])

    policies: list[RecordingPolicy] = Field(description="The policies, by id.")


class PolicyDeleteRequest(Message):
    """Forget a recording policy; what it recorded stays until its time is over."""

    model_config = example(id="gates")

    id: Token = Field(description="The policy.")


RECORDING_FIND = CommandSpec(
    "recording",
    "find",
    RecordedFindRequest,
    RecordedFindReply,
    "Ask each recorder what it holds; `recording.search` makes one answer of it.",
    service=SERVICE,
    broadcast=True,
    timeout_s=10.0,
    idempotent=True,
)
RECORDING_SEARCH = CommandSpec(
    "recording",
    "search",
    RecordingSearchRequest,
    RecordingSearchReply,
    "Search what all recorders hold, and the alarms in that time, in one answer.",
    service=SERVICE,
    timeout_s=15.0,
    idempotent=True,
)
RECORDING_EXPORT = CommandSpec(
    "recording",
    "export",
    RecordingExportRequest,
    ExportRef,
    "Get one MP4 of what a replica itself holds of a span of time, of each; those that hold nothing answer 404. "
    "`export.begin` makes one of all.",
    service=SERVICE,
    broadcast=True,
    timeout_s=30.0,
    idempotent=True,
)
POLICY_SET = CommandSpec(
    "policy", "set", PolicySetRequest, Done, "Write a recording policy.", service=SERVICE, idempotent=True
)
POLICY_LIST = CommandSpec(
    "policy", "list", Empty, PolicyListReply, "List the recording policies.", service=SERVICE, idempotent=True
)
POLICY_DELETE = CommandSpec(
    "policy",
    "delete",
    PolicyDeleteRequest,
    Done,
    "Forget a recording policy.",
    service=SERVICE,
    idempotent=True,
)
