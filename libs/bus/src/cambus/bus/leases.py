"""Leases: who owns what, decided by compare-and-set on one key each, with a time to live.

A lease is taken by creating its key, or by replacing one that was released or is our own from before a
restart; it is kept by replacing it every fifth of its time to live; it ends when the server lets it expire.
Taking and keeping are raw publishes: a key-value `update` cannot carry a time to live.

The holder fences itself: counted from the moment *before* the last renewal that succeeded was sent, on a
clock that also runs while the machine sleeps, `margin_s` before the server can let the key go. From then on
`valid()` is False, whatever the event loop is doing, and nobody else can have been given it earlier.

The server lets go by its wall clock. If that is set back, it keeps what a dead holder left for too long: so who wants
the lease counts as well, on its own clock, and replaces a revision that it has seen unrenewed for a time to live: its
holder has fenced itself by then. If the server's clock is set forward, a key may go early: its holder learns that
with the next renewal.

The revision at which a lease was taken is its epoch. Revisions of a bucket only rise, so a later holder has a
higher epoch than every earlier one.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType

from cambus.bus.connection import Bus
from cambus.bus.lease_history import LeaseHistory
from cambus.client.errors import BusError, WrongRevision
from cambus.client.jetstream import EXPECTED_LAST_SUBJECT_SEQUENCE
from cambus.client.kv import Entry, KeyValue, RawEntry, check_key, read_raw, ttl_header
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.codec import JSON, decode, encode
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.leases import Lease

logger = logging.getLogger(__name__)

TTL_S = 25.0
MARGIN_S = 3.0
RENEWALS_PER_TTL = 5
CHECKS_PER_TTL = 25
RELEASED_TTL_S = 5.0
PARALLEL = 64

Clock = Callable[[], float]


class Before(Enum):
    """Whose a lease was before it was taken."""

    OURS = "ours"
    GIVEN_BACK = "given-back"
    UNKNOWN = "unknown"
    """Nobody's, perhaps never; or of one that did not renew it, and may have things of it that nobody knows."""


def sleepless_clock() -> float:
    """Seconds on a clock that never jumps and, where there is one, runs on while the machine sleeps."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


@dataclass(slots=True)
class HeldLease:
    """A lease this process holds, or held.

    Attributes:
        key: what it is for.
        epoch: the revision at which it was taken.
        before: whose it was.
        lost: set when it has ended, for whatever reason.
    """

    key: str
    epoch: int
    since: datetime
    revision: int
    renewed_at: float
    before: Before = Before.UNKNOWN
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeaseKeeper:
    """Takes, keeps and gives back leases in the name of one replica.

    Args:
        bus: the connection.
        holder: the replica's stable name; the one of the settings when None.
        ttl_s: how long a lease lasts without renewal, whole seconds.
        margin_s: how long before that the holder stops to believe in it.
        on_lost: called with the key of a lease that ended against our will, at the latest then: close
            sessions first, then subscriptions.
        bucket: where they are kept.
        clock: seconds that never go back.

    Attributes:
        history: what happened, if the settings say that it is to be kept.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        holder: str | None = None,
        ttl_s: float = TTL_S,
        margin_s: float = MARGIN_S,
        on_lost: Callable[[str], None] | None = None,
        bucket: str = KV_LEASES,
        clock: Clock = sleepless_clock,
    ) -> None:
        if not 0 < margin_s < ttl_s * (1 - 1 / RENEWALS_PER_TTL):
            raise ValueError("leases: the margin must leave time for a renewal")
        self.holder = holder or bus.settings.instance
        self.incarnation = new_ulid()
        self.history = LeaseHistory(bus.settings.lease_history, self.holder, self.incarnation, clock=clock)
        self.ttl_s = ttl_s
        self._bus = bus
        self._bucket = bucket
        self._clock = clock
        self._lasts_s = ttl_s - margin_s
        self._on_lost = on_lost
        self._held: dict[str, HeldLease] = {}
        self._seen: dict[str, tuple[int, float]] = {}
        self._all = KeyValue(bus, bucket, Lease)
        self._slots = asyncio.Semaphore(PARALLEL)
        self._count = bus.metrics.counter(
            "leases_total",
            "Leases taken, renewed, given back, lost; and renewals that failed",
            {"what": ("taken", "renewed", "released", "lost", "failed")},
        )
        self._gauge = bus.metrics.gauge("leases_held", "Leases held by this replica")()

    # --- what is held -----------------------------------------------------------------------------------

    @property
    def held(self) -> Mapping[str, HeldLease]:
        """The leases held, by key; some may be about to end, see `valid`."""
        return MappingProxyType(self._held)

    def valid(self, key: str) -> bool:
        """Whether the lease is certainly ours at this instant: ask right before a side effect."""
        return self.remaining_s(key) > 0

    def remaining_s(self, key: str) -> float:
        """For how many seconds the lease is certainly ours without a further renewal; 0 if it is not."""
        lease = self._held.get(key)
        return 0.0 if lease is None else max(0.0, lease.renewed_at + self._lasts_s - self._clock())

    async def holders(self, keys: str = ">") -> dict[str, Entry[Lease]]:
        """Who holds what at present: all leases, or those a wildcard names. Expiry is silent: poll this.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        return await self._all.items(keys)

    # --- taking and giving back -------------------------------------------------------------------------

    async def acquire(self, key: str) -> HeldLease | None:
        """Take a lease, or return the one already held; None if somebody else has it.

        Raises:
            BusError: NATS refuses or does not answer; whether it was taken is unknown, and if it was it
                ends by itself.
        """
        lease = self._held.get(check_key(key))
        if lease is not None and self.valid(key):
            return lease
        since, asked_at, before = datetime.now(UTC), self._clock(), Before.UNKNOWN
        try:
            revision = await self._write(key, since, expected=0)
        except WrongRevision:
            present = await read_raw(self._bus, self._bucket, key)
            if present is not None and not self._takeable(key, present):
                return None
            before = self._before(present)
            asked_at = self._clock()
            try:
                revision = await self._write(key, since, expected=present.revision if present else 0)
            except WrongRevision:
                return None
        lease = HeldLease(key, revision, since, revision, asked_at, before)
        self._seen.pop(key, None)
        self._held[key] = lease
        self._changed("taken", lease)
        return lease

    async def release(self, key: str) -> None:
        """Give a lease back: others may take it at once. One that is not held is no error.

        If NATS does not hear of it, it ends by its time to live.
        """
        lease = self._held.pop(key, None)
        if lease is None:
            return
        lease.lost.set()
        self._changed("released", lease)
        async with lease.turn, self._slots:
            try:
                await self._write(key, lease.since, expected=lease.revision, released=True)
            except BusError as error:
                logger.info("a lease is left to expire", extra={"lease": key, "reason": str(error)})

    async def release_all(self) -> None:
        """Give back every lease."""
        await asyncio.gather(*(self.release(key) for key in list(self._held)))

    # --- keeping ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Renew what is held, and fence what could not be renewed, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat_fencing())
            while True:
                await asyncio.sleep(self.ttl_s / CHECKS_PER_TTL)
                await self.renew_due()

    async def _repeat_fencing(self) -> None:
        while True:  # beside the renewals: those may hang when it matters
            await asyncio.sleep(self.ttl_s / CHECKS_PER_TTL)
            self.fence()

    def fence(self) -> None:
        """Report as lost what is no longer certainly ours."""
        for lease in list(self._held.values()):
            if not self.valid(lease.key):
                self._lose(lease, "it could not be renewed in time")

    async def renew_due(self) -> None:
        """Renew what was last renewed a fifth of its time to live ago."""
        due_since = self._clock() - self.ttl_s / RENEWALS_PER_TTL
        due = [lease for lease in self._held.values() if lease.renewed_at <= due_since]
        await asyncio.gather(*(self._renew(lease) for lease in due))

    async def _renew(self, lease: HeldLease) -> None:
        async with lease.turn, self._slots:
            if self._held.get(lease.key) is not lease:
                return
            before = self._clock()
            try:
                try:
                    revision = await self._write(lease.key, lease.since, expected=lease.revision)
                except WrongRevision:
                    lease.revision = await self._own_revision(lease)
                    before = self._clock()
                    revision = await self._write(lease.key, lease.since, expected=lease.revision)
            except WrongRevision:
                self._lose(lease, "another replica took it")
            except BusError as error:
                self._count("failed").inc()
                logger.warning("a lease was not renewed", extra={"lease": lease.key, "reason": str(error)})
            else:
                lease.revision, lease.renewed_at = revision, before
                if self._held.get(lease.key) is lease:
                    self._changed("renewed", lease)

    async def _own_revision(self, lease: HeldLease) -> int:
        """The revision of a renewal of ours whose acknowledgement got lost.

        Raises:
            WrongRevision: the key is somebody else's, or gone.
        """
        present = await read_raw(self._bus, self._bucket, lease.key)
        owner = None if present is None or present.deleted else _read(present)
        if (
            present is None
            or owner is None
            or (owner.holder, owner.incarnation, owner.released)
            != (
                self.holder,
                self.incarnation,
                False,
            )
        ):
            raise WrongRevision(400, 0, f"{lease.key} is no longer ours")
        return present.revision

    def _takeable(self, key: str, present: RawEntry) -> bool:
        """Whether a key may be replaced: released, deleted, ours from before a restart, or not renewed for too long."""
        owner = None if present.deleted else _read(present)
        if owner is None or owner.released or owner.holder == self.holder:
            return True
        revision, seen_at = self._seen.get(key, (0, 0.0))
        if revision != present.revision:
            self._seen[key] = present.revision, self._clock()
            return False
        return self._clock() >= seen_at + owner.ttl_s

    def _before(self, present: RawEntry | None) -> Before:
        """Whose a key is that is about to be replaced."""
        owner = None if present is None or present.deleted else _read(present)
        if owner is None:
            return Before.UNKNOWN
        if owner.released:
            return Before.GIVEN_BACK
        return Before.OURS if owner.holder == self.holder else Before.UNKNOWN

    def _lose(self, lease: HeldLease, why: str) -> None:
        if self._held.get(lease.key) is not lease:
            return
        del self._held[lease.key]
        lease.lost.set()
        self._changed("lost", lease)
        logger.warning("lost a lease", extra={"lease": lease.key, "epoch": lease.epoch, "reason": why})
        if self._on_lost is not None:
            self._on_lost(lease.key)

    def _changed(self, what: str, lease: HeldLease) -> None:
        self._count(what).inc()
        self._gauge.set(len(self._held))
        if self.history:
            until = lease.renewed_at + self._lasts_s
            self.history.write(
                what, lease.key, self._clock(), epoch=lease.epoch, until=until, ttl_s=self.ttl_s
            )

    async def _write(self, key: str, since: datetime, *, expected: int, released: bool = False) -> int:
        value = Lease(
            holder=self.holder,
            incarnation=self.incarnation,
            since=since,
            ttl_s=self.ttl_s,
            released=released,
        )
        headers = {
            EXPECTED_LAST_SUBJECT_SEQUENCE: str(expected),
            **ttl_header(min(self.ttl_s, RELEASED_TTL_S) if released else self.ttl_s),
        }
        ack = await self._bus.jetstream.publish(
            f"$KV.{self._bucket}.{key}",
            encode(value, JSON),
            headers=headers,
            timeout_s=min(5.0, self.ttl_s / RENEWALS_PER_TTL),
        )
        return ack.seq


def _read(present: RawEntry) -> Lease | None:
    """The lease in a key; None for what is none, which may be replaced."""
    try:
        return decode(Lease, present.data, JSON)
    except CambusError:
        return None
