"""Segments copied to storages that are really spoken to: an S3 endpoint of our own, and a folder."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from recorded_frames import real_frames, write_recordings
from recordings import pictures_of
from s3_endpoint import BUCKET, KEY_ID, REGION, SECRET, S3Endpoint, StoredObject

from cambus.bus.metrics import Metrics
from cambus.recorder import copier as copier_module
from cambus.recorder import copy_store
from cambus.recorder.bandwidth import Bandwidth
from cambus.recorder.copier import Copier
from cambus.recorder.copies import Copies
from cambus.recorder.copy_containers import blocks
from cambus.recorder.copy_marks import (
    CONTAINERS,
    COPIED,
    PENDING,
    Container,
    Pending,
    mark_path,
    read_copied,
    write_pending,
)
from cambus.recorder.copy_names import CopyNames
from cambus.recorder.copy_store import CopyStore, StoreAddress
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics

Eventually = Callable[..., Awaitable[None]]
KEY = StreamKey("gate-1", 0, "main")
NAMES = "{device}_{channel}_{start}.{ext}"
SECOND_US = 1_000_000


class Rig:
    """Recordings of a camera, and what copies them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "recordings"
        self.folder = folder
        self.metrics = Metrics()
        self.secrets = folder / "key-id", folder / "secret"
        for path, text in zip(self.secrets, (KEY_ID, SECRET), strict=True):
            path.write_text(f"{text}\n")
        write_recordings(self.root, KEY, real_frames(200), segment_s=4.0)
        with Index(self.root) as index:
            self.segments = index.all_segments()

    def address(self, s3: S3Endpoint) -> StoreAddress:
        return StoreAddress(f"s3://{BUCKET}/site-a", s3.url, REGION, *self.secrets)

    def content(self, segment: Segment, container: Container = "mp4") -> bytes:
        return b"".join(blocks(self.root, segment, container))

    def name(self, segment: Segment, container: Container = "mp4") -> str:
        return CopyNames(NAMES).name(segment, "r-0", "ts" if container == "ts" else "mp4")

    def metrics_of(self, outcome: str) -> float:
        """How many copies ended like that, by the metrics."""
        label = f'outcome="{outcome}"'
        lines = self.metrics.render().decode().splitlines()
        found = [line for line in lines if "recorder_copies_total{" in line and label in line]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def loaded(self, *, hurried: bool = True) -> Copies:
        """What is to be copied, learnt from the disk; time flies, so that nothing waits to be tried again."""
        instants: Iterator[int] = count(1_800_000_000 * SECOND_US, 1000 * SECOND_US)
        copies = Copies(self.root, now_us=lambda: next(instants)) if hurried else Copies(self.root)
        with Index(self.root) as index:
            copies.load(index)
        return copies

    def added(self, container: Container = "mp4") -> Copies:
        copies = self.loaded()
        for segment in self.segments:
            copies.add(segment, container)
        return copies

    @contextlib.asynccontextmanager
    async def copying(
        self,
        copies: Copies,
        address: StoreAddress,
        *,
        concurrency: int = 1,
        alarm_s: float = 600.0,
        bandwidth: Bandwidth | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> AsyncIterator[Copier]:
        with ThreadPoolExecutor(2) as threads:
            copier = Copier(
                "r-0",
                self.root,
                copies,
                lambda: CopyStore(address),
                CopyNames(NAMES),
                threads,
                bandwidth or Bandwidth(0),
                RecorderMetrics(self.metrics),
                concurrency=concurrency,
                alarm_s=alarm_s,
                clock=clock,
            )
            running = asyncio.create_task(copier.run())
            try:
                yield copier
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(copier_module, "LOOK_S", 0.02)
    monkeypatch.setattr(copier_module, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(copy_store, "RETRIES", 0)
    return Rig(tmp_path)


@pytest.fixture
async def s3() -> AsyncIterator[S3Endpoint]:
    async with S3Endpoint() as endpoint:
        yield endpoint


@pytest.mark.parametrize("container", CONTAINERS)
async def test_segments_are_copied_to_s3_and_play(
    rig: Rig, s3: S3Endpoint, eventually: Eventually, container: Container
) -> None:
    copies = rig.added(container)
    async with rig.copying(copies, rig.address(s3)):
        await eventually(lambda: copies.pending == 0)
    assert s3.refused == 0
    for segment in rig.segments:
        stored = s3.objects[f"site-a/{rig.name(segment, container)}"]
        assert stored.data == rig.content(segment, container)
        assert len(pictures_of(stored.data)) == 100
        assert stored.headers["x-amz-meta-sha256"] == hashlib.sha256(stored.data).hexdigest()
        copied = read_copied(rig.root, segment.name)
        assert copied is not None
        assert copied.url == f"s3://{BUCKET}/site-a/{rig.name(segment, container)}"
        assert not mark_path(rig.root, segment.name, PENDING).exists()


async def test_segments_are_copied_to_a_folder(rig: Rig, tmp_path: Path, eventually: Eventually) -> None:
    copies = rig.added("faststart")
    async with rig.copying(copies, StoreAddress(f"file://{tmp_path}/copies/here")):
        await eventually(lambda: copies.pending == 0)
    files = [tmp_path / "copies" / "here" / rig.name(segment) for segment in rig.segments]
    assert [path.read_bytes() for path in files] == [rig.content(each, "faststart") for each in rig.segments]


@pytest.mark.parametrize("fault", ["500", "503", "403", "cut", "slow"])
async def test_what_fails_is_tried_until_it_is_there(
    rig: Rig, s3: S3Endpoint, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "slow":
        monkeypatch.setattr(copy_store, "REQUEST_TIMEOUT", timedelta(seconds=0.5))
    copies = rig.added()
    s3.always = fault
    async with rig.copying(copies, rig.address(s3), alarm_s=0.0) as copier:
        await eventually(lambda: copier.trouble is not None and rig.metrics_of("failed") >= 3)
        state = copier.state()
        assert (state.pending, state.copied) == (2, 0)
        assert state.failing_since is not None
        assert SECRET not in f"{state!r}{copier.trouble}"
        s3.always = None
        s3.release.set()
        await eventually(lambda: copies.pending == 0)
        assert (copier.trouble, copier.state().error, copier.state().copied) == (None, None, 2)
    assert len(s3.objects) == 2


async def test_while_the_storage_fails_files_are_not_tried_one_after_the_other(
    rig: Rig, s3: S3Endpoint, eventually: Eventually
) -> None:
    now, looks = 1000.0, 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return now

    copies = rig.added()
    s3.always = "503"
    async with rig.copying(copies, rig.address(s3), clock=clock):
        await eventually(lambda: rig.metrics_of("failed") == 1)
        s3.always = None  # a file would be taken now, if one were tried
        seen = looks
        await eventually(lambda: looks >= seen + 5)
        assert (rig.metrics_of("failed"), s3.writes, copies.pending) == (1, 0, 2)
        now += 1000
        await eventually(lambda: copies.pending == 0)


async def test_a_rotated_secret_is_taken_without_a_restart(
    rig: Rig, s3: S3Endpoint, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    copies = rig.added()
    s3.secret = "canary-that-is-new"  # of the test
    with caplog.at_level(logging.DEBUG):
        async with rig.copying(copies, rig.address(s3)) as copier:
            await eventually(lambda: copier.state().error == "403 from the storage")
            rig.secrets[1].write_text(s3.secret)
            await eventually(lambda: copies.pending == 0)
    assert SECRET not in caplog.text
    assert s3.secret not in caplog.text


async def test_a_restart_goes_on_with_what_is_left(rig: Rig, s3: S3Endpoint, eventually: Eventually) -> None:
    copies = rig.added()
    s3.faults.extend(["ok", "slow"])
    async with rig.copying(copies, rig.address(s3)):
        await eventually(lambda: copies.pending == 1)
    s3.release.set()
    again = rig.loaded()
    assert again.pending == 1
    async with rig.copying(again, rig.address(s3)):
        await eventually(lambda: again.pending == 0)
    assert {each.data for each in s3.objects.values()} == {rig.content(each) for each in rig.segments}


async def test_what_is_there_already_is_not_sent_again(
    rig: Rig, s3: S3Endpoint, eventually: Eventually
) -> None:
    copies = rig.added()
    async with rig.copying(copies, rig.address(s3)):
        await eventually(lambda: copies.pending == 0)
    writes = s3.writes
    for segment in rig.segments:  # as after a crash before it was noted
        mark_path(rig.root, segment.name, COPIED).unlink()
        write_pending(rig.root, segment.name, Pending("mp4"))
    again = rig.loaded()
    async with rig.copying(again, rig.address(s3)):
        await eventually(lambda: again.pending == 0)
    assert s3.writes == writes
    assert rig.metrics_of("there") == 2


async def test_what_somebody_else_stored_is_not_overwritten(
    rig: Rig, s3: S3Endpoint, eventually: Eventually
) -> None:
    first = rig.segments[0]
    taken = f"site-a/{rig.name(first)}"
    s3.objects[taken] = StoredObject(b"of somebody else")
    copies = rig.added()
    async with rig.copying(copies, rig.address(s3)):
        await eventually(lambda: copies.pending == 0)
    assert s3.objects[taken].data == b"of somebody else"
    assert s3.objects[taken.replace(".mp4", f"-{first.id}.mp4")].data == rig.content(first)


async def test_large_segments_go_in_parts_and_what_failed_is_seen_by_nobody(
    rig: Rig, s3: S3Endpoint, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_store, "PART_BYTES", 50_000)
    copies = rig.added()
    s3.faults.extend(["ok", "ok", "503"])
    async with rig.copying(copies, rig.address(s3)):
        await eventually(lambda: copies.pending == 0)
    assert rig.metrics_of("failed") == 1
    assert {each.data for each in s3.objects.values()} == {rig.content(each) for each in rig.segments}
    assert all(each.parts > 1 for each in s3.objects.values())
    assert all("x-amz-meta-sha256" in each.headers for each in s3.objects.values())
    assert s3.uploads == {}


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_no_more_are_copied_at_a_time_than_may_be(
    rig: Rig, s3: S3Endpoint, eventually: Eventually, concurrency: int
) -> None:
    copies = rig.added()
    s3.faults.extend(["slow", "slow"])
    async with rig.copying(copies, rig.address(s3), concurrency=concurrency):
        await eventually(lambda: s3.most_at_once == concurrency)
        s3.release.set()
        await eventually(lambda: copies.pending == 0)
    assert s3.most_at_once == concurrency


async def test_copies_wait_for_their_bandwidth(rig: Rig, s3: S3Endpoint, eventually: Eventually) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    copies = rig.added()
    sizes = [len(rig.content(each)) for each in rig.segments]
    bandwidth = Bandwidth(1000, clock=lambda: 0.0, sleep=sleep)
    async with rig.copying(copies, rig.address(s3), bandwidth=bandwidth):
        await eventually(lambda: copies.pending == 0)
    assert waits == [pytest.approx(sizes[0] / 1000)]
