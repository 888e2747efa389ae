"""Finding out what a device is, after it registered and once a day: DeviceInfo, then its catalog (GB-044, §3.2)."""

import asyncio
import logging
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cambus.bus.errors import BusError
from cambus.connector_gb28181.mapping.device import with_info
from cambus.gb28181.catalog_assembly import CatalogResult, Outcome
from cambus.gb28181.errors import GbError
from cambus.schemas.errors import CambusError

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

SPREAD: Final = 0.1
"""The next catalog is asked for so much earlier or later, by chance: not all on one second."""
AGAIN_S: Final = 600.0
"""When a catalog that failed is asked for again."""


class Survey:
    """Asks one device.

    Args:
        session: of the device.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self._wanted = asyncio.Event()
        self._done = asyncio.Event()

    def again(self) -> None:
        """The catalog is to be asked for soon: the device told of something that is not in it."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask when it is due, until cancelled."""
        device = self._session.device
        loop = asyncio.get_running_loop()
        most_s = device.hub.settings.gb28181_catalog_max_age_s
        while True:
            synced_at = device.synced_at
            due_s = 0.0 if synced_at is None else synced_at + most_s - loop.time()
            if due_s > 0:
                await self._wait(due_s * (1 + random.uniform(-SPREAD, SPREAD)))  # noqa: S311 - spreads load
            self._wanted.clear()
            async with device.hub.syncs:
                complete = await self.sync()
            if not complete:
                await self._wait(AGAIN_S)

    async def sync(self) -> bool:
        """Ask what it is and what is behind it; whether its catalog came whole."""
        session = self._session
        try:
            info = await session.remote.info()
        except GbError as error:
            logger.info("a device does not say what it is", extra=self._extra(error))
        else:
            session.known = with_info(session.known, info)
        try:
            result = await session.remote.catalog(now=asyncio.get_running_loop().time)
        except GbError as error:
            logger.info("a device gives no catalog", extra=self._extra(error))
            result = CatalogResult(Outcome.FAILED, {}, None)
        await self.learn(result)
        return result.outcome is Outcome.COMPLETE

    async def learn(self, result: CatalogResult) -> None:
        """Take a catalog in, as far as it came."""
        session, device = self._session, self._session.device
        complete = result.outcome is Outcome.COMPLETE
        if result.outcome is not Outcome.FAILED:
            session.channels.synced(result.items, complete=complete)
        if complete:
            device.synced_at = asyncio.get_running_loop().time()
        else:
            facts = {"device": device.id, "received": len(result.items), "announced": result.announced}
            logger.warning("the catalog of a device is not complete", extra=facts)
        await self.remember(synced=complete)
        session.described()

    async def remember(self, *, synced: bool = False) -> None:
        """Keep what is known for the next start."""
        session, device = self._session, self._session.device
        known = session.known.model_copy(
            update={
                "numbers": dict(session.channels.numbers),
                "channels": list(session.channels.channels),
                "synced_at": datetime.now(UTC) if synced else session.known.synced_at,
            }
        )
        session.known = device.known = known
        try:
            await device.hub.known.save(known)
        except (BusError, CambusError) as error:
            logger.warning("what is known of a device is not kept", extra=self._extra(error))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    def _extra(self, error: Exception) -> dict[str, str]:
        return {"device": self._session.device.id, "reason": str(error)}
