from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from disks import SmallDisk

from cambus.bus.metrics import Metrics
from cambus.media.frame import Frame
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, segment_files
from cambus.recorder.locks import set_locked
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.recovery import recover, reindex
from cambus.recorder.retention import Retention, possible_reserve

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
SECOND = 1_000_000
KEEP_ALL = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=None, stop_when_full=False)


def applied(
    root: Path,
    policies: Mapping[StreamKey, StreamPolicy],
    *,
    now_us: int = START_US,
    reserve: int = 0,
    pinned: frozenset[int] = frozenset(),
    disk: Disk = DISK,
) -> tuple[list[int], Retention]:
    """Beginnings, in seconds, of the segments that are left."""
    with Index(root) as index:
        before = index.all_segments()
        pins = {before[number].id for number in pinned}
        retention = Retention(root, index, reserve, RecorderMetrics(Metrics()), pins.__contains__, disk)
        retention.apply(policies, now_us)
        left = index.all_segments()
    assert {row.name.path() for row in left} == {path for _, path in segment_files(root)}
    return [(row.start_us - START_US) // SECOND for row in left], retention


def stored(root: Path) -> list[int]:
    """Bytes of each segment."""
    with Index(root) as index:
        return [row.extent.bytes for row in index.all_segments()]


def test_what_is_too_old_goes(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    policy = StreamPolicy(segment_s=4, max_age_s=10, max_bytes=None, stop_when_full=False)
    left, _ = applied(root, {KEY: policy}, now_us=START_US + 19 * SECOND)
    assert left == [8, 12]


def test_what_is_too_much_goes_oldest_first(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    with Index(root) as index:
        sizes = [row.extent.bytes for row in index.all_segments()]
    policy = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=sum(sizes[2:]), stop_when_full=False)
    assert applied(root, {KEY: policy})[0] == [8, 12]


def test_what_an_export_reads_stays(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    policy = StreamPolicy(segment_s=4, max_age_s=1, max_bytes=None, stop_when_full=False)
    left, _ = applied(root, {KEY: policy}, now_us=START_US + 1000 * SECOND, pinned=frozenset({1}))
    assert left == [4]


@pytest.mark.parametrize(("stop", "left"), [(False, []), (True, [0, 4, 8, 12])])
def test_a_full_disk_costs_the_oldest_or_stops_recording(
    frames: Frames, record: Record, root: Path, stop: bool, left: list[int]
) -> None:
    record(frames(400))
    policy = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=None, stop_when_full=stop)
    disk = SmallDisk(root, 1 << 20)
    disk.others = 1 << 20
    kept, retention = applied(root, {KEY: policy}, disk=disk)
    assert kept == left
    assert retention.full
    assert not retention.may_write(stop_when_full=stop)


def test_the_oldest_go_until_the_reserve_is_free_again(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    disk = SmallDisk(root, 0)
    disk.size = disk.used + 1000
    sizes = stored(root)
    left, retention = applied(root, {KEY: KEEP_ALL}, reserve=sum(sizes[:2]), disk=disk)
    assert left == [8, 12]
    assert retention.may_write(stop_when_full=True)


def test_a_write_refused_by_a_quota_costs_the_oldest_though_there_seems_to_be_room(
    frames: Frames, record: Record, root: Path
) -> None:
    record(frames(400))
    with Index(root) as index:
        retention = Retention(
            root, index, 0, RecorderMetrics(Metrics()), lambda _: False, SmallDisk(root, 1 << 20)
        )
        retention.make_room({KEY: KEEP_ALL})
        assert len(index.all_segments()) == 4
        retention.refused()
        retention.make_room({KEY: KEEP_ALL})
        assert len(index.all_segments()) == 3
        assert not retention.full


@pytest.mark.parametrize(
    ("wanted", "total", "kept_free"),
    [
        (0, 1 << 40, 64 << 20),
        (0, 100 << 20, 5 << 20),
        (1 << 30, 1 << 40, 1 << 30),
        (1 << 30, 1 << 29, (1 << 29) // 10 * 9),
        (0, 0, 0),
    ],
)
def test_a_reserve_is_never_nothing_and_never_the_whole_disk(wanted: int, total: int, kept_free: int) -> None:
    assert possible_reserve(wanted, total) == kept_free


def test_a_deletion_that_a_crash_cut_in_half_is_no_gap(frames: Frames, record: Record, root: Path) -> None:
    record(frames(200))
    with Index(root) as index:
        row = index.all_segments()[0]
        index.doom(row.id)
        (root / row.name.path()).unlink()
        result = recover(root, index)
        assert (result.vanished, index.all_gaps(), len(index.all_segments())) == (0, [], 1)


def test_an_open_segment_is_never_deleted(frames: Frames, record: Record, root: Path) -> None:
    record(frames(250), close=False)
    policy = StreamPolicy(segment_s=4, max_age_s=1, max_bytes=0, stop_when_full=False)
    assert applied(root, {KEY: policy}, now_us=START_US + 1000 * SECOND)[0] == [8]


def test_streams_without_a_policy_keep_what_they_have(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    assert applied(root, {}, now_us=START_US + 10**9 * SECOND)[0] == [0, 4, 8, 12]


def locked(root: Path, *numbers: int) -> None:
    with Index(root) as index:
        rows = index.all_segments()
        assert len(set_locked(root, index, [rows[each] for each in numbers], locked=True)) == len(numbers)


def test_what_is_locked_is_never_too_old_or_too_much(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    locked(root, 1)
    policy = StreamPolicy(segment_s=4, max_age_s=1, max_bytes=1, stop_when_full=False)
    assert applied(root, {KEY: policy}, now_us=START_US + 1000 * SECOND)[0] == [4]


def test_a_full_disk_costs_what_is_locked_last(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    locked(root, 0)
    disk = SmallDisk(root, 0)
    disk.size = disk.used + 1000
    assert applied(root, {KEY: KEEP_ALL}, reserve=sum(stored(root)[1:3]), disk=disk)[0] == [0, 12]
    disk.others = disk.size
    assert applied(root, {KEY: KEEP_ALL}, disk=disk)[0] == []
    assert not list(root.rglob("*.lock"))


def test_a_lock_outlives_the_index_and_can_be_taken_back(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    locked(root, 2)
    reindex(root)
    with Index(root) as index:
        rows = index.all_segments()
        assert [row.locked for row in rows] == [False, False, True, False]
        set_locked(root, index, rows, locked=False)
        assert not any(row.locked for row in index.all_segments())
    assert not list(root.rglob("*.lock"))


def test_a_lock_that_reached_the_disk_only_counts(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    with Index(root) as index:
        row = index.all_segments()[0]
        (root / row.name.lock_path()).touch()
        nobody = row.name.lock_path().with_name("20260201T000000.000000Z-01KGE5C8QXG1Z5X0N3V7M4T2RB.mp4.lock")
        (root / nobody).touch()
        recover(root, index)
        assert [each.locked for each in index.all_segments()] == [True, False, False, False]
    assert not (root / nobody).exists()


def test_a_segment_that_grows_stays_locked(frames: Frames, record: Record, root: Path) -> None:
    record(frames(50), close=False)
    locked(root, 0)
    with Index(root) as index:
        (row,) = index.all_segments()
        index.put([replace(row, locked=False, end_us=row.end_us + SECOND)])
        assert index.all_segments()[0].locked
        assert (
            set_locked(
                root,
                index,
                [replace(row, name=replace(row.name, id="01KGE5C8QXG1Z5X0N3V7M4T2RB"))],
                locked=True,
            )
            == []
        )
