"""Every service of the suite in this process, on one NATS server: for what is the same in all of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from cambus.alarm_router.service import AlarmRouter
from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.bus.in_process import RunningService
from cambus.bus.runner import watch_all
from cambus.bus.sealing import KeyRing
from cambus.bus.service import Service
from cambus.bus.settings import BusSettings
from cambus.connector_dvrip.service import DvripConnector
from cambus.connector_dvrip.settings import DvripSettings
from cambus.connector_gb28181.service import Gb28181Connector
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.connector_rtsp.service import RtspConnector
from cambus.connector_rtsp.settings import RtspSettings
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.upgrade_manager.service import UpgradeManager
from cambus.upgrade_manager.settings import UpgradeManagerSettings

_KINDS: Final[tuple[tuple[type[Service[Any]], type[BusSettings]], ...]] = (
    (DvripConnector, DvripSettings),
    (Gb28181Connector, Gb28181Settings),
    (RtspConnector, RtspSettings),
    (MediaRelay, RelaySettings),
    (Recorder, RecorderSettings),
    (AlarmRouter, AlarmRouterSettings),
    (UpgradeManager, UpgradeManagerSettings),
)
_EVERYTHING: Final[dict[str, Any]] = {
    "http_host": "127.0.0.1",
    "dvrip_alarm_centre_port": 0,
    "dvrip_registration_port": 0,
    "gb28181_port": 0,
    "gb28181_web_host": "127.0.0.1",
    "gb28181_web_port": 0,
    "relay_http_port": 0,
    "relay_rtsp_port": 0,
    "relay_webrtc_port": 0,
    "disk_reserve_mib": 0,
}
"""Free ports, and what is off by default switched on; a service takes what it knows."""


def _settings(
    kind: type[BusSettings], name: str, folder: Path, nats_url: str, monitor_url: str
) -> BusSettings:
    values = {field: value for field, value in _EVERYTHING.items() if field in kind.model_fields}
    if "credentials_key_file" in kind.model_fields:
        values["credentials_key_file"] = folder / "credentials.key"
    data_dir = folder / name
    return kind(
        nats_url=nats_url, nats_monitor_url=monitor_url, instance=f"{name}-0", data_dir=data_dir, **values
    )


@asynccontextmanager
async def whole_suite(
    folder: Path, nats_url: str, monitor_url: str
) -> AsyncIterator[dict[str, RunningService[Any]]]:
    """Run every service, and what the runner adds to each; by name."""
    KeyRing.load_or_create(folder / "credentials.key")
    async with AsyncExitStack() as stack:
        running: dict[str, RunningService[Any]] = {}
        for service, settings in _KINDS:
            made = _settings(settings, service.name, folder, nats_url, monitor_url)
            each = await stack.enter_async_context(RunningService(service, made))
            watch_all(each.runtime)
            running[service.name] = each
        yield running
