"""A file exists if and only if a row does, whichever step of the recorder is its last."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disks import WatchedDisk
from durability import KEY, Scribe, missing, recovered
from recorded_frames import START_US, real_frames

from cambus.bus.metrics import Metrics
from cambus.recorder.index import Index
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.recovery import recover
from cambus.recorder.retention import Retention

LIFE = 500
LIFE_US = START_US + LIFE * 40_000
KEEP_LITTLE = StreamPolicy(segment_s=2, max_age_s=None, max_bytes=60_000, stop_when_full=False)
QuickFolders = Callable[[], Path]


class Crash(BaseException):
    """The process is no more: nothing that would have come after the step comes."""


class WatchedIndex(Index):
    """Calls `step` before and after each transaction."""

    def __init__(self, root: Path, step: Callable[[str], None]) -> None:
        super().__init__(root)
        self._step = step

    @contextmanager
    def _transaction(self, *, durably: bool = False) -> Iterator[object]:
        self._step("begin")
        with super()._transaction(durably=durably) as db:
            yield db
        self._step("committed")


class Fate:
    """Lets `steps` steps pass."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.last = ""

    def __call__(self, step: str) -> None:
        if self.left == 0:
            self.last = self.last or step
            raise Crash
        self.left -= 1


def life(root: Path, fate: Fate, told: list[tuple[int, int]], doomed: set[str]) -> None:
    """Start after a crash, record some segments, delete the oldest, end."""
    disk = WatchedDisk(fate)
    index = WatchedIndex(root, fate)
    try:
        recover(root, index, disk)
        scribe = Scribe(root, index, disk)
        scribe.told = told
        scribe.record(real_frames(110, first=LIFE))
        kept = {row.id for row in index.all_segments()}
        try:
            retention = Retention(root, index, 0, RecorderMetrics(Metrics()), lambda _: False, disk)
            retention.apply({KEY: KEEP_LITTLE}, 0)
        finally:
            doomed |= kept - {row.id for row in index.all_segments()} | index.doomed()
        scribe.record(real_frames(10, first=LIFE + 110))
        scribe.finish()
    finally:
        index.close()


@pytest.fixture(scope="module")
def wreck(quick_folders: QuickFolders) -> Path:
    """What an earlier crash left: every way in which files and rows can disagree."""
    root = quick_folders() / "recordings"
    with Index(root) as index:
        scribe = Scribe(root, index)
        scribe.record(real_frames(280))
        rows = index.all_segments()
        index.remove([rows[0].id])
        (root / rows[1].name.path()).unlink()
        (root / rows[2].name.path()).write_bytes(b"")
        for row in rows[-2:]:
            file = root / row.name.path()
            file.write_bytes(file.read_bytes()[:-100])
    return root


def lives(wreck: Path, folder: Path) -> Iterator[tuple[Path, Fate, list[tuple[int, int]], set[str]]]:
    """One life for each step it can end at; the last one ends by itself."""
    steps = 0
    while True:
        root = folder / str(steps)
        shutil.copytree(wreck, root)
        fate, told, doomed = Fate(steps), [], set()
        try:
            life(root, fate, told, doomed)
        except Crash:
            yield root, fate, told, doomed
            steps += 1
            shutil.rmtree(root)
            continue
        yield root, fate, told, doomed
        return


def test_files_and_rows_agree_after_a_crash_at_any_step_and_every_segment_is_announced(
    wreck: Path, quick_folder: Path
) -> None:
    seen: set[str] = set()
    shutil.copytree(wreck, quick_folder / "wreck")
    recovered(quick_folder / "wreck")
    with Index(quick_folder / "wreck") as index:
        lost_before = set(index.all_gaps())
    for root, fate, told, doomed in lives(wreck, quick_folder):
        rows = recovered(root)
        seen.add(fate.last)
        if not doomed:
            assert missing(told, rows) == [], fate.last
        with Index(root) as index:
            announced = {row.id for row in index.unannounced()}
            assert {row.id for row in rows if row.start_us >= LIFE_US} <= announced
            again = recover(root, index)
            assert (again.adopted, again.removed, again.vanished, again.repaired) == (0, 0, 0, [])
            assert index.all_segments() == rows
            assert set(index.all_gaps()) <= lost_before  # what was deleted is no gap
    assert seen >= {"create", "write", "sync", "sync_folder", "close", "remove", "cut", "begin", "committed"}
