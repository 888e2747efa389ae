"""After an error of the disk a file is not written to again, and what it holds is read back from the disk."""

import os
from pathlib import Path

import pytest
from disks import BrokenDisk
from durability import Scribe, missing, recovered
from recorded_frames import real_frames

from cambus.recorder.extent import scan_file
from cambus.recorder.index import Index
from cambus.recorder.layout import segment_files
from cambus.recorder.stream_writer import WriteFailedError
from cambus.schemas.spans import GapReason

START_US = 1_770_000_000_000_000


def broken_off(
    root: Path, index: Index, disk: BrokenDisk, *, segment_s: float = 60.0
) -> tuple[Scribe, WriteFailedError]:
    """Three seconds recorded, then a sync that fails."""
    scribe = Scribe(root, index, disk, segment_s=segment_s)
    scribe.record(real_frames(80))
    disk.broken = True
    with pytest.raises(WriteFailedError) as failure:
        scribe.record(real_frames(60, first=80))
    disk.broken = False
    return scribe, failure.value


def test_a_failed_sync_ends_the_file_and_the_next_keyframe_begins_another(root: Path) -> None:
    with Index(root) as index:
        scribe, failure = broken_off(root, index, BrokenDisk())
        assert (failure.reason, failure.lost_from_us) == (GapReason.DISK_ERROR, None)
        (first,) = index.all_segments()
        before = (root / first.name.path()).read_bytes()
        assert not first.open
        assert [segment.id for segment in scribe.closed] == [first.id]
        again = Scribe(root, index, segment_s=60)
        again.writer = scribe.writer
        again.record(real_frames(60, first=200))
        again.finish()
        assert (root / first.name.path()).read_bytes() == before
        assert len(index.all_segments()) == 2
        told = scribe.told
    rows = recovered(root)
    assert missing(told, rows) == []
    assert rows[0].end_us == START_US + 3_000_000


def test_what_the_disk_lost_of_the_file_before_is_found_and_told(root: Path) -> None:
    def overwrite(descriptor: int) -> None:
        """Lose what was taken before, as some disks do when they fail: in the middle of the third fragment."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        third = scan_file(path).fragments[2]
        with path.open("r+b") as file:
            file.seek(third.data_offset + 100)
            file.write(b"\xa5" * 600)

    with Index(root) as index:
        _, failure = broken_off(root, index, BrokenDisk(overwrite))
        assert failure.lost_from_us == START_US + 2_000_000
        (row,) = index.all_segments()
        assert row.end_us == failure.lost_from_us
    assert recovered(root)[0].end_us == failure.lost_from_us


def test_a_file_that_cannot_be_read_back_is_set_aside_and_not_reported(root: Path) -> None:
    def wipe(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        os.truncate(path, 0)

    with Index(root) as index:
        _, failure = broken_off(root, index, BrokenDisk(wipe))
        assert failure.lost_from_us == START_US
        assert index.all_segments() == []
    assert list(segment_files(root)) == []
    assert len(list(root.rglob("*.broken"))) == 1


def test_a_file_that_could_not_be_begun_leaves_nothing(root: Path) -> None:
    disk = BrokenDisk()
    disk.broken = True
    with Index(root) as index:
        scribe = Scribe(root, index, disk)
        with pytest.raises(WriteFailedError):
            scribe.record(real_frames(80))
        assert index.all_segments() == []
    assert list(root.rglob("*.mp4")) == []
