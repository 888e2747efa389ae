"""The commands that keep recordings, and let them go again."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import to_us
from cambus.recorder.locks import set_locked
from cambus.schemas.commands import recorder_locks as commands
from cambus.schemas.errors import BadRequest


class LockCommands:
    """Answers `recording.lock` and `recording.unlock`.

    Args:
        replica: this replica's name.
        root: the folder of the recordings.
        index: its index.
        threads: where both are read and written.
    """

    def __init__(self, replica: str, root: Path, index: Index, threads: Executor) -> None:
        self._replica = replica
        self._root = root
        self._index = index
        self._threads = threads

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RECORDING_LOCK, self.lock)
        endpoints.add(commands.RECORDING_UNLOCK, self.unlock)

    async def lock(self, _: CallContext, request: commands.RecordedLockRequest) -> commands.RecordedLockReply:
        """Keep what this replica holds of it. Raises BadRequest if the time ends before it begins."""
        return await self._set(request, locked=True)

    async def unlock(
        self, _: CallContext, request: commands.RecordedLockRequest
    ) -> commands.RecordedLockReply:
        """Let go what this replica holds of it. Raises BadRequest if the time ends before it begins."""
        return await self._set(request, locked=False)

    async def _set(
        self, request: commands.RecordedLockRequest, *, locked: bool
    ) -> commands.RecordedLockReply:
        if request.end <= request.start:
            raise BadRequest("end: wanted an instant after start")
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(self._threads, self._find_and_set, request, locked)
        return commands.RecordedLockReply(
            replica=self._replica,
            segments=len(done),
            bytes=sum(segment.extent.bytes for segment in done),
        )

    def _find_and_set(self, request: commands.RecordedLockRequest, locked: bool) -> list[Segment]:
        found = self._index.find(
            request.device,
            to_us(request.start),
            to_us(request.end),
            channel=request.channel,
            stream=request.stream,
        )
        wanted = [each for each in found if request.segment in {None, each.id}]
        return set_locked(self._root, self._index, wanted, locked=locked)
