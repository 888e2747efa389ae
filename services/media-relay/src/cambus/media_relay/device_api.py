"""What the page's requests about single devices have in common."""

from cambus.client.calling import BusClient
from cambus.media_relay.access import Access
from cambus.media_relay.directory import Directory
from cambus.schemas.errors import NotFound


class DeviceApi:
    """Answers requests of the page about devices; each is checked by `access` first.

    Args:
        client: devices are commanded through this.
        directory: knows which there are.
        access: who may.
    """

    def __init__(self, client: BusClient, directory: Directory, access: Access) -> None:
        self._client = client
        self._directory = directory
        self._access = access

    async def _check_device(self, device: str) -> None:
        """Raises NotFound if there is no such device: a command to it would say that it is offline."""
        if not await self._directory.exists(device):
            raise NotFound("there is no such device", reason="no-such-device")
