"""The RTSP connector: the driver, put into the service every connector is."""

from cambus.connector.service import ConnectorService
from cambus.connector_rtsp.driver import RtspDriver
from cambus.connector_rtsp.settings import RtspSettings


class RtspConnector(ConnectorService[RtspSettings]):
    """Puts cameras and encoders that speak RTSP on the bus."""

    name = "connector-rtsp"
    summary = "Puts cameras and encoders that speak RTSP on the Cambus bus."
    driver: RtspDriver

    def make_driver(self) -> RtspDriver:
        """Return the driver."""
        return RtspDriver(self.runtime.settings, self.runtime.metrics)
