"""Exports that take a while: begun, asked about, cancelled. `recording.export` is the same in one call."""

from typing import Literal

from pydantic import Field

from cambus.schemas.commands.recorder import SERVICE, ExportRef, RecordingExportRequest
from cambus.schemas.errors import ErrorReply
from cambus.schemas.ids import ReplicaId, SessionId
from cambus.schemas.model import Done, Message, example
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
    "Have the recorder that holds most of a span of time prepare an MP4 of it.",
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
