"""Finding out what a device is, whenever it comes and once a day: DeviceInfo, then its catalog (GB-044, §3.2)."""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cambus.client.errors import BusError
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
"""When a catalog that did not come whole is asked for again; each time later."""
AT_MOST_EVERY_S: Final = 30.0
"""A device that makes one wish for its catalog again and again is asked so often."""
LATE_S: Final = 0.2
MANY: Final = 1000
"""So many channels take longer than the others may wait."""


class Survey:
    """Asks one device.

    Args:
        session: of the device.

    Attributes:
        asked: set once the device was asked for the first time, whatever came of it.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self.asked = asyncio.Event()
        self._wanted = asyncio.Event()
        self._number = 0
        self._late: CatalogResult | None = None

    def again(self) -> None:
        """The catalog is to be asked for soon: the device told of something that is not in it."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask now, and when it is due, until cancelled."""
        most_s = self._session.device.hub.settings.gb28181_catalog_max_age_s
        again_s = AGAIN_S
        while True:
            self._wanted.clear()
            if await self.sync():
                due_s, again_s = most_s * (1 + random.uniform(-SPREAD, SPREAD)), AGAIN_S  # noqa: S311 - spreads
            else:
                due_s, again_s = again_s, min(2 * again_s, most_s)
            await asyncio.sleep(min(AT_MOST_EVERY_S, due_s))
            await self._wait(due_s - AT_MOST_EVERY_S)

    async def sync(self) -> bool:
        """Ask what it is and what is behind it; whether its catalog came whole.

        Of those that are asked at a time there are only so many; one that waits to be asked again is none of them.
        """
        device = self._session.device
        async with device.hub.syncs:
            await self._ask_info()
            result = await self._ask_catalog()
        self.asked.set()
        for delay_s in device.hub.signalling.platform.settings.times.catalog.retries_s:
            if result.outcome is not Outcome.FAILED:
                break
            await asyncio.sleep(delay_s)
            async with device.hub.syncs:
                result = await self._ask_catalog()
        await self.learn(result)
        if result.outcome is Outcome.COMPLETE:
            return True
        facts = {"device": device.id, "received": len(result.items), "announced": result.announced}
        logger.warning("the catalog of a device is not complete", extra=facts)
        return False

    async def learn(self, result: CatalogResult) -> None:
        """Take a catalog in, as far as it came."""
        session = self._session
        complete = result.outcome is Outcome.COMPLETE
        if result.outcome is not Outcome.FAILED:
            await self.take(
                lambda: session.channels.synced(result.items, complete=complete), len(result.items)
            )
        session.described()
        await self.remember(synced=complete)

    async def take(self, news: Callable[[], bool], size: int) -> bool:
        """Have channels listed anew, of many in a thread: keepalives do not wait for that (GB-262).

        Args:
            news: takes in what is new; returns whether anything is different.
            size: how many there are.
        """
        async with self._session.device.listing:
            return await asyncio.to_thread(news) if size > MANY else news()

    async def remember(self, *, synced: bool = False) -> None:
        """Keep what is known for the next start."""
        session, device = self._session, self._session.device
        if synced:
            session.known = session.known.model_copy(update={"synced_at": datetime.now(UTC)})
        try:
            await device.memory.write(device.known_now)
        except BusError as error:
            logger.info("what is known of a device is not kept yet", extra=self._extra(error))
            if not device.memory.overdue:
                device.memory.overdue = True
                device.context.hooks.spawn(device.memory.catch_up(device.known_now), "remember")
        except CambusError as error:
            logger.warning("what is known of a device is not kept", extra=self._extra(error))

    # --- asking -----------------------------------------------------------------------------------------

    async def _ask_info(self) -> None:
        session = self._session
        try:
            info = await session.remote.info()
        except GbError as error:
            logger.info("a device does not say what it is", extra=self._extra(error))
        else:
            session.known = with_info(session.known, info)
            session.described()

    async def _ask_catalog(self) -> CatalogResult:
        self._number += 1
        number = self._number

        def late(result: CatalogResult) -> None:
            """More of it came; of one that was asked for again meanwhile that is no news (GB-104)."""
            if number == self._number:
                self._came_late(result)

        try:
            return await self._session.remote.catalog(
                now=asyncio.get_running_loop().time, on_late=late, retry=False
            )
        except GbError as error:
            logger.info("a device gives no catalog", extra=self._extra(error))
            return CatalogResult(Outcome.FAILED, {}, None)

    def _came_late(self, result: CatalogResult) -> None:
        begun, self._late = self._late is not None, result
        if not begun:
            self._session.device.context.hooks.spawn(self._learn_late(), "late catalog")

    async def _learn_late(self) -> None:
        """Take in what came after the end; parts come in numbers, so some time is given to them."""
        await asyncio.sleep(LATE_S)
        result, self._late = self._late, None
        if result is not None and self._session.device.session is self._session:
            await self.learn(result)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    def _extra(self, error: Exception) -> dict[str, str]:
        return {"device": self._session.device.id, "reason": str(error)}
