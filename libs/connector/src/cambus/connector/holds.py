"""Which replica each device that dials in is connected to, and under which epoch.

A device that dials in belongs to the replica it connected to. That replica writes a key for it, whoever had it
before: the newest connection wins, and the revision of the key is the epoch. The key has no time to live. It is worth
as much as the one lease its holder keeps for all of them (`holder.<protocol>.<replica>`): a replica that dies loses
that lease, and with it every device, at the price of one renewal for all instead of one for each.

Everybody follows both kinds of keys. A holder that sees a newer hold than its own lets go at once. That a lease has
run out is only suspected here, from silence, and asked of the server before anybody acts on it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.leases import LeaseKeeper
from cambus.client.errors import BusError, BusUnavailable, WrongRevision
from cambus.client.kv import Entry, KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.errors import CambusError
from cambus.schemas.state.inbound import InboundHold
from cambus.schemas.state.leases import Lease

logger = logging.getLogger(__name__)

TRIES: Final = 8
SKEW_S: Final = 10.0
LOOK_S: Final = 0.5


class OutrunError(Exception):
    """The device has dialled another replica since: that connection counts."""


class Holds:
    """The holds on the devices of one protocol, as known now; and those of this replica.

    Args:
        bus: the connection.
        leases: keeps the lease of this replica. Its `on_lost` must be `lease_lost` of this object.
        protocol: whose devices.
        on_change: told of every device that may have changed hands.
        on_taken: told of a device that this replica takes: the device, under which epoch, and who had it, if anybody.
    """

    def __init__(
        self,
        bus: Bus,
        leases: LeaseKeeper,
        protocol: str,
        on_change: Callable[[str], None],
        on_taken: Callable[[str, int, str | None], None] = lambda _device, _epoch, _before: None,
    ) -> None:
        self._bus = bus
        self._leases = leases
        self._protocol = protocol
        self._on_change = on_change
        self._on_taken = on_taken
        self._key = keys.holder_lease(protocol, leases.holder)
        self._prefix = keys.inbound_hold(protocol, "x").removesuffix("x")
        self._bucket = KeyValue(bus, KV_LEASES, InboundHold)
        self._lease_bucket = KeyValue(bus, KV_LEASES, Lease)
        self._hold_watch = self._bucket.watch(self._prefix + "*", resync_s=leases.ttl_s)
        self._lease_watch = self._lease_bucket.watch(
            self._key.removesuffix(leases.holder) + "*", resync_s=leases.ttl_s
        )
        self._known: dict[str, Entry[InboundHold]] = {}
        self._holders: dict[str, _Holder] = {}
        self._unsure: set[str] = set()
        self._leaving: dict[str, int] = {}
        self._needed = False
        self._lease_turn = asyncio.Lock()

    # --- what is known ----------------------------------------------------------------------------------

    def valid(self, device: str, epoch: int) -> bool:
        """Whether the device is certainly ours at this instant; asked right before a side effect."""
        return self.mine(device, epoch) and device not in self._unsure and self._leases.valid(self._key)

    def certain(self) -> bool:
        """Whether it is known of every device whether this replica has it."""
        return not self._unsure and (not self._needed or self._leases.valid(self._key))

    def mine(self, device: str, epoch: int) -> bool:
        """Whether, as far as is known, the hold taken under this epoch is the newest."""
        hold = self._known.get(device)
        return hold is not None and hold.revision == epoch

    def held(self, device: str) -> bool:
        """Whether somebody, perhaps this replica, has the device, as far as is known."""
        hold = self._known.get(device)
        return hold is not None and self._alive(hold.value)

    def ours(self, device: str) -> bool:
        """Whether the newest hold known is one of this process."""
        hold = self._known.get(device)
        return hold is not None and self._is_ours(hold.value)

    async def synced(self) -> None:
        """Wait until everything that was there at the start is known."""
        await self._lease_watch.synced.wait()
        await self._hold_watch.synced.wait()

    # --- taking and giving back -------------------------------------------------------------------------

    async def take(self, device: str, since: datetime) -> int:
        """Take a device that dialled in at `since`, from whomever; return the epoch.

        Raises:
            OutrunError: it has dialled another replica since.
            BusError: NATS refuses or does not answer.
        """
        self._needed = True
        await self._take_lease()
        key = self._prefix + device
        value = InboundHold(holder=self._leases.holder, incarnation=self._leases.incarnation, since=since)
        for _ in range(TRIES):
            present = self._known.get(device)
            if present is not None and self._outruns(present.value, since):
                raise OutrunError
            try:
                if present is None:
                    revision = await self._bucket.create(key, value)
                else:
                    revision = await self._bucket.update(key, value, present.revision)
            except WrongRevision:
                self._learn(device, await self._read(device))
                continue
            self._leaving.pop(device, None)
            self._unsure.discard(device)
            self._on_taken(device, revision, None if present is None else present.value.holder)
            self._learn(device, Entry(key, value, revision, since))
            return revision
        raise BusUnavailable(f"{key}: others write it all the time")

    async def release(self, device: str, epoch: int) -> None:
        """Nobody has the device any more, unless it was taken anew. What NATS does not hear of is said again."""
        if not self.mine(device, epoch):
            return
        self.release_soon(device, epoch)
        try:
            await self._bucket.delete(self._prefix + device, epoch)
        except WrongRevision:
            pass
        except BusError as error:
            logger.info("a hold is given back later", extra={"device": device, "reason": str(error)})
            return
        if self._leaving.get(device) == epoch:
            del self._leaving[device]
        if self.mine(device, epoch):
            self._learn(device, None)

    def release_soon(self, device: str, epoch: int) -> None:
        """Whatever happens to the caller, give the device back; `release` does it at once."""
        self._leaving[device] = epoch

    async def free(self, device: str) -> int | None:
        """Return under which epoch it may be said that nobody has the device; None if somebody has.

        0 if nobody had it; else the holder is gone for certain, and its hold was removed.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        hold = self._known.get(device)
        if hold is None:
            return 0
        if self._alive(hold.value) or await self._lives(hold.value):
            return None
        try:
            revision = await self._bucket.delete(hold.key, hold.revision)
        except WrongRevision:
            return None  # it was taken in between: that is news, and comes
        if self.mine(device, hold.revision):
            self._learn(device, None)
        return revision

    # --- life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the holds and keep our own lease until cancelled."""
        forget = self._bus.on_reconnect(self._heard_everybody)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_leases())
                group.create_task(self._follow_holds())
                group.create_task(self._look())
        finally:
            forget()

    async def leave(self) -> None:
        """This replica has let go of every device and takes no more."""
        self._needed = False
        await self._leases.release(self._key)

    def lease_lost(self, key: str) -> None:
        """A lease has ended against our will: if it was ours, no device is certainly ours until asked anew."""
        if key == self._key:
            logger.warning("fenced from the devices that dialled in")
            self._unsure = {device for device, hold in self._known.items() if self._is_ours(hold.value)}

    # --- inside -----------------------------------------------------------------------------------------

    async def _take_lease(self) -> None:
        async with self._lease_turn:  # two at once would take it from each other
            lease = await self._leases.acquire(self._key)
        if lease is None:
            raise BusUnavailable(f"{self._key} is held by another process of our name")

    async def _look(self) -> None:
        """Now and then: keep the lease, give back what could not be, suspect holders that are silent."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if self._needed and not self._leases.valid(self._key):
                    await self._take_lease()
                if self._leases.valid(self._key):
                    await self._make_sure()
                for device, epoch in list(self._leaving.items()):
                    if not self.mine(device, epoch):
                        self._leaving.pop(device, None)
                    await self.release(device, epoch)
            except BusError as error:
                logger.debug("holds not looked at", extra={"reason": str(error)})
            now = _now()
            for name, holder in self._holders.items():
                if holder.silent(now) and not holder.suspected and self._bus.connected:
                    holder.suspected = True
                    self._tell_devices_of(name)

    async def _make_sure(self) -> None:
        """After our lease had run out: ask what became of our devices meanwhile."""
        for device in sorted(self._unsure):
            entry = await self._read(device)
            self._unsure.discard(device)
            self._learn(device, entry)

    async def _follow_leases(self) -> None:
        async for key, entry in self._lease_watch:
            name = key.rpartition(".")[2]
            before = self._holders.get(name)
            if entry is None:
                self._holders.pop(name, None)
            else:
                lease = entry.value
                self._holders[name] = _Holder(lease.incarnation, lease.released, _now(), lease.ttl_s)
            after = self._holders.get(name)
            if after is None or before is None or after.run != before.run:
                self._tell_devices_of(name)

    async def _follow_holds(self) -> None:
        async for key, entry in self._hold_watch:
            device = key.rpartition(".")[2]
            known = self._known.get(device)
            if entry is None and known is not None and self._is_ours(known.value):
                await self._ask(device)  # an older deletion may be heard after our own newer hold
            elif entry is None or known is None or entry.revision > known.revision:
                self._learn(device, entry)

    async def _ask(self, device: str) -> None:
        try:
            self._learn(device, await self._read(device))
        except BusError:
            self._unsure.add(device)

    async def _read(self, device: str) -> Entry[InboundHold] | None:
        """Ask the server for a hold; one that nobody can read is worth nothing, and goes."""
        key = self._prefix + device
        try:
            return await self._bucket.get(key)
        except CambusError:
            logger.error("unreadable hold is removed", extra={"device": device})
            await self._bucket.delete(key)
            return None

    def _learn(self, device: str, entry: Entry[InboundHold] | None) -> None:
        known = self._known.get(device)
        if entry is None:
            self._known.pop(device, None)
        elif known is None or entry.revision >= known.revision:
            self._known[device] = entry
            if entry.value.holder == self._leases.holder:
                self._needed = (
                    True  # also if an earlier run left it: the others see by our lease that that is over
                )
        if known != self._known.get(device):
            self._on_change(device)

    def _is_ours(self, hold: InboundHold) -> bool:
        return (hold.holder, hold.incarnation) == (self._leases.holder, self._leases.incarnation)

    def _alive(self, hold: InboundHold) -> bool:
        """Whether a holder counts as there; while we hear nobody, silence says nothing."""
        if hold.holder == self._leases.holder:
            return self._is_ours(hold)  # an earlier run of this replica is over
        holder = self._holders.get(hold.holder)
        if holder is None or holder.run != (hold.incarnation, False):
            return False
        return not self._bus.connected or not holder.silent(_now())

    def _outruns(self, hold: InboundHold, since: datetime) -> bool:
        """Whether a hold is of a newer connection. What is newer by far has another clock, and proves nothing."""
        newer_s = (hold.since - since).total_seconds()
        return 0 < newer_s < SKEW_S and not self._is_ours(hold) and self._alive(hold)

    async def _lives(self, hold: InboundHold) -> bool:
        """Ask the server whether a holder is still there: we may have heard its hold before its lease."""
        if hold.holder == self._leases.holder:
            return self._is_ours(hold)
        entry = await self._lease_bucket.get(keys.holder_lease(self._protocol, hold.holder))
        if entry is None or entry.value.released or entry.value.incarnation != hold.incarnation:
            return False
        self._holders[hold.holder] = _Holder(hold.incarnation, False, _now(), entry.value.ttl_s)
        return True

    def _tell_devices_of(self, holder: str) -> None:
        for device in [device for device, hold in self._known.items() if hold.value.holder == holder]:
            self._on_change(device)

    def _heard_everybody(self) -> None:
        """After an outage everybody gets the time to be heard again."""
        for holder in self._holders.values():
            holder.heard_at = _now()


@dataclass(slots=True)
class _Holder:
    """The lease of a replica, as last heard."""

    incarnation: str
    released: bool
    heard_at: float
    ttl_s: float
    suspected: bool = False

    @property
    def run(self) -> tuple[str, bool]:
        """Which run of the replica it is of, and whether that has let go."""
        return self.incarnation, self.released

    def silent(self, now: float) -> bool:
        """Whether it has not been renewed for longer than it lasts."""
        return now >= self.heard_at + self.ttl_s


def _now() -> float:
    return asyncio.get_running_loop().time()
