"""Recording ends while the disk is busy: all that came is in the files, and no row counts what is not there."""

import asyncio
import errno
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from disks import WatchedDisk
from durability import FPS, KEY, recovered
from recorded_frames import START_US, real_frames

from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.client.calling import BusClient
from cambus.media.frame import Frame, encode_frame
from cambus.recorder.alarm_board import AlarmBoard
from cambus.recorder.disk import Disk
from cambus.recorder.index import Index, Segment
from cambus.recorder.journal import Journal
from cambus.recorder.marks import Marks
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.stream_recorder import StreamRecorder, Surroundings, Takeover
from cambus.schemas.errors import Offline

POLICY = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=None, stop_when_full=False)
PICTURES = 145
CHUNK = 25


class ByHand(Executor):
    """Threads that are as slow as a test wants: each piece of work is done when it says so."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: function(*args, **kwargs)))
        return future

    def step(self) -> None:
        """Do the work that has waited longest; nobody else may be at work on the same stream."""
        assert len(self.waiting) == 1
        future, work = self.waiting.popleft()
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001  # whoever waits is told, as by a thread
            future.set_exception(error)


class FullAt(WatchedDisk):
    """A disk that refuses one of its writes, behind the first half of it."""

    def __init__(self, refused: int) -> None:
        super().__init__(lambda _: None)
        self.left = refused

    def write(self, descriptor: int, data: memoryview) -> int:
        self.left -= 1
        if self.left >= 0:
            return super().write(descriptor, data)
        if self.left == -1:
            return super().write(descriptor, data[: len(data) // 2])
        if self.left == -2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(descriptor, data)


class Stage:
    """A recorder of one stream without a bus: frames are put in by hand, and the disk works by hand."""

    def __init__(self, root: Path, index: Index, disk: Disk) -> None:
        self.threads = ByHand()
        self.closed: list[Segment] = []
        self._take: Callable[[Any], None] = lambda _: None
        self.recorder = StreamRecorder(
            KEY,
            POLICY,
            Surroundings(
                bus=cast(Bus, self),
                client=cast(BusClient, self),
                settings=RecorderSettings(instance="recorder-1", data_dir=root.parent),
                index=index,
                root=root,
                writers=self.threads,
                metrics=RecorderMetrics(Metrics()),
                on_closed=self.closed.append,
                may_write=lambda _: True,
                on_failure=lambda _: None,
                journal=Journal(root, disk),
                disk=disk,
                marks=cast(Marks, SimpleNamespace(note=lambda *_: None)),
                board=AlarmBoard(),
            ),
        )
        self.recorder.activate(Takeover(START_US))

    async def subscribe(self, subject: str, take: Callable[[Any], None]) -> "Stage":
        """As the bus does."""
        self._take = take
        return self

    async def close(self) -> None:
        """As a subscription does."""

    async def call(self, *_: object, **__: object) -> None:
        """As a client does whose device is away."""
        raise Offline("away")

    async def come(self, frames: list[Frame]) -> None:
        for frame in frames:
            for message in encode_frame(frame, 1 << 20):
                self._take(SimpleNamespace(data=message))
        await quiet()


async def quiet() -> None:
    """Let everything happen that needs no thread."""
    for _ in range(40):
        await asyncio.sleep(0)


async def recording(stage: Stage, ends_at: int) -> bool:
    """Record some seconds, and end it while the disk has the piece of work `ends_at`; False if there is none."""
    frames = deque(real_frames(PICTURES))
    task = asyncio.create_task(stage.recorder.run())
    await quiet()
    steps = 0
    while frames:
        await stage.come([frames.popleft() for _ in range(min(CHUNK, len(frames)))])
        while stage.threads.waiting and steps < ends_at:
            stage.threads.step()
            steps += 1
            await quiet()
    reached = bool(stage.threads.waiting)
    task.cancel()
    await quiet()
    while stage.threads.waiting:
        stage.threads.step()
        await quiet()
    with pytest.raises(asyncio.CancelledError):
        await task
    return reached


async def test_whatever_the_disk_is_busy_with_all_that_came_is_written_and_in_order(
    quick_folder: Path,
) -> None:
    ends_at, goes_on = 0, True
    while goes_on:
        root = quick_folder / f"{ends_at}"
        with Index(root) as index:
            stage = Stage(root, index, Disk())
            goes_on = await recording(stage, ends_at)
            assert {row.id for row in index.all_segments()} == {segment.id for segment in stage.closed}
        rows = recovered(root)
        assert sum(row.extent.duration_us for row in rows) == PICTURES * 1_000_000 // FPS
        ends_at += 1
    assert ends_at > 5


async def test_whichever_write_a_full_disk_refuses_at_the_end_no_row_counts_what_is_not_there(
    quick_folder: Path,
) -> None:
    refused, full = 0, True
    while full:
        root = quick_folder / f"{refused}"
        disk = FullAt(refused)
        with Index(root) as index:
            await recording(Stage(root, index, disk), max(refused - 1, 0))  # the first file is begun with two
        recovered(root)
        full = disk.left < 0
        refused += 1
    assert refused > 5
