"""Alarms of a device that came from another replica wait here for those the other may still have on its disk.

While JetStream takes nothing, a device is told that its alarm was heard once our disk has it. A replica that is
killed then takes such alarms with it, until it is back; what the device tells its next owner meanwhile is younger, and
must not go first. The next owner can not ask a dead one what it has. So every replica writes down that its outbox
is open, and takes that back only when it stops with nothing left to send; and it says, with each word that it lives,
whether events wait on its disk. Who takes a device over, and was not given it in order, holds its alarms back,
on its own disk, until each replica that may have older ones has spoken since and has none left to send; and no longer
than a while, for it may never come back.

Words and takings are ordered by the revisions of one bucket (`cambus-leases`), not by clocks. Who took a device over
later waits for who did so earlier, never the other way round, so no two wait for each other.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.leases import Before
from cambus.bus.members import NOTHING, Members, Waiting
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.state.leases import OpenOutbox

logger = logging.getLogger(__name__)

LOOK_S: Final = 0.25
KNOWN_S: Final = 7 * 86_400.0
"""How long an outbox counts as open after its replica was last heard: as long as the stream keeps events."""
REMIND_S: Final = 3600.0
RETRY_S: Final = 1.0
STILL_SENDING: Final = 6
"""How many times as long we wait for a replica that is back and has not sent everything."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """For whom the alarms of a device wait.

    Attributes:
        since: the revision at which the device was taken over: what was held back earlier may be older.
        revision: the revision after which the suspects have to speak.
        suspects: replicas that may have older ones.
        until: when we give up those that are silent.
    """

    since: int
    revision: int
    suspects: frozenset[str]
    until: float

    def joined(self, other: "_Wait") -> "_Wait":
        """The device was taken over again meanwhile."""
        return _Wait(
            min(self.since, other.since),
            max(self.revision, other.revision),
            self.suspects | other.suspects,
            max(self.until, other.until),
        )


class Succession:
    """Which devices' alarms wait for those of the replicas that had the devices before.

    Args:
        bus: the connection.
        service: whose replicas.
        events: holds alarms back.
        members: who is alive, and what waits on their disks. It must be given `outbox` of this object.
        wait_s: how long alarms wait for one that is silent; 0: they do not.
        certain: whether this replica knows what it owns.
    """

    def __init__(
        self,
        bus: Bus,
        service: str,
        events: EventPublisher,
        members: Members,
        *,
        wait_s: float,
        certain: Callable[[], bool],
    ) -> None:
        self._events = events
        self._members = members
        self._wait_s = wait_s
        self._certain = certain
        self._service = service
        self._bucket = KeyValue(bus, KV_LEASES, OpenOutbox)
        self._key = keys.open_outbox(service, members.name)
        others = self._key.removesuffix(members.name) + "*"
        self._watch = self._bucket.watch(others, resync_s=REMIND_S)
        self._since = datetime.now(UTC)
        self._open: set[str] = set()
        self._waits: dict[str, _Wait] = {}
        self._said = NOTHING
        self._told_at: float | None = None
        ends = bus.metrics.counter(
            "successions_total",
            "Devices whose alarms waited for those of a former replica, by how that ended",
            {"end": ("settled", "given-up")},
        )
        self._settled, self._given_up = ends("settled"), ends("given-up")

    def outbox(self) -> Waiting:
        """What waits on our disk; while we can not be certain of what is ours we may hear more that should not wait."""
        since = [each.since for each in self._events.held_back.values() if each.letters]
        return Waiting(self._events.waiting or not self._certain(), min(since, default=None))

    def pending(self, devices: Iterable[str]) -> bool:
        """Whether alarms of one of the devices wait: it had better not be handed over now."""
        return any(device in self._waits for device in devices)

    # --- what happens -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Write down that the outbox is open, however long NATS is away; have wait what did when we were killed."""
        revision = await self._tell()
        while revision is None:
            await asyncio.sleep(RETRY_S)
            revision = await self._tell()
        await self._watch.synced.wait()
        await self._members.synced()
        for device, held in list(self._events.held_back.items()):
            self._have_wait(device, held.since, revision, frozenset(self._open))

    def took_over(
        self, devices: Collection[str], revision: int, before: Before, of: str | None = None
    ) -> None:
        """Devices are ours from now on.

        Args:
            devices: which.
            revision: at which that was written.
            before: whose they were.
            of: the replica that had them, if that is known.
        """
        if before is Before.OURS:
            return
        now = _now()
        suspects = frozenset(
            name
            for name in (self._open if of is None else self._open & {of})
            if self._members.outbox(name) not in (None, NOTHING)
            or (before is Before.UNKNOWN and not self._members.speaking(name, now))
        )
        if not suspects:
            return
        for device in devices:
            self._have_wait(device, revision, revision, suspects)
        if self._waits:
            extra = {"count": len(devices), "replicas": sorted(suspects)}
            logger.info("alarms wait for those of the former replica", extra=extra)

    async def run(self) -> None:
        """Follow the others, let go of what need not wait any longer, and say how we are, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="open outboxes")
            group.create_task(self._look(), name="successions")

    def let_all_go(self) -> None:
        """This replica stops: what waits must not stay here."""
        for device in list(self._events.held_back):
            self._waits.pop(device, None)
            self._events.let_go(device)

    async def close(self) -> None:
        """This replica stops, and nothing is left to send. Never raises."""
        try:
            await self._bucket.delete(self._key)
        except BusError as error:
            logger.info("could not say that nothing is left to send", extra={"reason": str(error)})

    # --- inside -----------------------------------------------------------------------------------------

    def _have_wait(self, device: str, since: int, revision: int, suspects: frozenset[str]) -> None:
        if self._wait_s == 0 or not suspects:
            self._events.let_go(device)
            return
        wait = _Wait(since, revision, suspects, _now() + self._wait_s)
        known = self._waits.get(device)
        self._waits[device] = wait if known is None else wait.joined(known)
        self._events.hold_back(device, since)

    async def _follow(self) -> None:
        async for key, entry in self._watch:
            name = key.rpartition(".")[2]
            if entry is None:
                self._open.discard(name)
            elif name != self._members.name:
                self._open.add(name)

    async def _look(self) -> None:
        while True:
            self._let_go()
            if (outbox := self.outbox()) != self._said:
                self._said = outbox
                await self._members.say()
            if self._told_at is not None and _now() >= self._told_at + REMIND_S:
                await self._tell()
            await asyncio.sleep(LOOK_S)

    def _let_go(self) -> None:
        """Let go of the devices for which nobody is suspected any longer, or long enough."""
        now = _now()
        given_up: dict[str, int] = {}
        for device, wait in list(self._waits.items()):
            suspects = frozenset(name for name in wait.suspects if self._is_suspect(name, wait))
            if suspects and not self._is_over(wait, suspects, now):
                self._waits[device] = replace(wait, suspects=suspects)
                continue
            for name in suspects:
                given_up[name] = given_up.get(name, 0) + 1
            (self._given_up if suspects else self._settled).inc()
            del self._waits[device]
            self._events.let_go(device)
        for name, count in given_up.items():
            extra = {"replica": name, "count": count}
            logger.warning(
                "alarms of a former replica may come late: it has not sent them in time", extra=extra
            )

    def _is_over(self, wait: _Wait, suspects: Collection[str], now: float) -> bool:
        if any(self._members.speaking(name, now) for name in suspects):
            return now >= wait.until + (STILL_SENDING - 1) * self._wait_s
        return now >= wait.until

    def _is_suspect(self, name: str, wait: _Wait) -> bool:
        """Whether a replica may still have alarms that are older than those that wait."""
        outbox = self._members.outbox(name)
        if outbox is None or self._members.heard_at(name) <= wait.revision:
            return name in self._open
        return outbox.waiting or (outbox.held_from is not None and outbox.held_from < wait.since)

    async def _tell(self) -> int | None:
        """Say that our outbox is open; return the revision, None if NATS did not take it."""
        word = OpenOutbox(replica=self._members.name, service=self._service, since=self._since)
        try:
            revision = await self._bucket.put(self._key, word, ttl_s=KNOWN_S)
        except BusError as error:
            logger.warning("could not say that the outbox is open", extra={"reason": str(error)})
            return None
        self._told_at = _now()
        return revision


def _now() -> float:
    return asyncio.get_running_loop().time()
