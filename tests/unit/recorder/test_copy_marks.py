"""Marks of copies after a power cut at any instant, on a disk that forgets what was not synced."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from disks import PowerCut, VolatileDisk

from cambus.recorder.copy_marks import (
    Copied,
    Pending,
    pending_marks,
    read_copied,
    remove_orphans,
    write_copied,
    write_pending,
)
from cambus.recorder.layout import SegmentName, StreamKey

NAME = SegmentName(StreamKey("gate-1", 0, "main"), "01KGE4ZJ3E8Q6W7D1M0B5P9T4C", 1_770_000_000_000_000)
FIRST, AGAIN = Pending("ts"), Pending("ts", 1, 1_770_000_005_000_000)
DONE = Copied("s3://bucket/gate.ts", "ts", 188, "0" * 64, 1_770_000_009_000_000)


@dataclass(frozen=True)
class Instant:
    """What there was when the power was cut, and which of the marks were told to be durable."""

    disk: PowerCut
    told: int


def history(root: Path) -> list[Instant]:
    """Every instant between two calls to the disk: to be copied, failed once, copied."""
    disk = VolatileDisk(root)
    for folder in reversed([root / each for each in NAME.path().parents]):
        disk.make_folder(folder)
        disk.sync_folder(folder)
        if folder != root:
            disk.sync_folder(folder.parent)
    disk.close(disk.create(root / NAME.path()))
    disk.sync_folder((root / NAME.path()).parent)
    instants: list[Instant] = []
    told = 0
    disk.on_step = lambda: instants.append(Instant(disk.cut_now(), told))
    write_pending(root, NAME, FIRST, disk)
    told = 1
    write_pending(root, NAME, AGAIN, disk)
    told = 2
    write_copied(root, NAME, DONE, disk)
    told = 3
    disk.on_step()
    return instants


@pytest.mark.parametrize("leaves", ["dropped", "kept", "torn", "zeros", "page", "names"])
def test_what_was_noted_is_known_whatever_a_power_cut_leaves(tmp_path: Path, leaves: str) -> None:
    (tmp_path / "before").mkdir()
    instants = history(tmp_path / "before")
    assert len(instants) > 15
    for number, instant in enumerate(instants):
        root = tmp_path / str(number)
        root.mkdir()
        instant.disk.leave(root, leaves)
        remove_orphans(root)
        pending = [each for _, each in pending_marks(root)]
        copied = read_copied(root, NAME)
        assert copied in {None, DONE}
        assert pending in ([], [FIRST], [AGAIN])
        assert bool(pending) + bool(copied) == 1 or instant.told == 0
        if instant.told == 2:
            assert copied or pending == [AGAIN]
        if instant.told == 3:
            assert copied
        assert not list(root.rglob("*.new"))
