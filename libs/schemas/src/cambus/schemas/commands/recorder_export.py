"""Exports that take a while: begun, asked about, cancelled. `recording.export` is the same in one call."""

from typing import Literal

from pydantic import Field

from cambus.schemas.commands.recorder import SERVICE, ExportRef, RecordingExportRequest
from cambus.schemas.errors import ErrorReply
from cambus.schemas.ids import ChannelNo, DeviceId, ReplicaId, SessionId, StreamName, Token
from cambus.schemas.model import Done, Instant, Message, example
from cambus.schemas.spans import TimeRange
from cambus.schemas.spec import CommandSpec


class ExportPrepareRequest(RecordingExportRequest):
    """Have one replica prepare an export."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream="main",
        start="2026-02-01T12:10:00Z",
        end="2026-02-01T12:20:00Z",
        to="recorder-0",
        export="exp-01KGE5C8QXG1Z5X0N3V7M4T2RB",
    )

    to: ReplicaId = Field(description="Who is to prepare it; the others say 404.")
    export: SessionId = Field(description="What it is to be called.")


class ExportLendRequest(Message):
    """Have one replica send what it holds of some spans of a stream."""

    model_config = example(
        to="recorder-1",
        device="gate-1",
        channel=0,
        stream="main",
        spans=[{"start": "2026-02-01T12:15:00Z", "end": "2026-02-01T12:20:00Z"}],
    )

    to: ReplicaId = Field(description="Who is to send it; the others say 404.")
    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(description="Which stream.")
    spans: list[TimeRange] = Field(max_length=1000, description="What is wanted, by time.")


class LentFile(Message):
    """The part of a recorded file that is sent: its head, and the fragments that were asked for."""

    model_config = example(
        segment="01KGE4ZJ3E8Q6W7D1M0B5P9T4C", origin="2026-02-01T12:12:00.120Z", bytes=153600000
    )

    segment: Token = Field(description="The segment, as `recording.closed` names it.")
    origin: Instant = Field(description="The instant its times count from.")
    bytes: int = Field(ge=0, description="How many bytes of the transfer are it.")


class ExportLendReply(Message):
    """It may be read, all files one behind the other; see `cambus.schemas.transfer`."""

    model_config = example(
        replica="recorder-1",
        subject="cambus.v1.xfer.lend-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        files=[
            {
                "segment": "01KGE4ZJ3E8Q6W7D1M0B5P9T4C",
                "origin": "2026-02-01T12:12:00.120Z",
                "bytes": 153600000,
            }
        ],
    )

    replica: ReplicaId = Field(description="Who sends it.")
    subject: str = Field(description="Where the chunks are asked for.")
    files: list[LentFile] = Field(description="What is sent, by time.")


class ExportRequest(Message):
    """Names an export."""

    model_config = example(export="exp-01KGE5C8QXG1Z5X0N3V7M4T2RB")

    export: SessionId = Field(description="The export of `export.begin`.")


class ExportState(Message):
    """How an export is."""

    model_config = example(
        export="exp-01KGE5C8QXG1Z5X0N3V7M4T2RB",
        replica="recorder-0",
        state="preparing",
        progress=0.25,
        ref=None,
        error=None,
    )

    export: SessionId = Field(description="The export.")
    replica: ReplicaId = Field(description="The recorder that prepares it.")
    state: Literal["waiting", "preparing", "ready", "failed", "cancelled"] = Field(
        description="`waiting` for its turn; `ready`: it can be fetched."
    )
    progress: float = Field(ge=0, le=1, description="How much of the recordings has been gone through.")
    ref: ExportRef | None = Field(default=None, description="Where to fetch it, once it is ready.")
    error: ErrorReply | None = Field(default=None, description="Why it failed.")


EXPORT_BEGIN = CommandSpec(
    "export",
    "begin",
    RecordingExportRequest,
    ExportState,
    "Have the recorder that holds most of a span of time prepare one MP4 of what all of them hold.",
    service=SERVICE,
)
EXPORT_PREPARE = CommandSpec(
    "export",
    "prepare",
    ExportPrepareRequest,
    ExportState,
    "Have one replica prepare an export; between recorders.",
    service=SERVICE,
    broadcast=True,
    timeout_s=5.0,
    idempotent=True,
)
EXPORT_LEND = CommandSpec(
    "export",
    "lend",
    ExportLendRequest,
    ExportLendReply,
    "Have one replica send its part of an export; between recorders.",
    service=SERVICE,
    broadcast=True,
    timeout_s=15.0,
    idempotent=True,
)
EXPORT_STATUS = CommandSpec(
    "export",
    "status",
    ExportRequest,
    ExportState,
    "Ask how an export is.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
EXPORT_CANCEL = CommandSpec(
    "export",
    "cancel",
    ExportRequest,
    Done,
    "Give an export up, or no longer hand it out.",
    service=SERVICE,
    broadcast=True,
    timeout_s=3.0,
    idempotent=True,
)
