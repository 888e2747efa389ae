"""What recorder can be told from outside."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from cambus.bus.settings import BusSettings
from cambus.recorder.copy_names import CopyNames
from cambus.recorder.copy_store import check_url


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

    copy_url: str | None = Field(
        default=None,
        description="Where recordings are copied that policies say so of: s3://bucket/prefix or file:///folder.",
    )
    copy_endpoint: str | None = Field(
        default=None, description="Address of an S3-compatible storage; None for the one of Amazon."
    )
    copy_region: str = Field(default="us-east-1", description="Region of the bucket.")
    copy_key_id_file: Path | None = Field(
        default=None, description="File with the id of the access key; with copy_secret_file."
    )
    copy_secret_file: Path | None = Field(default=None, description="File with the secret access key.")
    copy_ca_file: Path | None = Field(
        default=None, description="CA certificates the storage's certificate is checked against too (PEM)."
    )
    copy_name: str = Field(
        default="{device}/{channel}/{stream}/{date}/{start}-{id}.{ext}",
        description="Names of the copies below the URL.",
    )
    copy_concurrency: Annotated[int, Field(ge=1, le=16)] = Field(
        default=2, description="Segments that are copied at the same time."
    )
    copy_mbit_s: Annotated[float, Field(ge=0, le=100_000)] = Field(
        default=0.0, description="Mbit/s that all copies take together; 0 for no bound."
    )
    copy_alarm_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=600.0, description="Seconds without a copy that succeeds after which an alarm is raised."
    )

    @model_validator(mode="after")
    def _copies_fit(self) -> Self:
        CopyNames(self.copy_name)
        if self.copy_url is not None:
            check_url(self.copy_url)
        if bool(self.copy_key_id_file) != bool(self.copy_secret_file):
            raise ValueError("copy_key_id_file and copy_secret_file come together")
        if self.copy_endpoint and "@" in self.copy_endpoint:
            raise ValueError("copy_endpoint: credentials belong into files")
        return self

    @property
    def recordings(self) -> Path:
        """Where the recordings are."""
        return self.recordings_dir or self.data_dir / "recordings"
