"""The devices of this replica: a unit for each record in a shard that it holds, and for each device connected to it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from cambus.client.errors import BusError
from cambus.connector.dialled import DialledUnit
from cambus.connector.driver import Driver, InboundDriver
from cambus.connector.errors import CredentialsRefused, EndReason, InvalidRecord
from cambus.connector.holds import Holds
from cambus.connector.identities import Identities
from cambus.connector.idle import IdleUnit
from cambus.connector.registered import RegisteredUnit, Visit
from cambus.connector.registry import BadRecord, Desired, connection_facts
from cambus.connector.surroundings import Surroundings
from cambus.connector.unit import DeviceUnit
from cambus.schemas.keys import SHARDS, shard_of
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

Unit = DeviceUnit | IdleUnit


class Fleet:
    """Runs the devices of the shards this replica holds, and those that are connected to it.

    Args:
        driver: makes devices of records.
        around: what all devices share.
        holds: who has the devices that dial in.
        valid: whether a shard is certainly ours at this instant.
        on_shards: called when a shard may have got its first device or lost its last.

    Attributes:
        units: the devices held, by id.
        around: what all devices share.
    """

    def __init__(
        self,
        driver: Driver[Any],
        around: Surroundings,
        holds: Holds,
        *,
        valid: Callable[[int], bool],
        on_shards: Callable[[], None],
    ) -> None:
        self.units: dict[str, Unit] = {}
        self._driver = driver
        self.around = around
        self._holds = holds
        self._valid = valid
        self._on_shards = on_shards
        self._desired: dict[str, Desired] = {}
        self._identities = Identities()
        self._by_shard: dict[int, set[str]] = {}
        self._epochs: dict[int, int] = {}
        self._locks = [asyncio.Lock() for _ in range(SHARDS)]
        self._changed: set[str] = set()
        self._work = asyncio.Event()
        self._receives = True

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
        self._look_at(device, *self._identities.put(device, self._identity(record)))
        self._on_shards()

    def credentials_changed(self, name: str) -> None:
        """A credential was written."""
        for unit in self.units.values():
            unit.credentials_changed(name)

    def hold_changed(self, device: str) -> None:
        """A device that dials in may have changed hands."""
        unit = self.units.get(device)
        if isinstance(unit, RegisteredUnit):
            unit.hold_changed()
            self._look_at(device)

    async def run(self) -> None:
        """Follow the records until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            changed, self._changed = self._changed, set()
            await asyncio.gather(*(self._reconcile(device) for device in changed))

    def _look_at(self, *devices: str) -> None:
        self._changed.update(devices)
        self._work.set()

    # --- what is ours (ShardHolder) ---------------------------------------------------------------------

    def shards(self) -> frozenset[int]:
        """The shards that have devices."""
        return frozenset(shard for shard, devices in self._by_shard.items() if devices)

    def dialled(self, shard: int) -> frozenset[str]:
        """The devices of a shard that do not dial in: those that go where the shard goes."""
        devices = self._by_shard.get(shard, ())
        return frozenset(device for device in devices if self._identity(self._desired[device]) is None)

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
                    await self._start(self._desired[device], shard)
                else:
                    await unit.renewed(epoch)

    def fenced(self, shard: int) -> None:
        """The lease has run out; every command asks `valid` before it is carried out."""
        logger.warning("shard fenced", extra={"shard": shard})

    async def lost(self, shard: int, reason: EndReason) -> None:
        """Close the sessions of the shard's devices, but for those that have dialled in: they stay where they are."""
        async with self._locks[shard]:
            self._epochs.pop(shard, None)
            units = [unit for device, unit in self.units.items() if shard_of(device) == shard]
            await asyncio.gather(*(self._let_go(unit, reason) for unit in units))

    async def _let_go(self, unit: Unit, reason: EndReason) -> None:
        if isinstance(unit, RegisteredUnit) and unit.needed:
            unit.unmind()
        else:
            await self._stop(unit, reason)

    # --- devices that dial in ---------------------------------------------------------------------------

    def awaited(self, identity: str) -> DeviceRecord | None:
        """Return the record of the device that calls itself so; None if it is not to be served."""
        device = self._identities.device(identity)
        record = self._desired.get(device) if device is not None else None
        return record if isinstance(record, DeviceRecord) and record.enabled else None

    def known(self, identity: str) -> bool:
        """Whether a record says that its device calls itself so, even if it is not to be served."""
        return self._identities.known(identity)

    async def visited(self, device: str, visit: Visit) -> bool:
        """Bring a device's connection to its unit; False if the device is not to be served."""
        async with self._locks[shard_of(device)]:
            unit = self._receiver(device)
            if unit is not None:
                unit.arrived(visit)
            return unit is not None

    async def refused(self, device: str, refusal: CredentialsRefused, source: str) -> None:
        """Something that calls itself a device has shown wrong credentials."""
        async with self._locks[shard_of(device)]:
            unit = self._receiver(device)
            if unit is not None:
                await unit.refused(refusal, source)

    async def hang_up(self) -> None:
        """End the sessions of devices that have dialled in, and take no more: they are to dial somebody else."""
        self._receives = False
        visited = [unit for unit in self.units.values() if isinstance(unit, RegisteredUnit) and unit.visited]
        await asyncio.gather(*(self._stop(unit, EndReason.HANDED_OVER) for unit in visited))

    def _receiver(self, device: str) -> RegisteredUnit | None:
        """The unit of a device that dials in, made if this replica has none yet."""
        unit, record = self.units.get(device), self._desired.get(device)
        if unit is None and self._receives and isinstance(record, DeviceRecord) and self._identity(record):
            unit = self._make(record, None)
            if isinstance(unit, RegisteredUnit):
                self.units[device] = unit
                unit.start()
        return unit if isinstance(unit, RegisteredUnit) and self._receives else None

    def _identity(self, record: Desired | None) -> str | None:
        """What a device calls itself when it dials in; None for one that does not, or whose record can not work."""
        try:
            return self._called(record) if isinstance(record, DeviceRecord) else None
        except InvalidRecord:
            return None  # said when its unit is made

    def _called(self, record: DeviceRecord) -> str | None:
        """As `_identity`. Raises InvalidRecord."""
        if record.address is not None or not isinstance(self._driver, InboundDriver):
            return None
        return self._driver.identity(record)

    # --- one device -------------------------------------------------------------------------------------

    async def _reconcile(self, device: str) -> None:
        shard = shard_of(device)
        async with self._locks[shard]:
            unit, record = self.units.get(device), self._desired.get(device)
            if record is None:
                if unit is not None:
                    await self._stop(unit, EndReason.REMOVED)
                if shard in self._epochs or isinstance(unit, RegisteredUnit):
                    await self._remove_presence(device)
            elif unit is None:
                if shard in self._epochs:
                    await self._start(record, shard)
            elif not self._same_connection(unit, record):
                await self._stop(unit, _changed_or_removed(record))
                if shard in self._epochs:
                    await self._start(record, shard)
            elif isinstance(unit, RegisteredUnit) and unit.dispensable:
                await self._stop(unit, EndReason.HANDED_OVER)
            else:
                unit.record = record

    async def _start(self, record: Desired, shard: int) -> None:
        unit = self._make(record, shard)
        self.units[record.id] = unit
        unit.start()
        if isinstance(unit, RegisteredUnit):
            await unit.renewed(self._epochs[shard])

    def _make(self, record: Desired, shard: int | None) -> Unit:
        """Make the unit of a record; `shard` None: only because it is connected to this replica."""
        epoch = 0 if shard is None else self._epochs[shard]
        if isinstance(record, BadRecord):
            return self._unusable(record, InvalidRecord(record.problem), epoch)
        if not record.enabled:
            return IdleUnit(record, self.around, epoch=epoch, problem=None)
        if shared := self._identities.shared_with(record.id):
            problem = InvalidRecord(
                f"calls itself like {', '.join(shared[:3])}: wanted an identity of its own"
            )
            return self._unusable(record, problem, epoch)
        try:
            return self._make_device(record, shard, epoch)
        except InvalidRecord as problem:
            return self._unusable(record, problem, epoch)

    def _make_device(self, record: DeviceRecord, shard: int | None, epoch: int) -> DeviceUnit:
        if self._called(record) is not None:
            return RegisteredUnit(
                record,
                self._driver,
                self.around,
                self._holds,
                on_left=lambda: self._look_at(record.id),
            )
        return DialledUnit(
            record,
            self._driver,
            self.around,
            epoch=epoch,
            owned=lambda: shard is not None and self._valid(shard),
        )

    def _same_connection(self, unit: Unit, record: Desired) -> bool:
        """Whether a unit can go on with a new record."""
        if not isinstance(unit, DeviceUnit) or not isinstance(record, DeviceRecord) or not record.enabled:
            return False
        if self._identities.shared_with(record.id):
            return False
        return connection_facts(unit.record) == connection_facts(record)

    def _unusable(self, record: Desired, problem: InvalidRecord, epoch: int) -> IdleUnit:
        logger.error("device record can not work", extra={"device": record.id, "reason": problem.text})
        return IdleUnit(record, self.around, epoch=epoch, problem=problem)

    async def _stop(self, unit: Unit, reason: EndReason) -> None:
        if self.units.get(unit.id) is unit:
            del self.units[unit.id]
        await unit.stop(reason)

    async def _remove_presence(self, device: str) -> None:
        try:
            await self.around.board.remove(device, self.around.protocol)
        except BusError as error:
            logger.warning("presence left behind", extra={"device": device, "reason": str(error)})


def _changed_or_removed(record: Desired) -> EndReason:
    disabled = isinstance(record, DeviceRecord) and not record.enabled
    return EndReason.REMOVED if disabled else EndReason.RECORD_CHANGED
