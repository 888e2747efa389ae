"""What every service can be told from outside: environment variables with the prefix `CAMBUS_`.

A secret is never a variable: variables leak into process lists, crash reports and `docker inspect`. It is
the path of a file, read when it is needed, so that a rotated secret is taken at the next reconnect.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cambus.client.login import LOCAL, Login, default_instance, servers_of
from cambus.schemas.ids import Token


class BusSettings(BaseSettings):
    """The settings all services share; a service derives its own from this."""

    model_config = SettingsConfigDict(
        env_prefix="CAMBUS_", extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    nats_url: Annotated[str, StringConstraints(min_length=1)] = Field(
        default=LOCAL,
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
        _ = self.login
        return self

    @property
    def login(self) -> Login:
        """Where NATS is, and as whom to log in there."""
        return Login(
            servers=servers_of(self.nats_url),
            user=self.nats_user,
            password_file=self.nats_password_file,
            creds_file=self.nats_creds_file,
            nkey_file=self.nats_nkey_file,
            ca_file=self.nats_ca_file,
            cert_file=self.nats_cert_file,
            key_file=self.nats_key_file,
            instance=self.instance,
        )

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
