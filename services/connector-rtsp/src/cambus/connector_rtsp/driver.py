"""The driver: what the connector asks for RTSP devices."""

import asyncio
from typing import Final

from cambus.bus.metrics import Metrics
from cambus.connector.context import DeviceContext
from cambus.connector.handlers import HandlerTable
from cambus.connector_rtsp.device import RtspDevice
from cambus.connector_rtsp.handlers import all_handlers
from cambus.connector_rtsp.metrics import RtspMetrics
from cambus.connector_rtsp.session import RtspSession
from cambus.connector_rtsp.settings import RtspSettings
from cambus.connector_rtsp.surroundings import Shared
from cambus.schemas.state.devices import DeviceRecord

PROTOCOL: Final = "rtsp"


class RtspDriver:
    """Makes RTSP devices of records.

    Args:
        settings: of the connector.
        metrics: the service's registry.
    """

    def __init__(self, settings: RtspSettings, metrics: Metrics) -> None:
        self._shared = Shared(
            settings,
            RtspMetrics(metrics),
            asyncio.Semaphore(settings.rtsp_checks),
            asyncio.Semaphore(settings.rtsp_decoders),
        )
        self._handlers = all_handlers()

    @property
    def protocol(self) -> str:
        """The name in device records."""
        return PROTOCOL

    @property
    def handlers(self) -> HandlerTable[RtspSession]:
        """The commands it answers."""
        return self._handlers

    def device(self, record: DeviceRecord, context: DeviceContext) -> RtspDevice:
        """Make a device of a record. Raises `InvalidRecord` if it can not work."""
        return RtspDevice(record, context, self._shared)
