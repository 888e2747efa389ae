"""This replica's share of the streams: who is alive, what is wanted, what is taken and with what it is begun."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.leases import LeaseKeeper
from cambus.bus.members import Members, this_replica
from cambus.bus.version import suite_version
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.recorder.alarm_board import AlarmBoard
from cambus.recorder.assignments import Assignments
from cambus.recorder.demand import Demand
from cambus.recorder.duties import close_missed, covered
from cambus.recorder.index import Gap, Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.marks import Marks
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.owed import missed, owed, resumed
from cambus.recorder.picture_retention import PictureRetention
from cambus.recorder.pictures import Pictures
from cambus.recorder.policies import PolicyBook, StreamPolicy, combine
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.stream_recorder import StreamRecorder, Takeover
from cambus.schemas.commands.recorder import SERVICE
from cambus.schemas.spans import GapReason
from cambus.schemas.state.recorders import RecordedMark

logger = logging.getLogger(__name__)

RECONCILE_S: Final = 2.0
RESTLESS_S: Final = 0.25
SWEEP_S: Final = 60.0
ALARMS_S: Final = 10.0


class Share:
    """Follows policies, alarms and the other replicas, and records what falls to this one.

    Args:
        bus: the connection.
        settings: of the service.
        index: where gaps are written.
        journal: where they are written for good, and what is to be recorded here.
        threads: write both.
        make: makes the recorder of a stream.
        metrics: count pictures.

    Attributes:
        policies: what is to be recorded.
        board: the alarms of late.
        marks: up to when streams are recorded.
        applied: every stream a policy or an order names, with what applies to it now.
        assignments: the streams in hand; None before `run`.
    """

    def __init__(
        self,
        bus: Bus,
        settings: RecorderSettings,
        index: Index,
        journal: Journal,
        threads: Executor,
        make: Callable[[StreamKey, StreamPolicy], StreamRecorder],
        metrics: RecorderMetrics,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._index = index
        self._journal = journal
        self._threads = threads
        self._make = make
        self._changed = asyncio.Event()
        self._lost: asyncio.Queue[str] = asyncio.Queue()
        self._sessions: dict[str, object] = {}
        self.policies = PolicyBook(bus, self._changed.set)
        self._pictures = Pictures(BusClient(bus), self.policies, self.mine, metrics)
        self._picture_retention = PictureRetention(bus, self.policies, self.mine, metrics)
        self.board = AlarmBoard(self._pictures.alarm)
        self.marks = Marks(bus, settings.instance)
        self.applied: dict[StreamKey, StreamPolicy] = {}
        self.assignments: Assignments | None = None
        self._leases = LeaseKeeper(
            bus,
            ttl_s=settings.lease_ttl_s,
            margin_s=settings.lease_margin_s,
            on_lost=self._lost.put_nowait,
        )
        self._members = Members(
            bus,
            this_replica(SERVICE, settings.instance, suite_version()),
            ttl_s=settings.lease_ttl_s,
            on_change=self._changed.set,
        )

    async def run(self, on_count: Callable[[int], None]) -> None:
        """Record our share until cancelled; `on_count` is told how many streams are.

        Raises:
            NameTakenError: another process runs under the name of this replica.
        """
        async with asyncio.TaskGroup() as group:
            for work in (self.policies.run, self._leases.run, self._members.run, self.marks.run):
                group.create_task(work())
            group.create_task(self.board.run(self._bus))
            await self.policies.wait_synced()
            await self._members.synced()
            await self._wait_for_alarms()
            await self._settle_duties()
            self.assignments = Assignments(
                self._leases,
                self._members,
                self.marks,
                self._make,
                self._takeover,
                group,
                hand_over_s=self._settings.hand_over_s,
            )
            group.create_task(self._handle_lost(self.assignments))
            group.create_task(self._sweep(self.assignments))
            group.create_task(self._pictures.run())
            group.create_task(self._picture_retention.run())
            await self._reconcile(self.assignments, on_count)

    async def _wait_for_alarms(self) -> None:
        """Know what happened of late before anything is decided by it; a flood of alarms is not waited for."""
        try:
            async with asyncio.timeout(ALARMS_S):
                await self.board.synced.wait()
        except TimeoutError:
            logger.warning("the alarms of late are still being read")

    async def hand_over(self) -> None:
        """End every recording, and give the streams to whoever takes them."""
        if self.assignments is not None:
            await self.assignments.hand_over_all()
        await self._leases.release_all()

    def mine(self, key: StreamKey) -> bool:
        """Whether work about a stream falls to this replica at present."""
        return self.assignments is not None and self.assignments.mine(key)

    async def _reconcile(self, assignments: Assignments, on_count: Callable[[int], None]) -> None:
        while True:
            self._changed.clear()
            self.applied = self.policies.applied(datetime.now(UTC))
            await assignments.reconcile({key: each for key, each in self.applied.items() if each.wanted})
            on_count(len(assignments))
            self._wake_returned(assignments)
            try:
                async with asyncio.timeout(RESTLESS_S if assignments.restless else RECONCILE_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _wake_returned(self, assignments: Assignments) -> None:
        """Claim at once at devices that came online, or are held by another process than before."""
        before, self._sessions = self._sessions, {}
        for device in self.policies.devices:
            session = self.policies.session(device)
            if session is not None:
                self._sessions[device] = session
                if session != before.get(device):
                    assignments.wake(device)

    async def _handle_lost(self, assignments: Assignments) -> None:
        while True:
            await assignments.lost(await self._lost.get())

    # --- what was missed --------------------------------------------------------------------------------

    async def _settle_duties(self) -> None:
        """Write down what was missed of streams that are no longer wanted, and forget those that others took."""
        now_us = to_us(datetime.now(UTC))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            self._threads, close_missed, self._index, self._journal, self._wanted_at, now_us
        )
        for key, mark in (await self.marks.everything()).items():
            if mark.replica != self._settings.instance:
                await loop.run_in_executor(self._threads, self._forget_duty, key)

    def _forget_duty(self, key: StreamKey) -> None:
        if self._journal.read(key).duty_since_us is not None:
            self._journal.duty(key, None)

    def _wanted_at(self, at_us: int) -> frozenset[StreamKey]:
        """The streams that are to be recorded whatever happens at an instant; at present also those that may be."""
        present = to_us(datetime.now(UTC)) - at_us < 1_000_000
        return frozenset(
            key
            for key, policy in self.policies.applied(from_us(at_us)).items()
            if policy.standing is not None or (present and policy.wanted)
        )

    async def _takeover(self, key: StreamKey) -> Takeover:
        """With what a stream is begun that was taken just now; what was missed and is over is written down."""
        mark = await self.marks.read(key)
        now = datetime.now(UTC)
        recorded, reason = await self._recorded_until(key, mark)
        if recorded is None:
            return Takeover(to_us(now))
        over, since_us = resumed(self._owed(key, recorded, now), recorded, now)
        await self._write(missed(key, over, reason))
        return Takeover(to_us(now), since_us, reason)

    async def _recorded_until(
        self, key: StreamKey, mark: RecordedMark | None
    ) -> tuple[datetime | None, GapReason]:
        """Up to when a stream that was to be recorded is, and why it is not since then; None if it was not to be."""
        if mark is not None and mark.replica != self._settings.instance:
            return mark.until, GapReason.NO_OWNER
        loop = asyncio.get_running_loop()
        here_us = await loop.run_in_executor(self._threads, covered, key, self._index, self._journal)
        if here_us is not None:
            return from_us(here_us), GapReason.RESTART
        return None if mark is None else mark.until, GapReason.RESTART

    def _owed(self, key: StreamKey, start: datetime, now: datetime) -> list[tuple[int, int]]:
        policy = self.applied.get(key) or combine((), now)
        return owed(key, self.policies, Demand(key, self.board, policy), start, now)

    async def _write(self, gaps: list[Gap]) -> None:
        loop = asyncio.get_running_loop()
        for gap in gaps:
            for write in (self._index.put_gap, self._journal.gap):
                await loop.run_in_executor(self._threads, write, gap)

    async def _sweep(self, assignments: Assignments) -> None:
        """Settle marks of streams whose recorder died and that nobody wants any longer."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                left = await self.marks.everything()
            except BusError as error:
                logger.debug("marks not swept", extra={"reason": str(error)})
                continue
            now = datetime.now(UTC)
            for key, mark in left.items():
                policy = self.applied.get(key)
                if (policy is None or not policy.wanted) and assignments.mine(key):
                    recorded, reason = await self._recorded_until(key, mark)
                    if recorded is not None:
                        await self._write(missed(key, self._owed(key, recorded, now), reason))
                    await self.marks.remove(key)
