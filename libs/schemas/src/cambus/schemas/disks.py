"""What a device stores on."""

from typing import Literal

from pydantic import Field

from cambus.schemas.model import Instant, Message, Vocabulary, example

DiskKind = Literal["hdd", "sd", "nas", "usb", "other"]
"""What a disk is."""

PartitionRole = Literal["read-write", "read-only", "redundant", "snapshot"]
"""What a partition is used for."""


class DiskState(Vocabulary):
    """How a disk or partition is."""

    OK = "ok"
    IDLE = "idle"
    FULL = "full"
    UNFORMATTED = "unformatted"
    FORMATTING = "formatting"
    ERROR = "error"
    MISSING = "missing"


class Partition(Message):
    """One partition of a disk."""

    model_config = example(
        partition=0,
        role="read-write",
        current=True,
        state="ok",
        total_bytes=2_000_000_000_000,
        free_bytes=12_000_000_000,
        oldest="2026-01-04T08:00:00Z",
        newest="2026-02-01T12:17:00Z",
    )

    partition: int = Field(ge=0, description="Its number on the disk, from 0.")
    role: PartitionRole | None = Field(default=None, description="What it is used for.")
    current: bool | None = Field(default=None, description="Whether the device writes to it now.")
    state: DiskState = Field(default=DiskState.OK, description="How it is.")
    total_bytes: int = Field(ge=0, description="Size in bytes.")
    free_bytes: int = Field(
        ge=0, description="Free space in bytes; 0 is normal when old recordings are overwritten."
    )
    oldest: Instant | None = Field(default=None, description="Start of the oldest recording on it.")
    newest: Instant | None = Field(default=None, description="End of the newest recording on it.")
    native_state: str | None = Field(default=None, description="The state in the device's own code or words.")


class Disk(Message):
    """One disk, card or network volume of a device."""

    model_config = example(
        disk=0,
        name="SATA 1",
        kind="hdd",
        state="ok",
        total_bytes=2_000_000_000_000,
        free_bytes=12_000_000_000,
        progress_percent=None,
        partitions=[],
    )

    disk: int = Field(ge=0, description="Its number, from 0.")
    name: str = Field(default="", description="Its name on the device; untrusted text.")
    kind: DiskKind = Field(default="hdd", description="What it is.")
    state: DiskState = Field(description="How it is.")
    total_bytes: int = Field(ge=0, description="Size in bytes.")
    free_bytes: int = Field(ge=0, description="Free space in bytes.")
    progress_percent: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="How far formatting is, in percent; None if it is not formatted now.",
    )
    partitions: list[Partition] = Field(
        default_factory=list, description="Its partitions, where the device has any."
    )
    native_state: str | None = Field(default=None, description="The state in the device's own code or words.")
