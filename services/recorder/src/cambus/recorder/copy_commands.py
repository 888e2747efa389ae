"""The command that tells where copies are: read from the marks beside the files."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.recorder.copy_marks import PENDING, mark_path, read_copied
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import from_us, to_us
from cambus.schemas.commands import recorder_copies as commands
from cambus.schemas.errors import BadRequest


class CopyCommands:
    """Answers `recording.copies`.

    Args:
        replica: this replica's name.
        root: the folder of the recordings.
        index: its index.
        threads: where both are read.
    """

    def __init__(self, replica: str, root: Path, index: Index, threads: Executor) -> None:
        self._replica = replica
        self._root = root
        self._index = index
        self._threads = threads

    def register(self, endpoints: Endpoints) -> None:
        """Answer the command."""
        endpoints.add(commands.RECORDING_COPIES, self.copies)

    async def copies(
        self, _: CallContext, request: commands.RecordingCopiesRequest
    ) -> commands.RecordingCopiesReply:
        """Where the copies of what this replica holds are. Raises BadRequest if the time ends before it begins."""
        if request.end <= request.start:
            raise BadRequest("end: wanted an instant after start")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._found, request)

    def _found(self, request: commands.RecordingCopiesRequest) -> commands.RecordingCopiesReply:
        rows = self._index.find(
            request.device,
            to_us(request.start),
            to_us(request.end),
            channel=request.channel,
            stream=request.stream,
            limit=request.limit + 1,
        )
        found = [copy for row in rows[: request.limit] if (copy := self._copy(row)) is not None]
        until = from_us(rows[request.limit].start_us) if len(rows) > request.limit else None
        return commands.RecordingCopiesReply(replica=self._replica, copies=found, complete_until=until)

    def _copy(self, row: Segment) -> commands.RecordingCopy | None:
        copied = read_copied(self._root, row.name)
        if copied is None and not mark_path(self._root, row.name, PENDING).exists():
            return None
        facts: dict[str, Any] = {
            "start": from_us(row.start_us),
            "end": from_us(row.end_us),
            "channel": row.key.channel,
            "stream": row.key.stream,
            "segment": row.id,
        }
        if copied is None:
            return commands.RecordingCopy(**facts, state="pending")
        return commands.RecordingCopy(
            **facts,
            state="copied",
            url=copied.url,
            container=copied.container,
            bytes=copied.bytes,
            sha256=copied.sha256,
            copied_at=from_us(copied.at_us),
        )
