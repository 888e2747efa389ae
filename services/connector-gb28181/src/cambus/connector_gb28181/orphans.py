"""Media sessions are written down while they are open: what a replica that died had asked for is ended (GB-153).

Each has a key of its own under the code of its device, so that the replica a device turns to next finds what another
one left.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.gb28181.media_session import MediaSessions
from cambus.schemas import keys
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.errors import CambusError
from cambus.schemas.state.registrations import OpenDialog

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

RETRY_S: Final = 1.0


class OpenDialogs:
    """The media sessions of this replica, as they are kept on the bus.

    Args:
        bus: the connection.
        protocol: of the devices.
        replica: this one.
        media: the sessions.
    """

    def __init__(self, bus: Bus, protocol: str, replica: str, media: MediaSessions) -> None:
        self._bucket = KeyValue(bus, KV_REGISTRATIONS, OpenDialog)
        self._protocol = protocol
        self._replica = replica
        self._media = media
        self._kept: dict[str, Mapping[str, Any]] = {}
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self._looked: WeakSet[GbSession] = WeakSet()
        media.on_change = self._changed.set

    async def run(self) -> None:
        """End what this replica had open before it died, then keep what is open, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._end(await self._left_behind()), name="orphans")
            await asyncio.sleep(
                0
            )  # from its first step on, a device is not invited before its orphans are ended
            self._ready.set()
            await self._keep_on()

    async def _left_behind(self) -> dict[str, OpenDialog]:
        try:
            return await self._read(f"{keys.OPEN_DIALOGS}{self._protocol}.>", ours=True)
        except BusError as error:
            logger.warning("sessions left open are not known", extra={"reason": str(error)})
            return {}

    async def _keep_on(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._keep()
            except BusError as error:
                logger.info("media sessions are not kept yet", extra={"reason": str(error)})
                self._changed.set()
                await asyncio.sleep(RETRY_S)

    async def end_orphans(self, session: "GbSession") -> None:
        """Before a device is first invited: end what others have left open with it. Never raises."""
        await self._ready.wait()
        if session in self._looked:
            return
        self._looked.add(session)
        pattern = f"{keys.OPEN_DIALOGS}{self._protocol}.{session.code}.*"
        try:
            await self._end(await self._read(pattern))
        except BusError as error:
            logger.info("sessions left open are not known", extra={"reason": str(error)})

    # --- inside -----------------------------------------------------------------------------------------

    async def _read(self, pattern: str, *, ours: bool = False) -> dict[str, OpenDialog]:
        """What is kept and not open here. Raises BusError."""
        here = {self._key(each) for each in self._media.to_json()}
        try:
            found = await self._bucket.items(pattern)
        except CambusError as error:
            logger.error("a kept media session is unreadable", extra={"reason": error.text})
            return {}
        return {
            key: entry.value
            for key, entry in found.items()
            if key not in here and (not ours or entry.value.replica == self._replica)
        }

    async def _end(self, left: Mapping[str, OpenDialog]) -> None:
        if not left:
            return
        logger.info("ending media sessions that were left open", extra={"count": len(left)})
        self._kept |= {key: each.dialog for key, each in left.items()}
        await self._media.end_orphans([each.dialog for each in left.values()])
        self._changed.set()

    async def _keep(self) -> None:
        """Bring the bucket up to what is open."""
        wanted = {self._key(each): each for each in self._media.to_json()}
        for key in [key for key in self._kept if key not in wanted]:
            await self._bucket.delete(key)
            del self._kept[key]
        for key, dialog in wanted.items():
            if key not in self._kept:
                kept = OpenDialog(replica=self._replica, opened_at=datetime.now(UTC), dialog=dict(dialog))
                await self._bucket.put(key, kept)
                self._kept[key] = dialog

    def _key(self, dialog: Mapping[str, Any]) -> str:
        return keys.open_dialog(self._protocol, dialog["device"], dialog["call_id"])
