"""Presence: what is known of each device now, in `cambus-presence`.

Writers never wait. The newest state of a device is written as soon as NATS takes it; states in between may be left
out. Each write compares the revision, and gives way to a higher epoch: what a replica that lost a device still
wanted to say must not hide what its successor says.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict

from cambus.bus.connection import Bus
from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import Entry, KeyValue
from cambus.schemas.assets import KV_PRESENCE
from cambus.schemas.errors import CambusError
from cambus.schemas.state.presence import Presence

logger = logging.getLogger(__name__)

WRITERS = 8
RETRY_S = 1.0


class PresenceBoard:
    """Writes the presence of many devices.

    Args:
        bus: the connection.
    """

    def __init__(self, bus: Bus) -> None:
        self._bucket = KeyValue(bus, KV_PRESENCE, Presence)
        self._wanted: OrderedDict[str, Presence] = OrderedDict()
        self._revisions: dict[str, int] = {}
        self._writing: set[str] = set()
        self._work = asyncio.Event()
        self._progress = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def show(self, presence: Presence) -> None:
        """Write this as soon as possible, unless something newer of the same device comes first."""
        self._wanted[presence.device] = presence
        self._idle.clear()
        self._work.set()

    def forget(self, device: str) -> None:
        """Somebody else holds the device: nothing more is to be said about it here."""
        self._wanted.pop(device, None)
        self._revisions.pop(device, None)
        self._settle()

    async def last(self, device: str) -> Presence | None:
        """Return what was last said about a device, by whomever; None if nothing, or nothing readable.

        What is still to be written here is waited for, a little.

        Raises:
            BusError: NATS does not answer.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self.written(device)
        entry = await self._read(device)
        return None if entry is None else entry.value

    async def everything(self) -> dict[str, Presence]:
        """Return the presence of every device. Raises BusError."""
        return {key: entry.value for key, entry in (await self._bucket.items()).items()}

    async def remove(self, device: str, protocol: str) -> None:
        """The device is no longer to be: delete its presence, unless another protocol has taken it over.

        Raises:
            BusError: NATS does not answer.
        """
        self.forget(device)
        entry = await self._read(device)
        if entry is not None and entry.value.protocol == protocol:
            with contextlib.suppress(WrongRevision):  # somebody else has more to say about it
                await self._bucket.delete(device, entry.revision)

    async def run(self) -> None:
        """Write what is to be shown until cancelled."""
        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(self._write_on())

    async def flush(self, timeout_s: float) -> bool:
        """Wait until everything is written; False if it was not within `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def written(self, device: str) -> None:
        """Wait until what was last said of a device is written, or given up; bound it with a timeout."""
        while device in self._wanted or device in self._writing:
            self._progress.clear()
            await self._progress.wait()

    # --- inside -----------------------------------------------------------------------------------------

    async def _write_on(self) -> None:
        while True:
            device = next((device for device in self._wanted if device not in self._writing), None)
            if device is None:
                self._work.clear()
                await self._work.wait()
                continue
            self._writing.add(device)
            presence = self._wanted[device]
            try:
                await self._write(presence)
            except BusError as error:
                logger.warning("presence not written", extra={"device": device, "reason": str(error)})
                await asyncio.sleep(RETRY_S)
            except CambusError as error:
                logger.error("presence not written", extra={"device": device, "reason": error.text})
                self._done(presence)
            else:
                self._done(presence)
            finally:
                self._writing.discard(device)
                self._work.set()
                self._settle()

    def _done(self, presence: Presence) -> None:
        if self._wanted.get(presence.device) is presence:
            del self._wanted[presence.device]

    def _settle(self) -> None:
        self._progress.set()
        if not self._wanted and not self._writing:
            self._idle.set()

    async def _write(self, presence: Presence) -> None:
        device = presence.device
        while True:
            revision = self._revisions.pop(device, None)
            if revision is None:
                entry = await self._read(device)
                if entry is not None and entry.value.epoch > presence.epoch:
                    logger.info("presence left to the new owner", extra={"device": device})
                    return
                revision = 0 if entry is None else entry.revision
            try:
                if revision:
                    self._revisions[device] = await self._bucket.update(device, presence, revision)
                else:
                    self._revisions[device] = await self._bucket.create(device, presence)
            except WrongRevision:
                continue
            return

    async def _read(self, device: str) -> Entry[Presence] | None:
        try:
            return await self._bucket.get(device)
        except CambusError:
            logger.error("unreadable presence is replaced", extra={"device": device})
            await self._bucket.delete(device)
            return None
