"""The recorder: keeping recordings from being deleted."""

from pydantic import Field

from cambus.schemas.commands.recorded_time import RecordedTimeRequest
from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.ids import ReplicaId, Token
from cambus.schemas.model import Message, example
from cambus.schemas.spec import CommandSpec


class RecordedLockRequest(RecordedTimeRequest):
    """Name recordings of a device by the time they are of, or one by its id; whole files are meant always."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream=None,
        start="2026-02-01T12:10:00Z",
        end="2026-02-01T12:20:00Z",
        segment=None,
    )

    segment: Token | None = Field(
        default=None, description="Only this segment, as `recording.closed` names it."
    )


class RecordedLockReply(Message):
    """What one replica locked or unlocked; add up those of all."""

    model_config = example(replica="recorder-0", segments=3, bytes=461000000)

    replica: ReplicaId = Field(description="The recorder.")
    segments: int = Field(ge=0, description="How many files it holds of what was named.")
    bytes: int = Field(ge=0, description="Their size in bytes.")


RECORDING_LOCK = CommandSpec(
    "recording",
    "lock",
    RecordedLockRequest,
    RecordedLockReply,
    "Keep recordings: they are never too old or too many, and go last when the disk is full.",
    service=SERVICE,
    broadcast=True,
    idempotent=True,
)
RECORDING_UNLOCK = CommandSpec(
    "recording",
    "unlock",
    RecordedLockRequest,
    RecordedLockReply,
    "Let recordings go when their time has come.",
    service=SERVICE,
    broadcast=True,
    idempotent=True,
)
