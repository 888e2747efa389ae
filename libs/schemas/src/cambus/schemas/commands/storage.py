"""The device's disks."""

from pydantic import Field

from cambus.schemas.disks import Disk, PartitionRole
from cambus.schemas.model import Confirmed, Done, Empty, Message, example
from cambus.schemas.spec import CommandSpec


class StorageListReply(Message):
    """The device's disks."""

    model_config = example(
        disks=[{"disk": 0, "name": "SATA 1", "state": "ok", "total_bytes": 2000000000000, "free_bytes": 0}]
    )

    disks: list[Disk] = Field(description="The disks.")


class StorageFormatRequest(Message):
    """Delete everything on a disk or partition."""

    model_config = example(disk=0, partition=None, confirm=True)

    disk: int | None = Field(default=None, ge=0, description="The disk, from 0; None for every disk.")
    partition: int | None = Field(
        default=None, ge=0, description="The partition, from 0; None for the whole disk."
    )
    confirm: Confirmed = Field(description="Must be true: every recording on it is lost.")


class StorageFormatReply(Message):
    """Formatting is done or under way."""

    model_config = example(done=False)

    done: bool = Field(description="False if it goes on; `device.storage.list` tells how far it is.")


class StorageSetRequest(Message):
    """Change what a partition is used for."""

    model_config = example(disk=1, partition=0, role="redundant")

    disk: int = Field(ge=0, description="The disk, from 0.")
    partition: int = Field(default=0, ge=0, description="The partition, from 0.")
    role: PartitionRole = Field(description="What it is to be used for.")


class StorageRecoverRequest(Message):
    """Let the device repair a partition after errors."""

    model_config = example(disk=0, partition=0)

    disk: int = Field(ge=0, description="The disk, from 0.")
    partition: int = Field(default=0, ge=0, description="The partition, from 0.")


class StoragePartitionRequest(Message):
    """Divide a disk anew."""

    model_config = example(
        disk=0, recording_bytes=1_900_000_000_000, snapshot_bytes=100_000_000_000, confirm=True
    )

    disk: int = Field(ge=0, description="The disk, from 0.")
    recording_bytes: int = Field(ge=0, description="Bytes for recordings.")
    snapshot_bytes: int = Field(default=0, ge=0, description="Bytes for pictures.")
    confirm: Confirmed = Field(description="Must be true: every recording on it is lost.")


LIST = CommandSpec(
    "device", "storage.list", Empty, StorageListReply, "List the disks.", timeout_s=30.0, idempotent=True
)
FORMAT = CommandSpec(
    "device",
    "storage.format",
    StorageFormatRequest,
    StorageFormatReply,
    "Delete everything on a disk or partition.",
    timeout_s=120.0,
    confirm=True,
)
SET = CommandSpec(
    "device",
    "storage.set",
    StorageSetRequest,
    Done,
    "Change what a partition is used for.",
    timeout_s=60.0,
    idempotent=True,
)
RECOVER = CommandSpec(
    "device", "storage.recover", StorageRecoverRequest, Done, "Repair a partition.", timeout_s=60.0
)
PARTITION = CommandSpec(
    "device",
    "storage.partition",
    StoragePartitionRequest,
    Done,
    "Divide a disk anew, deleting everything on it.",
    timeout_s=60.0,
    confirm=True,
)
