"""Whether the image of a campaign is what was ordered: looked at when it is ordered, and again before each use."""

from pathlib import Path

from cambus.bus.connection import Bus
from cambus.bus.firmware import FirmwareStore, StoredImage, TrustedKeys
from cambus.client.objects import ObjectDamaged
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.state.upgrades import FirmwareRef


class ImageGone(Exception):
    """The image of a campaign can not be used any more: what to do is for people to say."""


class Images:
    """Checks images.

    Args:
        bus: the connection.
        keys_file: the keys of which one must have signed each image; None if none has to.

    Raises:
        FirmwareKeyError: the keys cannot be read.
    """

    def __init__(self, bus: Bus, keys_file: Path | None) -> None:
        self._store = FirmwareStore(bus)
        self._trusted = None if keys_file is None else TrustedKeys.read(keys_file)

    async def look_up(self, firmware: FirmwareRef) -> tuple[FirmwareRef, StoredImage]:
        """What an order means: the image with its size, its digest and the version it brings.

        Raises:
            NotFound: there is no such image.
            BadRequest: it is not the one that was meant, or nobody who counts has signed it.
            BusError: NATS refuses or does not answer.
        """
        stored = await self._store.info(firmware.object)
        if stored is None:
            raise NotFound(f"there is no image {firmware.object} in cambus-firmware", reason="no-such-image")
        if firmware.sha256 not in {None, stored.sha256}:
            raise BadRequest("firmware.sha256: the stored image has another digest")
        if firmware.size_bytes not in {None, stored.bytes} or stored.bytes == 0:
            raise BadRequest(f"firmware.size_bytes: the stored image has {stored.bytes} bytes")
        if firmware.version and stored.about.version and firmware.version != stored.about.version:
            raise BadRequest(f"firmware.version: the image brings {stored.about.version}")
        if not self._is_trusted(stored):
            raise BadRequest(f"firmware.object: {_UNSIGNED}", reason="not-signed")
        version = firmware.version or stored.about.version
        facts = {"sha256": stored.sha256, "size_bytes": stored.bytes, "version": version}
        return firmware.model_copy(update=facts), stored

    async def read_whole(self, firmware: FirmwareRef) -> None:
        """Read an image to its end, so that a damaged one is noticed before anything is ordered.

        Raises:
            BadRequest: it is damaged, or gone.
            BusError: NATS refuses or does not answer.
        """
        try:
            await self._store.check(firmware.object)
        except (ObjectDamaged, KeyError) as error:
            raise BadRequest(f"firmware.object: {error}", reason="image-damaged") from None

    async def check(self, firmware: FirmwareRef) -> StoredImage:
        """Whether the image of a campaign is still the one that was ordered.

        Raises:
            ImageGone: it is not.
            BusError: NATS refuses or does not answer.
        """
        stored = await self._store.info(firmware.object)
        if stored is None:
            raise ImageGone(f"the image {firmware.object} was removed; add it again, or cancel the campaign")
        if stored.sha256 != firmware.sha256:
            raise ImageGone(f"the image {firmware.object} was replaced by another; cancel the campaign")
        if not self._is_trusted(stored):
            raise ImageGone(f"the image {firmware.object}: {_UNSIGNED}")
        return stored

    def _is_trusted(self, stored: StoredImage) -> bool:
        return self._trusted is None or self._trusted.vouch_for(stored)


_UNSIGNED = "none of the trusted keys has signed it as it is"
