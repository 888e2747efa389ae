"""Which replicas of a service are alive: each keeps a key with a time to live, and watches those of the others.

A replica that dies says nothing; its key expires, which a watch does not report. So everybody counts from when
they last heard of each other.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import Entry, KeyValue, ttl_header
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.codec import JSON, encode
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.leases import Replica

logger = logging.getLogger(__name__)

SETTLE_S: Final = 1.0
RENEWALS_PER_TTL: Final = 5
LEAVING_TTL_S: Final = 2


class NameTakenError(Exception):
    """A younger process runs under our name: two would take devices from each other for ever."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on the disk of a replica: anything at all, and alarms held back, since which taking of a device."""

    waiting: bool = False
    held_from: int | None = None


NOTHING: Final = Waiting()


class Members:
    """The replicas of one service, this one among them.

    Args:
        bus: the connection.
        replica: what this one says of itself.
        ttl_s: how long a replica that is silent counts as alive, whole seconds.
        settle_s: how long a newcomer must have been seen before it counts: a replica that comes and goes within
            that moves no device.
        on_change: called when somebody was heard, and the set of members that count may have changed.
        outbox: what waits on our disk, for the others to know.
    """

    def __init__(
        self,
        bus: Bus,
        replica: Replica,
        *,
        ttl_s: float,
        settle_s: float = SETTLE_S,
        on_change: Callable[[], None] = lambda: None,
        outbox: Callable[[], Waiting] = lambda: NOTHING,
    ) -> None:
        self._bus = bus
        self._replica = replica
        self._ttl_s = ttl_s
        self._settle_s = settle_s
        self._on_change = on_change
        self._outbox = outbox
        self._key = keys.replica(replica.service, replica.replica)
        watched = keys.replica(replica.service, "x").removesuffix("x") + "*"
        self._watch = KeyValue(bus, KV_LEASES, Replica).watch(watched, resync_s=ttl_s)
        self._peers: dict[str, _Peer] = {}
        self._leaving = False
        self._epoch: int | None = None

    @property
    def name(self) -> str:
        """The name of this replica."""
        return self._replica.replica

    def alive(self, now: float) -> frozenset[str]:
        """Return who counts at `now` (loop time): this one, and peers that settled, were heard and do not leave."""
        deaf = not self._bus.connected  # while we hear nobody, silence says nothing
        peers = {
            name
            for name, peer in self._peers.items()
            if now >= peer.counts_from and (deaf or now < peer.heard_at + self._ttl_s) and not peer.leaving
        }
        return frozenset(peers if self._leaving else peers | {self.name})

    def next_timeout(self, now: float) -> float | None:
        """When `alive` may change without news; None: never."""
        times = [
            time
            for peer in self._peers.values()
            for time in (peer.counts_from, peer.heard_at + self._ttl_s)
            if time > now
        ]
        return min(times, default=None)

    def outbox(self, name: str) -> Waiting | None:
        """What waits on the disk of a peer, as it was last heard; None: it was not."""
        peer = self._peers.get(name)
        return None if peer is None else peer.outbox

    def speaking(self, name: str, now: float) -> bool:
        """Whether a peer lives for certain at `now` (loop time): we have heard it say so itself a moment ago.

        What was there when we began to listen may be of one that has died since.
        """
        peer = self._peers.get(name)
        return peer is not None and now < peer.witnessed_at + 2 * self._ttl_s / RENEWALS_PER_TTL

    def heard_at(self, name: str) -> int:
        """Return the revision of what a peer has said last; 0 if it was not heard."""
        peer = self._peers.get(name)
        return 0 if peer is None else peer.revision

    async def synced(self) -> None:
        """Wait until everybody who was there at the start is known."""
        await self._watch.synced.wait()

    async def run(self) -> None:
        """Say that this one lives and listen to the others, until cancelled.

        Raises:
            NameTakenError: see there.
        """
        forget = self._bus.on_reconnect(self._heard_everybody)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._announce())
                group.create_task(self._listen())
        finally:
            forget()

    async def leave(self) -> None:
        """Say that this one takes nothing more and is about to stop. Never raises."""
        self._leaving = True
        try:
            await self._write(LEAVING_TTL_S)
        except BusError as error:
            logger.info("could not say that we leave", extra={"reason": str(error)})

    async def say(self) -> None:
        """Say at once how we are: whether events wait has changed. Never raises."""
        try:
            await self._write(LEAVING_TTL_S if self._leaving else self._ttl_s)
        except BusError as error:
            logger.debug("could not say how we are", extra={"reason": str(error)})

    # --- inside -----------------------------------------------------------------------------------------

    async def _announce(self) -> None:
        while not self._leaving:
            try:
                await self._write(self._ttl_s)
            except BusError as error:
                logger.warning("could not say that we live", extra={"reason": str(error)})
            await asyncio.sleep(self._ttl_s / RENEWALS_PER_TTL)

    async def _write(self, ttl_s: float) -> None:
        value = self._replica.model_copy(
            update={"draining": self._leaving, "epoch": self._epoch, **asdict(self._outbox())}
        )
        ack = await self._bus.jetstream.publish(
            f"$KV.{KV_LEASES}.{self._key}",
            encode(value, JSON),
            headers=ttl_header(ttl_s),
            timeout_s=self._ttl_s / RENEWALS_PER_TTL,
        )
        self._epoch = self._epoch or ack.seq

    async def _listen(self) -> None:
        async for key, entry in self._watch:
            self.heard(key, entry)

    def heard(self, key: str, entry: Entry[Replica] | None) -> None:
        """Take one change of the bucket."""
        now = asyncio.get_running_loop().time()
        name = key.rpartition(".")[2]
        if name == self.name:
            self._check_name(entry)
        elif entry is None:
            self._peers.pop(name, None)
        elif (peer := self._peers.get(name)) is not None and peer.heard_at + self._ttl_s > now:
            peer.hear(entry, now)
            peer.witnessed_at = now
        else:
            early = not self._watch.synced.is_set()  # who was there before us need not settle
            counts_from = now if early else now + self._settle_s
            self._peers[name] = _Peer(entry, now, counts_from, witnessed_at=-math.inf if early else now)
        self._on_change()

    def _heard_everybody(self) -> None:
        """After an outage everybody gets the time to be heard again."""
        now = asyncio.get_running_loop().time()
        for peer in self._peers.values():
            peer.heard_at = now

    def _check_name(self, entry: Entry[Replica] | None) -> None:
        """Give way to a younger process of our name: which is younger, the bucket says; clocks may be set."""
        if entry is None or entry.value.incarnation == self._replica.incarnation or self._leaving:
            return
        if self._epoch is not None and (entry.value.epoch or entry.revision) > self._epoch:
            raise NameTakenError(
                f"another process runs as {self.name} since {entry.value.since:%H:%M:%S}; "
                "give each replica a CAMBUS_INSTANCE of its own"
            )


class _Peer:
    """Another replica."""

    __slots__ = ("counts_from", "heard_at", "leaving", "outbox", "revision", "witnessed_at")

    def __init__(self, entry: Entry[Replica], now: float, counts_from: float, *, witnessed_at: float) -> None:
        self.counts_from = counts_from
        self.witnessed_at = witnessed_at
        self.hear(entry, now)

    def hear(self, entry: Entry[Replica], now: float) -> None:
        """It has said how it is."""
        self.heard_at = now
        self.leaving = entry.value.draining
        self.outbox = Waiting(entry.value.waiting, entry.value.held_from)
        self.revision = entry.revision


def this_replica(service: str, name: str, version: str) -> Replica:
    """Return what a replica that starts now says of itself."""
    return Replica(
        replica=name, service=service, version=version, since=datetime.now(UTC), incarnation=new_ulid()
    )
