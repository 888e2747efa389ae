"""What recorder can be told from outside."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cambus.bus.settings import BusSettings


class RecorderSettings(BusSettings):
    """The settings of recorder."""

    recordings_dir: Path | None = Field(
        default=None, description="Folder of the recordings and their index; `recordings` in the data folder."
    )
    sync_interval_s: Annotated[float, Field(ge=0.2, le=10)] = Field(
        default=1.0, description="Seconds of media written and made durable at a time; a crash costs no more."
    )
    queue_mib: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=32,
        description="MiB of one stream that may wait for a slow disk; beyond it a gap is recorded.",
    )
    pre_roll_mib: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=32,
        description="MiB of one stream kept in memory at most, to begin recordings with what came before an alarm.",
    )
    hand_over_s: Annotated[float, Field(ge=0, le=15)] = Field(
        default=3.0,
        description="Seconds a stream that goes to another replica is recorded on, so that none of it is missing.",
    )
    lease_ttl_s: Annotated[int, Field(ge=2, le=300)] = Field(
        default=25, description="Seconds after which a replica that died has lost its streams to the others."
    )
    lease_margin_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=3.0, description="Seconds before that in which a replica stops to believe in its own lease."
    )
    disk_reserve_mib: Annotated[int, Field(ge=0)] = Field(
        default=1024,
        description="MiB to leave free on the disk; the oldest recordings go first, or recording stops.",
    )
    retention_interval_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=30.0, description="Seconds between two looks at what is to be deleted."
    )
    writer_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="Threads that write and sync files."
    )
    export_url: str | None = Field(
        default=None,
        description="Address under which clients reach this replica's HTTP port; where it listens by default.",
    )
    export_ttl_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=3600.0, description="Seconds an export can be fetched."
    )
    export_max_hours: Annotated[float, Field(gt=0, le=168)] = Field(
        default=24.0, description="Hours of recordings one export may hold."
    )
    playback_sessions: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=32, description="Recordings this replica plays at the same time."
    )

    @property
    def recordings(self) -> Path:
        """Where the recordings are."""
        return self.recordings_dir or self.data_dir / "recordings"
