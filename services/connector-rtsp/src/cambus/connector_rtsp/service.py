"""The RTSP connector: the driver, put into the service every connector is."""

from cambus.bus.service import CannotRun
from cambus.connector.service import ConnectorService
from cambus.connector_rtsp.driver import RtspDriver
from cambus.connector_rtsp.metrics import WAYS
from cambus.connector_rtsp.publish.gate import Gate
from cambus.connector_rtsp.publish.guests import Guests
from cambus.connector_rtsp.publish.server import PublishServer
from cambus.connector_rtsp.publish.tls import CertificateError
from cambus.connector_rtsp.settings import RtspSettings


class RtspConnector(ConnectorService[RtspSettings]):
    """Puts cameras and encoders that speak RTSP on the bus.

    Attributes:
        publishing: takes devices that publish; None unless a port is set.
    """

    name = "connector-rtsp"
    summary = "Puts cameras and encoders that speak RTSP on the Cambus bus."
    driver: RtspDriver
    publishing: PublishServer | None = None

    def make_driver(self) -> RtspDriver:
        """Return the driver."""
        return RtspDriver(self.runtime.settings, self.runtime.metrics)

    async def start(self) -> None:
        """Start as every connector does, and listen for publishers if that is wanted."""
        await super().start()
        if self.runtime.settings.takes_publishers:
            await self._start_publishing()

    async def release(self) -> None:
        """Take no more publishers, and hand over the devices that are here."""
        if self.publishing is not None:
            self.publishing.stop()
        await super().release()

    async def _start_publishing(self) -> None:
        runtime = self.runtime
        settings = runtime.settings
        guests = Guests(total=settings.publish_guests, per_address=settings.publish_guests_per_address)
        gate = Gate(self.inbound, self.knocks, self.driver.metrics, guests, most=settings.publish_streams)
        try:
            certificate = settings.certificate()
        except CertificateError as error:  # found right at the start, and changed since
            raise CannotRun(f"CAMBUS_PUBLISH_CERTIFICATE_FILE: {error}") from error
        self.publishing = PublishServer(settings, gate, certificate)
        await self.publishing.start()
        for by in (*WAYS, *(f"{way}s" for way in WAYS)):
            port = self.publishing.port(by)
            if port is not None:
                runtime.endpoints.metadata |= {f"publish-{by}": f"{by}://{settings.publish_host}:{port}/live"}
        runtime.spawn(self.publishing.run(), name="publishing")
