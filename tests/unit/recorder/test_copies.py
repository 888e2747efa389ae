from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from disks import SmallDisk

from cambus.bus.metrics import Metrics
from cambus.media.frame import Frame
from cambus.recorder.bandwidth import Bandwidth
from cambus.recorder.copies import LONGEST_RETRY_S, Copies, retry_s
from cambus.recorder.copy_marks import (
    COPIED,
    PENDING,
    Copied,
    Pending,
    mark_path,
    pending_marks,
    read_copied,
    write_copied,
    write_pending,
)
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import CopyWish, StreamPolicy, combine
from cambus.recorder.recovery import recover, reindex
from cambus.recorder.retention import Retention
from cambus.schemas.state.recording_policy import RecordingPolicy

Frames = Callable[..., list[Frame]]
Record = Callable[..., Any]
KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
SECOND = 1_000_000
COPY = Copied("s3://bucket/gate.mp4", "ts", 188, "0" * 64, START_US)


@pytest.fixture
def segments(frames: Frames, record: Record, root: Path) -> list[Segment]:
    record(frames(400))
    with Index(root) as index:
        return index.all_segments()


def loaded(root: Path, now_us: int = START_US) -> Copies:
    copies = Copies(root, now_us=lambda: now_us, chance=lambda: 1.0)
    with Index(root) as index:
        copies.load(index)
    return copies


def test_what_is_to_be_copied_is_known_after_a_restart(root: Path, segments: list[Segment]) -> None:
    copies = loaded(root)
    for segment in segments[:3]:
        copies.add(segment, "ts")
    first = copies.take()
    assert first is not None
    copies.done(first, COPY)
    again = loaded(root)
    assert [again.is_pending(each.id) for each in segments] == [False, True, True, False]
    assert again.oldest_us == segments[1].start_us
    again.add(segments[0], "ts")  # told again, as after a crash: it is copied already
    assert again.pending == 2
    assert read_copied(root, segments[0].name) == COPY


def test_the_oldest_is_copied_first_and_by_one_only(root: Path, segments: list[Segment]) -> None:
    copies = loaded(root)
    for segment in reversed(segments):
        copies.add(segment, "mp4")
    taken = [copies.take() for _ in range(5)]
    assert [each and each.name.id for each in taken] == [*(each.id for each in segments), None]
    assert taken[2] is not None
    copies.give_back(taken[2])
    assert copies.take() == taken[2]


def test_what_failed_waits_longer_each_time_over_restarts_too(root: Path, segments: list[Segment]) -> None:
    loaded(root).add(segments[0], "mp4")
    now_us, waited = START_US, []
    for _ in range(4):
        copies = loaded(root, now_us)
        task = copies.take()
        assert task is not None
        copies.failed(task)
        copies.give_back(task)
        ((_, pending),) = pending_marks(root)
        assert copies.take() is None
        assert loaded(root, pending.due_us - 1).take() is None
        waited.append((pending.due_us - now_us) / SECOND)
        now_us = pending.due_us
    assert waited == [2.0, 4.0, 8.0, 16.0]


def test_a_clock_that_was_wrong_does_not_put_a_copy_off_for_ever(root: Path, segments: list[Segment]) -> None:
    write_pending(root, segments[0].name, Pending("mp4", 1, START_US * 2))
    copies = Copies(root, now_us=iter([START_US, START_US + int(LONGEST_RETRY_S * SECOND)]).__next__)
    with Index(root) as index:
        copies.load(index)
    assert copies.take() is not None


@pytest.mark.parametrize("attempts", [0, 1, 5, 9, 10_000])
def test_waits_are_bounded_and_spread(attempts: int) -> None:
    least, most = retry_s(attempts, 0.0), retry_s(attempts, 1.0)
    assert 1.0 <= least == most / 2
    assert most <= LONGEST_RETRY_S


def test_a_lost_index_loses_no_copies(root: Path, segments: list[Segment]) -> None:
    write_pending(root, segments[0].name, Pending("ts", 3, START_US))
    write_copied(root, segments[1].name, COPY)
    assert reindex(root).adopted == 4
    copies = loaded(root)
    task = copies.take()
    assert copies.pending == 1
    assert task is not None
    assert task.pending == Pending("ts", 3, START_US)
    assert read_copied(root, segments[1].name) == COPY


def test_after_a_lost_index_the_last_segment_of_a_stream_is_decided_again(
    root: Path, segments: list[Segment]
) -> None:
    reindex(root)
    with Index(root) as index:
        assert [each.id for each in Copies(root).load(index)] == [segments[-1].id]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"container":"exe","attempts":0,"due_us":0}', b"\0" * 99]
)
def test_a_mark_nobody_can_read_still_counts(root: Path, segments: list[Segment], content: bytes) -> None:
    mark_path(root, segments[0].name, PENDING).write_bytes(content)
    assert list(pending_marks(root)) == [(segments[0].name, Pending("mp4"))]
    mark_path(root, segments[1].name, COPIED).write_bytes(content)
    assert read_copied(root, segments[1].name) is None


def test_marks_go_with_their_segments(root: Path, segments: list[Segment]) -> None:
    write_pending(root, segments[0].name, Pending("mp4"))
    write_copied(root, segments[1].name, COPY)
    unfinished = mark_path(root, segments[2].name, PENDING + ".new")
    unfinished.touch()
    for each in segments[:2]:
        (root / each.name.path()).unlink()
    with Index(root) as index:
        recover(root, index)
    assert not [*root.rglob("*.copy"), *root.rglob("*.copied"), *root.rglob("*.new")]


def test_a_mark_is_whole_or_not_there(root: Path, segments: list[Segment]) -> None:
    class Failing(Disk):
        def sync(self, descriptor: int) -> None:
            raise OSError(5, "no")

    write_pending(root, segments[0].name, Pending("ts"))
    with pytest.raises(OSError, match="no"):
        write_pending(root, segments[0].name, Pending("mp4", 1), Failing())
    assert list(pending_marks(root)) == [(segments[0].name, Pending("ts"))]


# --- retention


def retained(
    root: Path, copies: Copies, policy: StreamPolicy, disk: Disk = DISK
) -> tuple[list[int], list[str]]:
    """Beginnings, in seconds, of what is left, and what was lost before it was copied."""
    lost: list[str] = []
    with Index(root) as index:
        retention = Retention(
            root,
            index,
            0,
            RecorderMetrics(Metrics()),
            lambda _: False,
            disk,
            uncopied=copies.is_pending,
            on_lost=lost.append,
        )
        retention.apply({KEY: policy}, START_US + 1000 * SECOND)
        return [(row.start_us - START_US) // SECOND for row in index.all_segments()], lost


@pytest.mark.parametrize(("age", "size"), [(1, None), (None, 1)])
def test_what_is_not_copied_is_never_too_old_or_too_much(
    root: Path, segments: list[Segment], age: int | None, size: int | None
) -> None:
    copies = loaded(root)
    copies.add(segments[1], "mp4")
    policy = StreamPolicy(segment_s=4, max_age_s=age, max_bytes=size, stop_when_full=False)
    assert retained(root, copies, policy) == ([4], [])


def test_a_full_disk_costs_what_is_not_copied_too_and_that_is_said(
    root: Path, segments: list[Segment], caplog: pytest.LogCaptureFixture
) -> None:
    copies = loaded(root)
    copies.add(segments[1], "mp4")
    disk = SmallDisk(root, 1 << 20)
    disk.others = 1 << 20
    policy = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=None, stop_when_full=False)
    assert retained(root, copies, policy, disk) == ([], [segments[1].id])
    assert "was not copied" in caplog.text
    assert not list(root.rglob("*.copy"))


# --- policies


def policy(id_: str, **fields: Any) -> RecordingPolicy:
    return RecordingPolicy(id=id_, **fields)


@pytest.mark.parametrize(
    ("policies", "wish"),
    [
        ([policy("a")], None),
        ([policy("a", upload=True)], CopyWish("mp4", alarms_only=False)),
        (
            [policy("a"), policy("b", upload=True, upload_what="alarm", upload_as="ts")],
            CopyWish("ts", alarms_only=True),
        ),
        (
            [
                policy("a", upload=True, upload_as="ts"),
                policy("b", upload=True, upload_what="alarm", upload_as="faststart"),
            ],
            CopyWish("faststart", alarms_only=False),
        ),
    ],
)
def test_one_wish_is_made_of_all_policies(policies: list[RecordingPolicy], wish: CopyWish | None) -> None:
    assert combine(policies, datetime.now(UTC)).copies == wish


# --- bandwidth


async def test_bytes_pass_at_the_rate_whoever_sends_them() -> None:
    waits: list[float] = []
    now = 100.0

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    bandwidth = Bandwidth(1000, clock=lambda: now, sleep=sleep)
    for size in (500, 2000, 1):
        await bandwidth.take(size)
    now = 200.0
    await bandwidth.take(10_000)
    assert waits == [0.5, 2.5]


async def test_without_a_rate_nothing_waits() -> None:
    async def sleep(seconds: float) -> None:
        pytest.fail(f"waited {seconds}")

    bandwidth = Bandwidth(0, sleep=sleep)
    for _ in range(3):
        await bandwidth.take(1 << 40)
