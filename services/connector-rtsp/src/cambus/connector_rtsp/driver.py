"""The driver: what the connector asks for RTSP devices."""

import asyncio
from typing import Final

from cambus.bus.metrics import Metrics
from cambus.connector.context import DeviceContext
from cambus.connector.errors import InvalidRecord
from cambus.connector.handlers import HandlerTable
from cambus.connector_rtsp.device import RtspDevice
from cambus.connector_rtsp.handlers import all_handlers
from cambus.connector_rtsp.metrics import RtspMetrics
from cambus.connector_rtsp.options import RtspOptions
from cambus.connector_rtsp.publish.device import PublishedDevice
from cambus.connector_rtsp.publish.session import PublishedSession
from cambus.connector_rtsp.session import RtspSession
from cambus.connector_rtsp.settings import RtspSettings
from cambus.connector_rtsp.surroundings import Shared
from cambus.schemas.state.devices import DeviceRecord

PROTOCOL: Final = "rtsp"
AnySession = RtspSession | PublishedSession


class RtspDriver:
    """Makes RTSP devices of records.

    Args:
        settings: of the connector.
        metrics: the service's registry.

    Attributes:
        metrics: counts.
    """

    def __init__(self, settings: RtspSettings, metrics: Metrics) -> None:
        self.metrics = RtspMetrics(metrics)
        self._shared = Shared(
            settings,
            self.metrics,
            asyncio.Semaphore(settings.rtsp_checks),
            asyncio.Semaphore(settings.rtsp_decoders),
        )
        self._handlers = all_handlers()

    @property
    def protocol(self) -> str:
        """The name in device records."""
        return PROTOCOL

    @property
    def handlers(self) -> HandlerTable[AnySession]:
        """The commands it answers."""
        return self._handlers

    def identity(self, record: DeviceRecord) -> str | None:
        """Return the id of a device that publishes, None for one that is called. Raises InvalidRecord."""
        if not RtspOptions.of(record.options).publish:
            return None
        if not self._shared.settings.takes_publishers:
            raise InvalidRecord(
                "options.publish: nobody can publish unless the connector listens "
                "(CAMBUS_RTSP_PUBLISH_PORT, CAMBUS_RTMP_PUBLISH_PORT)"
            )
        if record.credentials is None:
            raise InvalidRecord("credentials: wanted, for a device that publishes has to log in")
        return record.id

    def device(self, record: DeviceRecord, context: DeviceContext) -> RtspDevice | PublishedDevice:
        """Make a device of a record. Raises `InvalidRecord` if it can not work."""
        if not RtspOptions.of(record.options).publish:
            return RtspDevice(record, context, self._shared)
        if record.address is not None:
            raise InvalidRecord("address: not for a device that publishes, for it is not called")
        return PublishedDevice(record, context, self._shared)
