"""The driver: what the connector asks for DVRIP devices."""

import asyncio

from cambus.bus.metrics import Metrics
from cambus.connector.context import DeviceContext
from cambus.connector.errors import InvalidRecord
from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.device import DvripDevice
from cambus.connector_dvrip.handlers import all_handlers
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.session import DvripSession
from cambus.connector_dvrip.settings import DvripSettings
from cambus.schemas.state.devices import DeviceRecord

PROTOCOL = "dvrip"


class DvripDriver:
    """Makes DVRIP devices of records.

    Args:
        settings: of the connector.
        metrics: the service's registry.

    Attributes:
        metrics: counts.
    """

    def __init__(self, settings: DvripSettings, metrics: Metrics) -> None:
        self._settings = settings
        self.metrics = DvripMetrics(metrics)
        self._handlers = all_handlers()
        self._decoding = asyncio.Semaphore(settings.dvrip_decoders)

    @property
    def protocol(self) -> str:
        """The name in device records."""
        return PROTOCOL

    @property
    def handlers(self) -> HandlerTable[DvripSession]:
        """The commands it answers."""
        return self._handlers

    def identity(self, record: DeviceRecord) -> str:
        """Return what a device that dials in calls itself. Raises `InvalidRecord` if none can dial in."""
        if self._settings.dvrip_registration_port is None:
            raise InvalidRecord(
                "address: wanted HOST or HOST:PORT; devices can not dial in unless the connector listens "
                "(CAMBUS_DVRIP_REGISTRATION_PORT)"
            )
        return DvripOptions.of(record.options).device_id or record.id

    def device(self, record: DeviceRecord, context: DeviceContext) -> DvripDevice:
        """Make a device of a record. Raises `InvalidRecord` if it can not work."""
        return DvripDevice(
            record,
            context,
            self.metrics,
            request_timeout_s=self._settings.dvrip_request_timeout_s,
            decoding=self._decoding,
            download_rate_bytes_s=self._settings.dvrip_download_rate_bytes_s,
        )
