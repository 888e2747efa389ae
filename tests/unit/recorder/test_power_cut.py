"""A power cut at any instant, on a disk that forgets what was not synced: contents, lengths and names."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from disks import PowerCut, VolatileDisk
from durability import Scribe, missing, recovered
from recorded_frames import real_frames

from cambus.bus.metrics import Metrics
from cambus.recorder.index import FILE_NAME, Index
from cambus.recorder.layout import parse_path
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.retention import Retention

QuickFolders = Callable[[], Path]
SYNC_US = 1_000_000
GOP_US = 2_000_000
ONE_SEGMENT = StreamPolicy(segment_s=2, max_age_s=None, max_bytes=1, stop_when_full=False)


@dataclass(frozen=True)
class Instant:
    """What there was when the power was cut."""

    disk: PowerCut
    index: bytes
    told: int
    pushed_us: int
    deleted: int


def content(index: Path) -> bytes:
    """The database with all that is committed."""
    if not index.exists():
        return b""
    with sqlite3.connect(index) as db:
        found = db.serialize()
    db.close()
    return found


@pytest.fixture(scope="module")
def history(quick_folders: QuickFolders) -> tuple[list[Instant], list[tuple[int, int]]]:
    """Every instant between two calls to the disk while segments begin, grow, end and are deleted."""
    root = quick_folders() / "recordings"
    root.mkdir()
    instants: list[Instant] = []
    disk = VolatileDisk(root)
    with Index(root) as index:
        scribe = Scribe(root, index, disk)
        deleted = 0

        def note() -> None:
            told, pushed_us = len(scribe.told), scribe.pushed_us
            instants.append(Instant(disk.cut_now(), content(root / FILE_NAME), told, pushed_us, deleted))

        disk.on_step = note
        scribe.record(real_frames(160))
        retention = Retention(root, index, 0, RecorderMetrics(Metrics()), lambda _: False, disk)
        deleted = len(scribe.told)
        retention.apply(dict.fromkeys(index.streams(), ONE_SEGMENT), 0)
        scribe.record(real_frames(60, first=160))
        scribe.finish()
        note()
        return instants, scribe.told


LEAVINGS = ("dropped", "kept", "torn", "zeros", "page", "names")
ROWS = ("current", "older", "lost")


@pytest.mark.parametrize("leaves", LEAVINGS)
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    "every",
    [pytest.param(1, marks=pytest.mark.slow, id="every instant"), pytest.param(3, id="each with one index")],
)
def test_what_was_told_to_be_durable_is_there_and_plays_whatever_a_power_cut_leaves(
    history: tuple[list[Instant], list[tuple[int, int]]],
    quick_folder: Path,
    leaves: str,
    rows: str,
    every: int,
) -> None:
    instants, told = history
    # Every instant with everything a disk leaves, and with one of the three indexes at least.
    for number, instant in enumerate(instants):
        if (number + ROWS.index(rows)) % every:
            continue
        root = quick_folder / str(number)
        root.mkdir()
        instant.disk.leave(root, leaves)
        older = instants[number // 2]
        index = {"current": instant.index, "older": older.index, "lost": b""}[rows]
        if index:
            (root / FILE_NAME).write_bytes(index)
        found = recovered(root)
        assert missing(told[instant.deleted : instant.told], found) == []
        assert list(root.rglob("*.broken")) == []


def test_no_more_than_the_sync_period_and_a_group_of_pictures_is_ever_at_stake(
    history: tuple[list[Instant], list[tuple[int, int]]],
) -> None:
    instants, told = history
    for instant in instants:
        if instant.told:
            assert instant.pushed_us - told[instant.told - 1][1] <= SYNC_US + GOP_US


def test_the_disk_forgets_what_is_not_synced(
    history: tuple[list[Instant], list[tuple[int, int]]], quick_folder: Path
) -> None:
    """Or the other tests here would prove nothing."""
    instants, _ = history
    left: dict[str, int] = {}
    for leaves in LEAVINGS:
        for number, instant in enumerate(each for each in instants if not each.deleted):
            root = quick_folder / leaves / str(number)
            root.mkdir(parents=True)
            instant.disk.leave(root, leaves)
            files = [path for path in root.rglob("*.mp4") if parse_path(path.relative_to(root))]
            left[leaves] = left.get(leaves, 0) + sum(path.stat().st_size for path in files)
    assert left["dropped"] < left["torn"] < left["zeros"] == left["kept"]
