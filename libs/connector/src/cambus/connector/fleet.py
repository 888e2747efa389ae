"""The devices of this replica: one unit for each record in a shard that it holds."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from cambus.bus.errors import BusError
from cambus.connector.driver import Driver
from cambus.connector.errors import EndReason, InvalidRecord
from cambus.connector.idle import IdleUnit
from cambus.connector.registry import BadRecord, Desired, connection_facts
from cambus.connector.surroundings import Surroundings
from cambus.connector.unit import DeviceUnit
from cambus.schemas.keys import SHARDS, shard_of
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

Unit = DeviceUnit | IdleUnit


class Fleet:
    """Runs the devices of the shards this replica holds.

    Args:
        driver: makes devices of records.
        around: what all devices share.
        valid: whether a shard is certainly ours at this instant.
        on_shards: called when a shard may have got its first device or lost its last.

    Attributes:
        units: the devices held, by id.
    """

    def __init__(
        self,
        driver: Driver[Any],
        around: Surroundings,
        *,
        valid: Callable[[int], bool],
        on_shards: Callable[[], None],
    ) -> None:
        self.units: dict[str, Unit] = {}
        self._driver = driver
        self._around = around
        self._valid = valid
        self._on_shards = on_shards
        self._desired: dict[str, Desired] = {}
        self._by_shard: dict[int, set[str]] = {}
        self._epochs: dict[int, int] = {}
        self._locks = [asyncio.Lock() for _ in range(SHARDS)]
        self._changed: set[str] = set()
        self._work = asyncio.Event()

    def unit(self, device: str | None) -> DeviceUnit | None:
        """Return the unit of a device that is held here and can have sessions."""
        unit = self.units.get(device) if device is not None else None
        return unit if isinstance(unit, DeviceUnit) else None

    # --- what is to be ----------------------------------------------------------------------------------

    def record_changed(self, device: str, record: Desired | None) -> None:
        """A record came, changed or went."""
        if record is None:
            self._desired.pop(device, None)
            self._by_shard.get(shard_of(device), set()).discard(device)
        else:
            self._desired[device] = record
            self._by_shard.setdefault(shard_of(device), set()).add(device)
        self._changed.add(device)
        self._work.set()
        self._on_shards()

    def credentials_changed(self, name: str) -> None:
        """A credential was written."""
        for unit in self.units.values():
            unit.credentials_changed(name)

    async def run(self) -> None:
        """Follow the records until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            changed, self._changed = self._changed, set()
            await asyncio.gather(*(self._reconcile(device) for device in changed))

    # --- what is ours (ShardHolder) ---------------------------------------------------------------------

    def shards(self) -> frozenset[int]:
        """The shards that have devices."""
        return frozenset(shard for shard, devices in self._by_shard.items() if devices)

    def busy(self, shard: int) -> bool:
        """Whether a device of the shard is being upgraded."""
        return any(unit.busy and shard_of(device) == shard for device, unit in self.units.items())

    async def gained(self, shard: int, epoch: int) -> None:
        """The shard is ours (again), under this epoch."""
        async with self._locks[shard]:
            self._epochs[shard] = epoch
            for device in sorted(self._by_shard.get(shard, ())):
                unit = self.units.get(device)
                if unit is None:
                    self._start(self._desired[device], shard)
                else:
                    await unit.renewed(epoch)

    def fenced(self, shard: int) -> None:
        """The lease has run out; every command asks `valid` before it is carried out."""
        logger.warning("shard fenced", extra={"shard": shard})

    async def lost(self, shard: int, reason: EndReason) -> None:
        """Close the sessions of the shard's devices."""
        async with self._locks[shard]:
            self._epochs.pop(shard, None)
            units = [unit for device, unit in self.units.items() if shard_of(device) == shard]
            await asyncio.gather(*(self._stop(unit, reason) for unit in units))

    # --- one device -------------------------------------------------------------------------------------

    async def _reconcile(self, device: str) -> None:
        shard = shard_of(device)
        async with self._locks[shard]:
            unit, record = self.units.get(device), self._desired.get(device)
            if record is None:
                if unit is not None:
                    await self._stop(unit, EndReason.REMOVED)
                if shard in self._epochs:
                    await self._remove_presence(device)
            elif shard not in self._epochs:
                return
            elif unit is None:
                self._start(record, shard)
            elif _same_connection(unit, record):
                unit.record = record
            else:
                await self._stop(unit, EndReason.RECORD_CHANGED)
                self._start(record, shard)

    def _start(self, record: Desired, shard: int) -> None:
        unit = self._make(record, shard)
        self.units[record.id] = unit
        unit.start()

    def _make(self, record: Desired, shard: int) -> Unit:
        epoch = self._epochs[shard]
        if isinstance(record, BadRecord):
            return self._unusable(record, InvalidRecord(record.problem), epoch)
        if not record.enabled:
            return IdleUnit(record, self._around, epoch=epoch, problem=None)
        try:
            return DeviceUnit(
                record, self._driver, self._around, epoch=epoch, owned=lambda: self._valid(shard)
            )
        except InvalidRecord as problem:
            return self._unusable(record, problem, epoch)

    def _unusable(self, record: Desired, problem: InvalidRecord, epoch: int) -> IdleUnit:
        logger.error("device record can not work", extra={"device": record.id, "reason": problem.text})
        return IdleUnit(record, self._around, epoch=epoch, problem=problem)

    async def _stop(self, unit: Unit, reason: EndReason) -> None:
        if self.units.get(unit.id) is unit:
            del self.units[unit.id]
        await unit.stop(reason)

    async def _remove_presence(self, device: str) -> None:
        try:
            await self._around.board.remove(device, self._around.protocol)
        except BusError as error:
            logger.warning("presence left behind", extra={"device": device, "reason": str(error)})


def _same_connection(unit: Unit, record: Desired) -> bool:
    """Whether a unit can go on with a new record."""
    if not isinstance(unit, DeviceUnit) or not isinstance(record, DeviceRecord) or not record.enabled:
        return False
    return connection_facts(unit.record) == connection_facts(record)
