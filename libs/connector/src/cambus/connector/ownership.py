"""Which shards of devices this replica holds, and under which epoch.

Every replica computes from the same list of members who should hold which shard (`rendezvous`). It takes the leases
of its share as they come free, and hands over what is another's share: sessions first, then the lease. Only shards
that have devices are leased.

A lease that can not be renewed fences its shard before anybody else can have it: no command is taken from then on.
The device sessions stay up a little longer if NATS itself is away, for then nobody can take the devices over, and
alarms go on into the outbox: until another owner is seen, or three times to live have passed since the last renewal.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Final, Protocol

from cambus.bus.leases import HeldLease, LeaseKeeper
from cambus.bus.members import Members
from cambus.bus.rendezvous import preferred_owner
from cambus.client.errors import BusError
from cambus.connector.errors import EndReason
from cambus.schemas import keys

logger = logging.getLogger(__name__)

STEP_S: Final = 0.5
UNUSED_S: Final = 5.0
OUTAGE_TTLS: Final = 2.0
"""How many times to live a fenced shard keeps its sessions; with the one that ran out it makes three."""


class ShardHolder(Protocol):
    """Who runs the devices of the shards."""

    def shards(self) -> frozenset[int]:
        """The shards that have devices."""

    def busy(self, shard: int) -> bool:
        """Whether one of its devices should not change hands now unless it must."""

    async def gained(self, shard: int, epoch: int) -> None:
        """The shard is ours (again): run its devices, under this epoch."""

    def fenced(self, shard: int) -> None:
        """The lease has run out: take no more commands for its devices. Must not block."""

    async def lost(self, shard: int, reason: EndReason) -> None:
        """Close the sessions of its devices; returns when they are closed."""


class ShardHistory(Protocol):
    """What becomes of the alarms of a shard that changes hands."""

    def took_over(self, shard: int, lease: HeldLease) -> None:
        """A shard is ours that was another's, or nobody's; no session of its devices has begun."""

    def pending(self, shard: int) -> bool:
        """Whether the shard had better not be handed over now."""

    async def settled(self) -> object:
        """Return once others may have a shard whose sessions are closed: what its devices have told is known."""


class Ownership:
    """Keeps this replica's share of the shards of one protocol.

    Args:
        leases: takes and keeps the leases. Its `on_lost` must be `lease_lost` of this object.
        members: who is alive.
        protocol: whose devices.
        holder: runs the devices.
        ttl_s: time to live of the leases.
        history: what becomes of the alarms of the shards.
    """

    def __init__(
        self,
        leases: LeaseKeeper,
        members: Members,
        protocol: str,
        holder: ShardHolder,
        *,
        ttl_s: float,
        history: ShardHistory,
    ) -> None:
        self._leases = leases
        self._members = members
        self._protocol = protocol
        self._holder = holder
        self._ttl_s = ttl_s
        self._history = history
        self._epochs: dict[int, int] = {}
        self._fenced_at: dict[int, float] = {}
        self._unused_since: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._busy = asyncio.Lock()

    @property
    def held(self) -> dict[int, int]:
        """The shards held, with their epochs."""
        return dict(self._epochs)

    def valid(self, shard: int) -> bool:
        """Whether the shard is certainly ours at this instant; asked right before a side effect."""
        return shard in self._epochs and self._leases.valid(self._key(shard))

    def certain(self) -> bool:
        """Whether every shard of which we have sessions is certainly ours."""
        return not self._fenced_at and all(self.valid(shard) for shard in self._epochs)

    def wake(self) -> None:
        """Members or devices have changed: look now."""
        self._wake.set()

    def lease_lost(self, key: str) -> None:
        """A lease has ended against our will: fence its shard."""
        shard = next((shard for shard in self._epochs if self._key(shard) == key), None)
        if shard is None:
            return
        del self._epochs[shard]
        self._fenced_at[shard] = _now()
        self._holder.fenced(shard)
        self.wake()

    async def run(self) -> None:
        """Take, keep and hand over until cancelled."""
        await self._members.synced()
        while True:
            self._wake.clear()
            await self.step()
            try:
                async with asyncio.timeout(STEP_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Bring what is held closer to what should be, once."""
        async with self._busy:
            if self._stopping:
                return
            used = self._holder.shards()
            alive = self._members.alive(_now())
            mine = {shard for shard in used if preferred_owner(shard, alive) == self._members.name}
            await _all(self._give_up(shard, used) for shard in sorted(set(self._epochs) - mine))
            await _all(self._settle_fenced(shard, shard in mine) for shard in sorted(self._fenced_at))
            await _all(self._take(shard) for shard in sorted(mine - set(self._epochs) - set(self._fenced_at)))
            for shard in mine:
                self._unused_since.pop(shard, None)

    async def stop(self) -> None:
        """Hand over everything at once: tell the others, close the sessions, give the leases back."""
        self._stopping = True
        await self._members.leave()
        async with self._busy:
            await _all(self._hand_over(shard) for shard in list(self._epochs))
            await _all(self._drop(shard, EndReason.HANDED_OVER) for shard in list(self._fenced_at))

    # --- one shard --------------------------------------------------------------------------------------

    async def _take(self, shard: int) -> None:
        try:
            lease = await self._leases.acquire(self._key(shard))
        except BusError as error:
            logger.debug("shard not taken", extra={"shard": shard, "reason": str(error)})
            return
        if lease is not None:
            self._fenced_at.pop(shard, None)
            self._epochs[shard] = lease.epoch
            self._history.took_over(shard, lease)
            logger.info("shard taken", extra={"shard": shard, "epoch": lease.epoch})
            await self._holder.gained(shard, lease.epoch)

    async def _give_up(self, shard: int, used: frozenset[int]) -> None:
        """Hand over another's share at once, or when it is idle; let go of a shard without devices after a while."""
        if self._holder.busy(shard) or self._history.pending(shard):
            return
        if shard in used or _now() - self._unused_since.setdefault(shard, _now()) >= UNUSED_S:
            await self._hand_over(shard)

    async def _hand_over(self, shard: int) -> None:
        await self._holder.lost(shard, EndReason.HANDED_OVER)
        await self._history.settled()
        self._epochs.pop(shard, None)
        self._unused_since.pop(shard, None)
        await self._leases.release(self._key(shard))
        logger.info("shard given back", extra={"shard": shard})

    async def _settle_fenced(self, shard: int, mine: bool) -> None:
        """Take a fenced shard back, or give it up when another has it or too much time has passed."""
        outage_over = _now() - self._fenced_at[shard] >= OUTAGE_TTLS * self._ttl_s
        try:
            lease = await self._leases.acquire(self._key(shard)) if mine else None
        except BusError:
            if outage_over:
                await self._drop(shard, EndReason.OWNERSHIP_LOST)
            return
        if lease is None:
            await self._drop(shard, EndReason.OWNERSHIP_LOST)
            return
        self._fenced_at.pop(shard, None)
        self._epochs[shard] = lease.epoch
        logger.info("shard taken back", extra={"shard": shard, "epoch": lease.epoch})
        await self._holder.gained(shard, lease.epoch)

    async def _drop(self, shard: int, reason: EndReason) -> None:
        self._fenced_at.pop(shard, None)
        await self._holder.lost(shard, reason)

    def _key(self, shard: int) -> str:
        return keys.shard_lease(self._protocol, shard)


async def _all(work: Iterable[Coroutine[None, None, None]]) -> None:
    await asyncio.gather(*work)


def _now() -> float:
    return asyncio.get_running_loop().time()
