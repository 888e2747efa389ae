"""Copies what is to be copied to the object storage: within a bandwidth, again and again until it is there.

A copy that is there already, of the same size and digest, is not sent again. Where something else has its name it gets
another one: nothing is ever overwritten but what an earlier attempt at the same segment left.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from cambus.media.errors import MediaError
from cambus.recorder.bandwidth import Bandwidth
from cambus.recorder.copies import Copies, Task, retry_s
from cambus.recorder.copy_containers import CONTENT_TYPES, EXTENSIONS, Weight, blocks, segment_of, weigh
from cambus.recorder.copy_marks import Copied
from cambus.recorder.copy_names import CopyNames, beside
from cambus.recorder.copy_store import CopyStore, CopyStoreError
from cambus.recorder.index import Segment
from cambus.recorder.layout import from_us
from cambus.recorder.observe import RecorderMetrics
from cambus.schemas.commands.recorder_streams import CopyingState

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Seconds for which nothing at all is tried while the storage fails: files need not be read to learn that it does."""
PIECE_BYTES: Final = 1 << 20
LOSS_TOLD_S: Final = 3600.0
"""Seconds for which a segment that was deleted before it was copied is told by the alarm."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    segment: Segment
    weight: Weight


class Copier:
    """Copies the segments of one disk.

    Args:
        replica: this replica's name.
        root: the folder of the recordings.
        copies: what is to be copied.
        open_store: opens the storage, with the secrets there are now; blocks.
        names: how copies are called.
        threads: where files are read.
        bandwidth: how fast they are sent.
        metrics: counts them.
        concurrency: how many at a time.
        alarm_s: seconds without a copy that succeeds after which that is an alarm.
        clock: seconds that never go back.
        chance: 0 to 1, another one each time.
    """

    def __init__(
        self,
        replica: str,
        root: Path,
        copies: Copies,
        open_store: Callable[[], CopyStore],
        names: CopyNames,
        threads: Executor,
        bandwidth: Bandwidth,
        metrics: RecorderMetrics,
        *,
        concurrency: int,
        alarm_s: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._replica = replica
        self._root = root
        self._copies = copies
        self._open_store = open_store
        self._names = names
        self._threads = threads
        self._bandwidth = bandwidth
        self._metrics = metrics
        self._concurrency = concurrency
        self._alarm_s = alarm_s
        self._clock = clock
        self._chance = chance
        self._store: CopyStore | None = None
        self._failing_since: float | None = None
        self._failing_at_us = 0
        self._failures = 0
        self._resume_at = 0.0
        self._error: str | None = None
        self._lost_at: float | None = None
        self._copied = 0
        self._copied_bytes = 0

    # --- how it is

    def lost(self, id_: str) -> None:
        """A segment was deleted before it was copied."""
        self._copies.note_lost(id_)
        self._lost_at = self._clock()
        self._metrics.copied("lost")

    @property
    def trouble(self) -> str | None:
        """What is to be an alarm: nothing has been copied for long, or something was lost before it was."""
        now = self._clock()
        if self._lost_at is not None and now - self._lost_at < LOSS_TOLD_S:
            lost = self._copies.lost
            return (
                f"the disk of {self._replica} is full: {lost} recordings were deleted before they were copied"
            )
        if self._failing_since is not None and now - self._failing_since >= self._alarm_s:
            return f"{self._replica} copies nothing, {self._copies.pending} recordings wait: {self._error}"
        return None

    def state(self) -> CopyingState:
        """How far it is."""
        oldest_us = self._copies.oldest_us
        failing = self._failing_since is not None
        return CopyingState(
            pending=self._copies.pending,
            oldest=None if oldest_us is None else from_us(oldest_us),
            copied=self._copied,
            copied_bytes=self._copied_bytes,
            lost=self._copies.lost,
            failing_since=from_us(self._failing_at_us) if failing else None,
            error=self._error if failing else None,
        )

    # --- copying

    async def run(self) -> None:
        """Copy until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._concurrency):
                group.create_task(self._work(), name=f"copy-{number}")

    async def _work(self) -> None:
        while True:
            self._metrics.copies_pending(self._copies.pending)
            task = self._copies.take() if self._clock() >= self._resume_at else None
            if task is None:
                await asyncio.sleep(LOOK_S)
                continue
            try:
                await self._attempt(task)
            finally:
                self._copies.give_back(task)

    async def _attempt(self, task: Task) -> None:
        try:
            await self._copy(task)
        except FileNotFoundError:
            self._copies.gone(task)
        except (CopyStoreError, MediaError, OSError, ValueError) as error:
            await self._note_failure(task, error)

    async def _note_failure(self, task: Task, error: Exception) -> None:
        reason = (
            str(error) if isinstance(error, CopyStoreError) else f"cannot be read: {type(error).__name__}"
        )
        self._metrics.copied("failed")
        if isinstance(error, CopyStoreError):
            self._store = None  # with the secrets of then, next time
            self._error = reason
            self._failures += 1
            pause_s = min(LONGEST_PAUSE_S, retry_s(self._failures, self._chance()))
            self._resume_at = self._clock() + pause_s
            if self._failing_since is None:
                self._failing_since, self._failing_at_us = self._clock(), time.time_ns() // 1000
                logger.warning("recordings are not copied", extra={"reason": reason})
        else:
            logger.error(
                "a recording cannot be copied", extra={"segment": task.name.id, "reason": str(error)}
            )
        try:
            await self._in_thread(lambda: self._copies.failed(task))
        except OSError as refused:
            logger.warning("a failed copy cannot be noted", extra={"reason": str(refused)})

    async def _copy(self, task: Task) -> None:
        if self._store is None:
            self._store = await self._in_thread(self._open_store)
        store, container = self._store, task.pending.container
        prepared = await self._in_thread(lambda: self._prepare(task))
        segment, weight = prepared.segment, prepared.weight
        name = self._names.name(segment, self._replica, EXTENSIONS[container])
        outcome = "there"
        held = await store.held(name)
        if held is not None and held != weight:
            name = beside(name, segment)
            held = await store.held(name)
        if held != weight:
            content = self._pieces(blocks(self._root, segment, container))
            await store.put(name, content, weight, content_type=CONTENT_TYPES[container])
            if await store.held(name) != weight:
                raise CopyStoreError("the copy differs from what was sent")
            outcome = "copied"
        copied = Copied(store.url(name), container, weight.bytes, weight.sha256, time.time_ns() // 1000)
        await self._in_thread(lambda: self._copies.done(task, copied))
        self._succeeded(outcome, weight.bytes)
        logger.info("copied a recording", extra={"device": segment.key.device, "segment": segment.id})

    def _prepare(self, task: Task) -> _Prepared:
        segment = segment_of(self._root, task.name)
        return _Prepared(segment, weigh(self._root, segment, task.pending.container))

    def _succeeded(self, outcome: str, size: int) -> None:
        self._copied += 1
        self._failures = 0
        self._copied_bytes += size
        self._metrics.copied(outcome, size if outcome == "copied" else 0)
        if self._failing_since is not None:
            self._failing_since = self._error = None
            logger.info("recordings are copied again")

    async def _pieces(self, source: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of a copy as fast as they may go, read in a thread."""
        while piece := await self._in_thread(lambda: _next_piece(source)):
            await self._bandwidth.take(len(piece))
            yield piece

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _next_piece(source: Iterator[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    for block in source:
        parts.append(block)
        size += len(block)
        if size >= PIECE_BYTES:
            break
    return b"".join(parts)
