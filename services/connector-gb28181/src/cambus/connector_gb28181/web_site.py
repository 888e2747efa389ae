"""All that devices reach over HTTP, put together: what they upload, what they fetch, and the port for both."""

from collections.abc import Callable
from typing import Self

from cambus.bus.metrics import Metrics
from cambus.connector_gb28181 import web_firmware, web_upload
from cambus.connector_gb28181.firmware import FirmwareOffers
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.connector_gb28181.uploads import Uploads
from cambus.connector_gb28181.web import WebServer


class WebSite:
    """What devices reach over HTTP; use it as a context manager.

    Args:
        settings: of the connector.
        metrics: the service's registry.
        now: the clock, in seconds.

    Attributes:
        uploads: pictures devices were told to upload.
        firmware: images they were told to fetch.
    """

    def __init__(self, settings: Gb28181Settings, metrics: Metrics, now: Callable[[], float]) -> None:
        self.uploads = Uploads(now)
        self.firmware = FirmwareOffers(now)
        self._server = WebServer(
            settings,
            {
                web_upload.KIND: web_upload.PictureUploads(self.uploads).serve,
                web_firmware.KIND: web_firmware.FirmwareDownloads(self.firmware).serve,
            },
            metrics,
        )

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError if the address is taken."""
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Listen no more."""
        await self._server.__aexit__()

    def address(self, own_host: str) -> str:
        """What addresses begin with; `own_host` is ours on the way to the device."""
        return self._server.address(own_host)

    def upload_url(self, token: str, own_host: str) -> str:
        """Where a device uploads to. A secret."""
        return f"{self.address(own_host)}/{web_upload.KIND}/{token}"

    def firmware_url(self, token: str, own_host: str) -> str:
        """Where a device fetches from. A secret."""
        return f"{self.address(own_host)}/{web_firmware.KIND}/{token}"
