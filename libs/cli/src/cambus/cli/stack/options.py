"""What a stack runs, where it keeps things, and what each service is told."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cambus.bus.assets import MIB, configurations
from cambus.cli.stack.ports import free_or_any

SERVICES: Final = (
    "connector-dvrip",
    "connector-gb28181",
    "connector-rtsp",
    "media-relay",
    "recorder",
    "alarm-router",
    "upgrade-manager",
)
SERVICE_GRACE_S: Final = 12.0
"""How long services that use devices have to end, before they are killed; in seconds."""
CONNECTOR_GRACE_S: Final = 8.0
"""The same for connectors and simulated devices, which end after those. NATS has ten seconds after them."""
SPARE_S: Final = 1.5
KEEP_DISK_FREE_MIB: Final = 256
SMALLEST_BUDGET_MIB: Final = 256
CONNECTOR: Final = "connector-"
ASKED_BUDGET: Final = "CAMBUS_JETSTREAM_BUDGET_MIB"
ASKED_FOR: Final = ("CAMBUS_DISK_RESERVE_MIB", ASKED_BUDGET, "CAMBUS_LOG_FORMAT")
"""Variables of our own environment that count instead of what is usual here."""


class StackFailedError(Exception):
    """The suite did not come up; the message says which part and where its log is."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to run and where.

    Attributes:
        data_dir: folder of everything that is kept: the store of NATS, recordings, outboxes, keys, logs.
        nats_port: 0 takes a free one, and so does a port that is taken.
        relay_http_port: of the player page, likewise.
        relay_rtsp_port: likewise.
        sip_port: GB/T 28181 devices register at, likewise.
        webrtc_port: of the relay, UDP, likewise.
        services: which services.
        environment: further variables for all of them, such as `CAMBUS_LOG_LEVEL`.
    """

    data_dir: Path
    nats_port: int = 4222
    relay_http_port: int = 8080
    relay_rtsp_port: int = 8554
    sip_port: int = 5060
    webrtc_port: int = 8189
    services: Sequence[str] = SERVICES
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def credentials_key_file(self) -> Path:
        """The key device credentials are sealed with."""
        return self.data_dir / "credentials.key"

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.data_dir / "logs" / f"{name}.log"


def command_of(service: str) -> tuple[str, ...]:
    """Return the command line of a service.

    Raises:
        StackFailedError: it is not installed.
    """
    module = f"cambus.{service.replace('-', '_')}"
    if importlib.util.find_spec(module) is None:
        raise StackFailedError(f"{service} is not installed: pip install cambus-{service}")
    return (sys.executable, "-m", module)


def grace_of(name: str) -> float:
    """How long a process has to end, in seconds; what is no service has as long as a connector."""
    uses_devices = name in SERVICES and not name.startswith(CONNECTOR)
    return SERVICE_GRACE_S if uses_devices else CONNECTOR_GRACE_S


def environment_of(service: str, options: StackOptions, nats_url: str, monitor_url: str) -> dict[str, str]:
    """Return the variables a service is started with."""
    values = {
        "CAMBUS_NATS_URL": nats_url,
        "CAMBUS_NATS_MONITOR_URL": monitor_url,
        "CAMBUS_INSTANCE": f"{service}-0",
        "CAMBUS_DATA_DIR": str(options.data_dir.absolute() / service),
        "CAMBUS_HTTP_HOST": "127.0.0.1",
        "CAMBUS_HTTP_PORT": "0",
        "CAMBUS_DRAIN_TIMEOUT_S": f"{grace_of(service) - SPARE_S:g}",
        "CAMBUS_LOG_FORMAT": "console",
    }
    match service:
        case "media-relay":
            values["CAMBUS_RELAY_HLS_FOLDER"] = str(options.data_dir.absolute() / service / "segments")
            values["CAMBUS_RELAY_HTTP_PORT"] = str(free_or_any(options.relay_http_port))
            values["CAMBUS_RELAY_RTSP_PORT"] = str(free_or_any(options.relay_rtsp_port))
            values["CAMBUS_RELAY_WEBRTC_PORT"] = str(free_or_any(options.webrtc_port, datagrams=True))
        case "connector-gb28181":
            values["CAMBUS_GB28181_PORT"] = str(free_or_any(options.sip_port, datagrams=True))
            values["CAMBUS_GB28181_MEDIA_ALLOW_LOOPBACK"] = "true"
        case "recorder":
            values["CAMBUS_DISK_RESERVE_MIB"] = str(KEEP_DISK_FREE_MIB)
    if service == "alarm-router" or service.startswith(CONNECTOR):
        values["CAMBUS_CREDENTIALS_KEY_FILE"] = str(options.credentials_key_file.absolute())
    asked_for = {name: os.environ[name] for name in ASKED_FOR if name in os.environ}
    return {**values, **asked_for, **options.environment}


def budget_of(options: StackOptions) -> int | None:
    """How much JetStream may take, in MiB: what is asked for, else what fits on the disk; None for the usual sizes.

    Raises:
        StackFailedError: what is asked for is no number, or too little.
    """
    for variables in (options.environment, os.environ):
        if ASKED_BUDGET in variables:
            asked = variables[ASKED_BUDGET]
            if not asked.isdecimal() or int(asked) < SMALLEST_BUDGET_MIB:
                raise StackFailedError(
                    f"{ASKED_BUDGET}: want {SMALLEST_BUDGET_MIB} or more (MiB), got {asked}"
                )
            return int(asked)
    return jetstream_budget_mib(shutil.disk_usage(options.data_dir).free)


def jetstream_budget_mib(free_bytes: int) -> int | None:
    """How much JetStream may take on a disk that has so much left; None if the usual sizes fit well."""
    usual = sum(config["max_bytes"] for config in configurations(1))
    half = free_bytes // 2
    return None if half >= usual else max(SMALLEST_BUDGET_MIB, half // MIB)
