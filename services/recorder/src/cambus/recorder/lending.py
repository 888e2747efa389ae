"""Sending parts of recorded files to a recorder that makes one export of what several hold."""

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.transfer_sender import TransferAbandonedError, TransferSender
from cambus.client.tasks import TaskSet
from cambus.media.errors import ContainerError
from cambus.recorder.export_movie import wanted_fragments
from cambus.recorder.extent import scan_file
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.segment_reader import to_ticks
from cambus.schemas.commands.recorder_export import ExportLendReply, ExportLendRequest, LentFile
from cambus.schemas.errors import Internal, NotFound, Overloaded
from cambus.schemas.ids import new_ulid
from cambus.schemas.transfer import TransferOutcome

logger = logging.getLogger(__name__)

AT_A_TIME: Final = 8
BLOCK_BYTES: Final = 1 << 20
IDLE_S: Final = 15.0
END_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Part:
    """What is sent of a segment: its ranges, as offset and length."""

    segment: Segment
    path: Path
    ranges: tuple[tuple[int, int], ...]

    @property
    def bytes(self) -> int:
        return sum(length for _, length in self.ranges)


class Lending:
    """What one recorder sends to others.

    Args:
        replica: this replica's name.
        bus: the connection.
        root: the folder of the recordings.
        index: its index.
        threads: where files are read.
    """

    def __init__(self, replica: str, bus: Bus, root: Path, index: Index, threads: Executor) -> None:
        self._replica = replica
        self._bus = bus
        self._root = root
        self._index = index
        self._threads = threads
        self._tasks = TaskSet(AT_A_TIME)
        self._being_read: list[frozenset[str]] = []

    def pinned(self, segment: str) -> bool:
        """Whether a segment is being sent."""
        return any(segment in each for each in tuple(self._being_read))

    async def lend(self, request: ExportLendRequest) -> ExportLendReply:
        """Begin to send.

        Raises:
            NotFound: another replica is meant, or nothing of it is recorded here.
            Overloaded: as much as may be is sent already.
        """
        if request.to != self._replica:
            raise NotFound("another replica is to send it", reason="not-this-replica")
        if len(self._tasks) >= AT_A_TIME:
            raise Overloaded(f"{AT_A_TIME} exports are sent already", reason="too-many-exports")
        loop = asyncio.get_running_loop()
        parts = await loop.run_in_executor(self._threads, self._parts, request)
        if not parts:
            raise NotFound("nothing of it is recorded here", reason="nothing-recorded")
        sender = await TransferSender(self._bus, f"lend-{new_ulid()}", idle_s=IDLE_S).open()
        if not self._tasks.spawn(self._send(sender, parts)):
            await sender.close()
            raise Overloaded(f"{AT_A_TIME} exports are sent already", reason="too-many-exports")
        files = [
            LentFile(segment=part.segment.id, origin=from_us(part.segment.start_us), bytes=part.bytes)
            for part in parts
        ]
        return ExportLendReply(replica=self._replica, subject=sender.subject, files=files)

    async def stop(self) -> None:
        """Send no more."""
        self._tasks.cancel()
        await self._tasks.wait(END_S)

    def _parts(self, request: ExportLendRequest) -> list[_Part]:
        key = StreamKey(request.device, request.channel, request.stream)
        parts: list[_Part] = []
        for span in request.spans:
            start_us, end_us = to_us(span.start), to_us(span.end)
            for segment in self._index.find(
                key.device, start_us, end_us, channel=key.channel, stream=key.stream
            ):
                with suppress(FileNotFoundError, ContainerError):  # its time was over meanwhile
                    parts += self._part(segment, start_us, end_us)
        return parts

    def _part(self, segment: Segment, start_us: int, end_us: int) -> Iterator[_Part]:
        path, offset = self._root / segment.name.path(), to_ticks(segment.start_us)
        found = scan_file(path, limit=segment.extent.bytes)
        start, end = to_ticks(start_us) - offset, to_ticks(end_us) - offset
        wanted = wanted_fragments(found.init, found.fragments, start, end)
        if wanted:
            fragments = ((each.offset, each.size) for _, each in wanted)
            yield _Part(segment, path, ((0, found.init.size), *fragments))

    async def _send(self, sender: TransferSender, parts: Sequence[_Part]) -> None:
        pinned = frozenset(part.segment.id for part in parts)
        self._being_read.append(pinned)
        try:
            try:
                await self._write(sender, parts)
            finally:
                self._being_read.remove(pinned)
            await sender.wait_over()
        finally:
            await sender.close()

    async def _write(self, sender: TransferSender, parts: Sequence[_Part]) -> None:
        loop = asyncio.get_running_loop()
        source = _blocks(parts)
        try:
            while block := await loop.run_in_executor(self._threads, next, source, b""):
                await sender.write(block)
            sender.finish(TransferOutcome.COMPLETE)
        except TransferAbandonedError:
            logger.info("nobody reads any more what was to be sent for an export")
        except OSError as error:
            logger.warning("a recording cannot be sent", extra={"reason": str(error)})
            sender.fail(Internal("a recording cannot be read", reason="disk-error"))


def _blocks(parts: Sequence[_Part]) -> Iterator[bytes]:
    for part in parts:
        descriptor = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for offset, length in part.ranges:
                for at in range(offset, offset + length, BLOCK_BYTES):
                    size = min(BLOCK_BYTES, offset + length - at)
                    block = os.pread(descriptor, size, at)
                    if len(block) != size:
                        raise OSError(f"{part.path} is shorter than its index says")
                    yield block
        finally:
            os.close(descriptor)
