"""Where registered devices are reached, kept on the bus: a restart forgets none of them (GB-055, GB-265).

What is newest of each device is written as soon as NATS takes it; signalling never waits for that.
"""

import asyncio
import logging
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import KeyValue
from cambus.gb28181.binding import Binding
from cambus.gb28181.errors import ProtocolError
from cambus.schemas import keys
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.errors import CambusError
from cambus.schemas.state.registrations import Registration

logger = logging.getLogger(__name__)

WRITERS: Final = 16
RETRY_S: Final = 1.0
LEAST_TTL_S: Final = 1.0


class Registrations:
    """The bindings of the devices that are registered here.

    Args:
        bus: the connection.
        protocol: theirs.
        replica: this one.
    """

    def __init__(self, bus: Bus, protocol: str, replica: str) -> None:
        self._bucket = KeyValue(bus, KV_REGISTRATIONS, Registration)
        self._protocol = protocol
        self._replica = replica
        self._wanted: OrderedDict[str, Registration | None] = OrderedDict()
        self._writing: set[str] = set()
        self._work = asyncio.Event()

    async def restore(self) -> list[Binding]:
        """The bindings this replica had before it was started. Raises BusError."""
        found = []
        pattern = keys.registration(self._protocol, "any").removesuffix("any") + "*"
        for entry in (await self._bucket.items(pattern)).values():
            if entry.value.replica != self._replica:
                continue
            try:
                found.append(Binding.from_json(entry.value.binding))
            except ProtocolError as error:
                logger.warning("a kept registration is unreadable", extra={"reason": error.text})
        return found

    def keep(self, device: str, binding: Binding) -> None:
        """The device is registered here, until it says otherwise."""
        expires = datetime.fromtimestamp(binding.expires_at, UTC)
        self._want(
            binding.code,
            Registration(device=device, replica=self._replica, expires_at=expires, binding=binding.to_json()),
        )

    def drop(self, code: str) -> None:
        """The device is not registered here any more; where another replica has it, nothing is changed."""
        self._want(code, None)

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(self._write_on())

    # --- inside -----------------------------------------------------------------------------------------

    def _want(self, code: str, registration: Registration | None) -> None:
        self._wanted[code] = registration
        self._work.set()

    async def _write_on(self) -> None:
        while True:
            code = next((code for code in self._wanted if code not in self._writing), None)
            if code is None:
                self._work.clear()
                await self._work.wait()
                continue
            self._writing.add(code)
            wanted = self._wanted[code]
            try:
                await self._write(code, wanted)
            except BusError as error:
                logger.info("a registration is not kept yet", extra={"code": code, "reason": str(error)})
                await asyncio.sleep(RETRY_S)
            except CambusError as error:
                logger.error("a registration can not be kept", extra={"code": code, "reason": error.text})
                self._done(code, wanted)
            else:
                self._done(code, wanted)
            finally:
                self._writing.discard(code)
                self._work.set()

    def _done(self, code: str, wanted: Registration | None) -> None:
        if self._wanted.get(code) is wanted:
            del self._wanted[code]

    async def _write(self, code: str, wanted: Registration | None) -> None:
        key = keys.registration(self._protocol, code)
        if wanted is not None:
            left_s = (wanted.expires_at - datetime.now(UTC)).total_seconds()
            await self._bucket.put(key, wanted, ttl_s=max(left_s, LEAST_TTL_S))
            return
        entry = await self._bucket.get(key)
        if entry is not None and entry.value.replica == self._replica:
            try:
                await self._bucket.delete(key, entry.revision)
            except WrongRevision:
                return  # it has registered elsewhere meanwhile
