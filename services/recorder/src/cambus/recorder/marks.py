"""Up to when streams are recorded, told on the bus, so that whoever records them next knows what is missing.

A mark is there while a stream is to be recorded. It is some seconds old, exact when a stream is handed over, and gone
when the stream is no longer wanted. What it does not know of is in the files.
"""

import asyncio
import logging
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.recorder.layout import StreamKey, from_us
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.state.recorders import RecordedMark

logger = logging.getLogger(__name__)

WRITE_S: Final = 5.0


class Marks:
    """The marks of the streams this replica records, and the way to those of the others.

    Args:
        bus: the connection.
        replica: this replica's name.
    """

    def __init__(self, bus: Bus, replica: str) -> None:
        self._stored: KeyValue[RecordedMark] = KeyValue(bus, KV_LEASES, RecordedMark)
        self._replica = replica
        self._until: dict[StreamKey, int] = {}
        self._written: dict[StreamKey, int] = {}

    def note(self, key: StreamKey, until_us: int) -> None:
        """A stream that is to be recorded is, up to an instant; said to the others before long."""
        self._until[key] = until_us

    async def read(self, key: StreamKey) -> RecordedMark | None:
        """The mark of a stream; None if it was not to be recorded. Raises BusError."""
        entry = await self._stored.get(_key(key))
        return None if entry is None else entry.value

    async def everything(self) -> dict[StreamKey, RecordedMark]:
        """Every mark of every replica. Raises BusError."""
        entries = await self._stored.items(f"{keys.RECORDED_MARKS}>")
        found = {}
        for name, entry in entries.items():
            device, channel, stream = name.removeprefix(keys.RECORDED_MARKS).split(".")
            found[StreamKey(device, int(channel), stream)] = entry.value
        return found

    async def remove(self, key: StreamKey) -> None:
        """The stream is not to be recorded any longer. Never raises: what is left is swept later."""
        self._until.pop(key, None)
        self._written.pop(key, None)
        try:
            await self._stored.delete(_key(key))
        except BusError as error:
            logger.debug("a mark is left", extra={"device": key.device, "reason": str(error)})

    async def finish(self, key: StreamKey) -> None:
        """The stream is about to be somebody else's: say exactly up to when it is recorded. Never raises."""
        await self._write(key)
        self._until.pop(key, None)
        self._written.pop(key, None)

    async def run(self) -> None:
        """Say every few seconds what is new, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_S)
            for key in list(self._until):
                await self._write(key)

    async def _write(self, key: StreamKey) -> None:
        until_us = self._until.get(key)
        if until_us is None or self._written.get(key) == until_us:
            return
        try:
            await self._stored.put(_key(key), RecordedMark(replica=self._replica, until=from_us(until_us)))
        except BusError as error:
            logger.info("a mark is not written", extra={"device": key.device, "reason": str(error)})
            return
        if key in self._until:
            self._written[key] = until_us
        else:  # it was removed meanwhile
            await self.remove(key)


def _key(key: StreamKey) -> str:
    return keys.recorded_mark(key.device, key.channel, key.stream)
