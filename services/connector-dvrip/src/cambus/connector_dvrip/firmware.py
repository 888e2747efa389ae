"""A firmware image of the vendor's form: it says which hardware it is for (DVRIP §13)."""

import asyncio

from cambus.connector import firmware
from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.firmware import FirmwarePackage


class FirmwareFile(firmware.FirmwareFile):
    """An image in a temporary file."""

    async def package(self) -> FirmwarePackage | None:
        """What the package says it is for; None for an image that is no package."""
        try:
            return await asyncio.to_thread(FirmwarePackage.read, self._file)
        except MalformedPayload:
            return None
