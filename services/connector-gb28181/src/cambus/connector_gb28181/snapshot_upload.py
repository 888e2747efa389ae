"""Pictures a device takes itself and uploads to us (2022, §10, GB-224)."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from cambus.connector_gb28181.uploads import SPARE_S, UploadedPicture
from cambus.gb28181.errors import GbError, Unconfirmed
from cambus.gb28181.manscdp import config
from cambus.gb28181.manscdp.notices import SnapshotsFinished
from cambus.schemas.errors import Conflict, DeadlineExceeded, DeviceProtocolError, Overloaded

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 8.0
"""Longest wait for a picture where there is another way to one."""
PAUSE_S: Final = 600.0
"""A device that did not upload is not asked again for so long where there is another way."""


class PictureOrders:
    """Has one device take pictures and upload them.

    Args:
        session: of the device.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self._not_before = 0.0
        self._in_series = False

    @property
    def wanted(self) -> bool:
        """Whether the device is to be asked for a picture before its stream is."""
        option = self._session.device.options.snapshots
        if option == "auto":
            return self._session.remote.version.is_2022 and _now() >= self._not_before
        return option == "upload"

    async def picture(self, channel: int) -> UploadedPicture | None:
        """One picture; None if the device gives none and it is to be taken out of the stream.

        Raises:
            GbError, CambusError: the device gives none, and there is to be no other way.
        """
        if self._session.device.options.snapshots == "upload":
            return (await self.pictures(channel))[0]
        try:
            return (await self.pictures(channel, patience_s=PATIENCE_S))[0]
        except (GbError, DeadlineExceeded, DeviceProtocolError, Overloaded) as error:
            self._not_before = _now() + PAUSE_S
            extra = {"device": self._session.device.id, "reason": str(error)}
            logger.info("a device uploads no pictures; its stream gives them", extra=extra)
            return None

    async def series(self, channel: int, count: int, interval_s: int) -> list[UploadedPicture]:
        """Several pictures, one series at a time. Raises Conflict, and what `pictures` raises."""
        if self._in_series:
            raise Conflict("the device is taking a series of pictures", reason="series-under-way")
        self._in_series = True
        try:
            return await self.pictures(channel, count=count, interval_s=interval_s)
        finally:
            self._in_series = False

    async def pictures(
        self, channel: int, *, count: int = 1, interval_s: int = 1, patience_s: float | None = None
    ) -> list[UploadedPicture]:
        """Several pictures, so far apart; fewer than wanted where not all came, but never none.

        Args:
            channel: of which camera.
            count: how many, up to 10.
            interval_s: seconds between two of them.
            patience_s: how long to wait; by default as long as it may take, and a minute.

        Raises:
            GbError: the device does not take the order.
            DeadlineExceeded: no picture came in time.
            DeviceProtocolError: the device says that it is done, and none came.
            Overloaded: too many pictures are under way.
        """
        session = self._session
        code, uploads = session.code_of(channel), session.device.hub.web.uploads
        try:
            with uploads.ordered(session.code, count, interval_s) as (order, token):
                url = session.device.hub.web.upload_url(token, session.own_host)
                block = config.snapshots(count, interval_s, url, order.session)
                try:
                    async with asyncio.timeout(patience_s or count * interval_s + SPARE_S):
                        with contextlib.suppress(
                            Unconfirmed
                        ):  # devices forget the result; a picture tells more
                            await session.remote.configure(block, code)
                        await order.wait()
                except TimeoutError:
                    if not order.pictures:
                        raise DeadlineExceeded("no picture came in time", reason="no-upload") from None
                if not order.pictures:
                    raise DeviceProtocolError("the device uploaded no picture", reason="no-picture")
                if len(order.pictures) < count:
                    facts = {"device": session.device.id, "wanted": count, "came": len(order.pictures)}
                    logger.warning("not all pictures came", extra=facts)
                return list(order.pictures)
        except OverflowError:
            raise Overloaded("too many pictures are under way") from None

    def finished(self, notice: SnapshotsFinished) -> None:
        """The device says that it is done; again, or about what nobody waits for, changes nothing."""
        uploads = self._session.device.hub.web.uploads
        if not uploads.finished(self._session.code, notice.session or ""):
            extra = {"device": self._session.device.id}
            logger.debug("an end of uploads nobody waits for", extra=extra)


def _now() -> float:
    return asyncio.get_running_loop().time()
