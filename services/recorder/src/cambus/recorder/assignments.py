"""Which streams this replica records: those that are wanted and whose lease it holds."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from cambus.bus.errors import BusError
from cambus.bus.leases import LeaseKeeper
from cambus.recorder.layout import StreamKey
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.stream_recorder import StreamRecorder
from cambus.schemas import keys

logger = logging.getLogger(__name__)


class Assignments:
    """Starts and ends the recording of streams; every task is owned by the group it was made with.

    Args:
        leases: a stream is recorded under its lease only, so that two replicas never record the same.
        make: makes the recorder of a stream.
        group: owns the tasks.
    """

    def __init__(
        self,
        leases: LeaseKeeper,
        make: Callable[[StreamKey, StreamPolicy], StreamRecorder],
        group: asyncio.TaskGroup,
    ) -> None:
        self._leases = leases
        self._make = make
        self._group = group
        self._running: dict[StreamKey, tuple[StreamRecorder, StreamPolicy, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        return len(self._running)

    async def reconcile(self, wanted: Mapping[StreamKey, StreamPolicy]) -> None:
        """Make what is recorded what is wanted: end, start, and start anew where the length of files changed."""
        for key, (recorder, policy, _) in list(self._running.items()):
            if key not in wanted or wanted[key].segment_s != policy.segment_s:
                await self._end(key)
                if key not in wanted:
                    await recorder.retire()
                await self._leases.release(lease_key(key))
        for key, policy in wanted.items():
            if key in self._running:
                continue
            try:
                lease = await self._leases.acquire(lease_key(key))
            except BusError as error:
                logger.warning("cannot take a stream", extra={"device": key.device, "reason": str(error)})
                continue
            if lease is not None:
                recorder = self._make(key, policy)
                task = self._group.create_task(self._run(key, recorder), name=f"record {key}")
                self._running[key] = (recorder, policy, task)

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
        for key, (recorder, _, _) in self._running.items():
            if key.device == device:
                recorder.wake()

    async def end_all(self) -> None:
        """Stop recording everything, in parallel; what was received is written."""
        await asyncio.gather(*(self._end(key) for key in list(self._running)))

    async def _end(self, key: StreamKey) -> None:
        running = self._running.pop(key, None)
        if running is not None:
            running[2].cancel()
            await asyncio.wait({running[2]})


def lease_key(key: StreamKey) -> str:
    """The lease of a stream."""
    return keys.stream_lease(key.device, key.channel, key.stream)
