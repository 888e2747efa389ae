"""Which streams this replica records: its share of those that are wanted, under their leases.

Every replica computes from the same list of members who should record which stream (`cambus.bus.rendezvous`), so a
newcomer takes its share and no more. Who is to take a stream over follows it already while the other still records,
and keeps its last seconds; who gives it up records on for a while. So nothing is missing between the two.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cambus.bus.leases import LeaseKeeper
from cambus.bus.members import Members
from cambus.bus.rendezvous import preferred_owner
from cambus.client.errors import BusError
from cambus.recorder.layout import StreamKey
from cambus.recorder.marks import Marks
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.stream_recorder import StreamRecorder, Takeover
from cambus.schemas import keys

logger = logging.getLogger(__name__)

PARALLEL: Final = 32


@dataclass(slots=True)
class _Running:
    """A stream that is followed, and since when (loop time) it should be another's."""

    recorder: StreamRecorder
    task: asyncio.Task[None]
    segment_s: float
    leaving_at: float | None = None


class Assignments:
    """Starts and ends the recording of streams; every task is owned by the group it was made with.

    Args:
        leases: a stream is recorded under its lease only, so that two replicas never record the same.
        members: who is alive.
        marks: up to when streams are recorded, by whomever.
        make: makes the recorder of a stream.
        takeover: says with what a stream is begun whose lease was just taken.
        group: owns the tasks.
        hand_over_s: how long a stream is recorded on that is to be another's.
    """

    def __init__(
        self,
        leases: LeaseKeeper,
        members: Members,
        marks: Marks,
        make: Callable[[StreamKey, StreamPolicy], StreamRecorder],
        takeover: Callable[[StreamKey], Awaitable[Takeover]],
        group: asyncio.TaskGroup,
        *,
        hand_over_s: float,
    ) -> None:
        self._leases = leases
        self._members = members
        self._marks = marks
        self._make = make
        self._takeover = takeover
        self._group = group
        self._hand_over_s = hand_over_s
        self._running: dict[StreamKey, _Running] = {}
        self._slots = asyncio.Semaphore(PARALLEL)
        self._busy = asyncio.Lock()
        self._stopping = False

    def __len__(self) -> int:
        return sum(running.recorder.active for running in self._running.values())

    def __iter__(self) -> Iterator[StreamRecorder]:
        return iter([running.recorder for running in self._running.values()])

    @property
    def restless(self) -> bool:
        """Whether streams are changing hands, and the next look should be soon."""
        return any(
            running.leaving_at is not None or not running.recorder.active
            for running in self._running.values()
        )

    def mine(self, key: StreamKey) -> bool:
        """Whether a stream should be this replica's."""
        return self._preferred(key, self._members.alive(_now())) == self._members.name

    async def reconcile(self, wanted: Mapping[StreamKey, StreamPolicy]) -> None:
        """Bring what is recorded closer to what should be: end, hand over, take."""
        async with self._busy:
            if self._stopping:
                return
            alive = self._members.alive(_now())
            mine = {key for key in wanted if self._preferred(key, alive) == self._members.name}
            await asyncio.gather(*(self._review(key, wanted, key in mine) for key in list(self._running)))
            await asyncio.gather(*(self._take(key, wanted[key]) for key in mine))

    async def _review(self, key: StreamKey, wanted: Mapping[StreamKey, StreamPolicy], mine: bool) -> None:
        """Look at a stream that is followed."""
        running = self._running.get(key)
        if running is None:
            return
        policy = wanted.get(key)
        if policy is None:
            await self._end(key)
            if running.recorder.active:
                await running.recorder.retire()
                await self._marks.remove(key)
                await self._leases.release(lease_key(key))
        elif policy.segment_s != running.segment_s:
            await self._give_up(key)
        elif mine:
            running.leaving_at = None
            running.recorder.set_policy(policy)
        elif not running.recorder.active:
            await self._end(key)
        elif running.leaving_at is None:
            running.leaving_at = _now()
            running.recorder.set_policy(policy)
        elif _now() - running.leaving_at >= self._hand_over_s:
            await self._give_up(key, retire=True)

    async def _take(self, key: StreamKey, policy: StreamPolicy) -> None:
        """Take a stream of our share, or follow it until whoever has it gives it up."""
        running = self._running.get(key)
        if running is not None and running.recorder.active:
            return
        try:
            async with self._slots:
                lease = await self._leases.acquire(lease_key(key))
                begun = await self._takeover(key) if lease is not None else None
        except BusError as error:
            logger.warning("cannot take a stream", extra={"device": key.device, "reason": str(error)})
            return
        if self._running.get(key) is None:
            self._start(key, policy)
        running = self._running.get(key)
        if begun is not None and running is not None:
            running.recorder.activate(begun)

    def _start(self, key: StreamKey, policy: StreamPolicy) -> None:
        recorder = self._make(key, policy)
        task = self._group.create_task(self._run(key, recorder), name=f"record {key}")
        self._running[key] = _Running(recorder, task, policy.segment_s)

    async def _run(self, key: StreamKey, recorder: StreamRecorder) -> None:
        try:
            await recorder.run()
        except Exception as error:
            logger.exception("recording a stream failed", extra={"device": key.device}, exc_info=error)
            self._running.pop(key, None)
            await self._leases.release(lease_key(key))

    async def lost(self, lease: str) -> None:
        """A lease is gone: stop recording that stream."""
        for key in list(self._running):
            if lease_key(key) == lease:
                await self._end(key)

    def wake(self, device: str) -> None:
        """A device came back: claim its streams at once."""
        for key, running in self._running.items():
            if key.device == device:
                running.recorder.wake()

    async def hand_over_all(self) -> None:
        """Give everything to the others: tell them, record on until they follow the streams, then end."""
        self._stopping = True
        await self._members.leave()
        if len(self) and self._members.alive(_now()):
            await asyncio.sleep(self._hand_over_s)
        async with self._busy:
            await asyncio.gather(*(self._give_up(key) for key in list(self._running)))

    async def _give_up(self, key: StreamKey, *, retire: bool = False) -> None:
        """End a stream that goes on elsewhere, or here with another recorder; say up to when it is recorded.

        With `retire` it is nothing that is to be recorded here any longer.
        """
        running = self._running.get(key)
        await self._end(key)
        if running is not None and running.recorder.active:
            if retire:
                await running.recorder.retire()
            await self._marks.finish(key)
            await self._leases.release(lease_key(key))

    async def _end(self, key: StreamKey) -> None:
        running = self._running.pop(key, None)
        if running is not None:
            running.task.cancel()
            await asyncio.wait({running.task})

    @staticmethod
    def _preferred(key: StreamKey, alive: frozenset[str]) -> str | None:
        return preferred_owner(keys.shard_of_stream(key.device, key.channel, key.stream), alive)


def lease_key(key: StreamKey) -> str:
    """The lease of a stream."""
    return keys.stream_lease(key.device, key.channel, key.stream)


def _now() -> float:
    return asyncio.get_running_loop().time()
