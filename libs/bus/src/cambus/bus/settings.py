"""What every service can be told from outside: environment variables with the prefix `CAMBUS_`.

A secret is never a variable: variables leak into process lists, crash reports and `docker inspect`. It is
the path of a file, read when it is needed, so that a rotated secret is taken at the next reconnect.
"""

import re
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cambus.schemas.ids import Token, is_token

MAX_SECRET_BYTES = 64 * 1024


def read_secret(path: Path) -> str:
    """Return the text of a secret's file without the newline an editor leaves.

    Raises:
        ValueError: the file is empty or larger than 64 KiB; the message names the file, never its content.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if not data.strip() or len(data) > MAX_SECRET_BYTES:
        raise ValueError(f"{path}: wanted a secret of 1 to {MAX_SECRET_BYTES} bytes")
    return data.decode("utf-8").rstrip("\r\n")


def default_instance() -> str:
    """The host name as a token: in Kubernetes the pod's name, stable for a StatefulSet."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:64]
    return name if is_token(name) else "local"


class BusSettings(BaseSettings):
    """The settings all services share; a service derives its own from this."""

    model_config = SettingsConfigDict(
        env_prefix="CAMBUS_", extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    nats_url: Annotated[str, StringConstraints(min_length=1)] = Field(
        default="nats://127.0.0.1:4222",
        description="NATS servers, comma separated: nats://, tls://, ws:// or wss://. No credentials in it.",
    )
    nats_user: str | None = Field(default=None, description="NATS user name.")
    nats_password_file: Path | None = Field(default=None, description="File with the NATS password.")
    nats_creds_file: Path | None = Field(
        default=None, description="NATS .creds file (user JWT and seed), instead of user and password."
    )
    nats_nkey_file: Path | None = Field(
        default=None, description="File with the seed (SU…) of our NATS user, instead of user and password."
    )
    nats_ca_file: Path | None = Field(
        default=None, description="Certificate authority that signed the NATS server's certificate (PEM)."
    )
    nats_cert_file: Path | None = Field(default=None, description="Our client certificate for NATS (PEM).")
    nats_key_file: Path | None = Field(default=None, description="The key of that certificate (PEM).")
    nats_monitor_url: str | None = Field(
        default=None,
        description="NATS monitoring address (http://nats:8222), asked whether every write is synced.",
    )
    jetstream_replicas: Annotated[int, Field(ge=1, le=5)] = Field(
        default=1, description="Copies of every stream and bucket this service creates; 3 in production."
    )
    jetstream_budget_mib: Annotated[int, Field(ge=256)] | None = Field(
        default=None,
        description="MiB that all streams and buckets may take together, on each server that holds copies; "
        "about 6000 when not set.",
    )
    create_assets: bool = Field(
        default=True, description="Create missing streams and buckets at start; needs the permission to."
    )
    http_host: str = Field(
        default="127.0.0.1", description="Address of the HTTP port: /metrics /livez /readyz and more."
    )
    http_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=0, description="The HTTP port; 0 takes a free one and logs it."
    )
    instance: Token = Field(
        default_factory=default_instance,
        description="Stable name of this replica: the owner in leases and presence. Default: the host name.",
    )
    data_dir: Path = Field(
        default=Path("var"), description="Folder for what must survive a restart (the outbox …)."
    )
    lease_history: Path | None = Field(
        default=None,
        description="File to which everything that happens to the leases of this process is appended, one of its own "
        "for each process; for finding out afterwards who owned what. Off when not set.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important log lines to write."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="One JSON object a line, or text for people."
    )
    drain_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=25.0, description="How long a stop may take before the process ends anyway, in seconds."
    )

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        if self.nats_password_file and not self.nats_user:
            raise ValueError("nats_password_file needs nats_user")
        if sum(each is not None for each in (self.nats_creds_file, self.nats_nkey_file, self.nats_user)) > 1:
            raise ValueError("nats_creds_file, nats_nkey_file and nats_user exclude each other")
        if bool(self.nats_cert_file) != bool(self.nats_key_file):
            raise ValueError("nats_cert_file and nats_key_file come together")
        if any("@" in server for server in self.nats_servers):
            raise ValueError("nats_url: credentials belong into nats_user and nats_password_file")
        return self

    @property
    def nats_servers(self) -> list[str]:
        """The addresses in `nats_url`, one by one."""
        return [server for part in self.nats_url.split(",") if (server := part.strip())]

    def check_files(self) -> list[str]:
        """Return what is wrong with the files the settings name; empty if every one can be read."""
        problems = []
        for name in type(self).model_fields:
            path = getattr(self, name)
            if isinstance(path, Path) and name.endswith("_file"):
                try:
                    path.open("rb").close()
                except OSError as error:
                    problems.append(f"{name}: {path}: {error.strerror}")
        return problems
