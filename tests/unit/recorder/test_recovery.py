from collections.abc import Callable
from pathlib import Path

import av
import pytest

from cambus.media.frame import Frame
from cambus.recorder.extent import scan_file
from cambus.recorder.index import FILE_NAME, Gap, Index, Segment
from cambus.recorder.layout import StreamKey, segment_files
from cambus.recorder.recovery import recover, reindex

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]


def rows(root: Path) -> list[Segment]:
    with Index(root) as index:
        return index.all_segments()


def pictures(path: Path) -> int:
    with av.open(str(path)) as opened:
        return sum(1 for _ in opened.decode(video=0))


def recovered(root: Path) -> list[Segment]:
    """What the index holds after a restart; files and rows must agree."""
    with Index(root) as index:
        recover(root, index)
        found = index.all_segments()
    assert {row.name.path() for row in found} == {path for _, path in segment_files(root)}
    assert not any(row.open for row in found)
    assert all(row.extent.bytes == (root / row.name.path()).stat().st_size for row in found)
    return found


def test_the_index_made_anew_from_the_files_is_the_same(frames: Frames, record: Record, root: Path) -> None:
    record(frames(300))
    record(frames(80, sound=False), key=StreamKey("yard", 3, "sub"))
    before = rows(root)
    (root / FILE_NAME).unlink()
    result = reindex(root)
    assert rows(root) == before
    assert (result.adopted, result.broken, result.removed) == (len(before), 0, 0)


def test_gaps_survive_a_reindex(frames: Frames, record: Record, root: Path) -> None:
    record(frames(50))
    gap = Gap(StreamKey("gate-1", 0, "main"), 5, 10, "device-offline")
    with Index(root) as index:
        index.put_gap(gap)
    reindex(root)
    with Index(root) as index:
        assert index.all_gaps() == [gap]


def test_cut_at_any_byte_everything_but_the_last_fragment_plays(
    frames: Frames, record: Record, root: Path
) -> None:
    """A process that dies leaves its open segment ending anywhere."""
    record(frames(125), segment_s=60, close=False)
    (open_row,) = rows(root)
    assert open_row.open
    file = root / open_row.name.path()
    whole = file.read_bytes()
    fragments = scan_file(file).fragments
    cuts = {fragment.offset + delta for fragment in fragments[1:] for delta in (0, 1, 9, fragment.size - 1)}
    for cut in sorted(cuts | {len(whole)}):
        file.write_bytes(whole[:cut])
        with Index(root) as index:
            index.put([open_row])
        (row,) = recovered(root)
        kept = sum(fragment.end <= cut for fragment in fragments)
        assert row.extent.duration_us == kept * 1_000_000
        assert pictures(file) == kept * 25


@pytest.mark.parametrize("size", [0, 1, 40, 700])
def test_a_file_without_media_is_removed_with_its_row(
    frames: Frames, record: Record, root: Path, size: int
) -> None:
    record(frames(50), close=False)
    (row,) = rows(root)
    file = root / row.name.path()
    file.write_bytes(file.read_bytes()[:size])
    assert recovered(root) == []


def test_an_unreadable_file_is_set_aside_and_not_reported(frames: Frames, record: Record, root: Path) -> None:
    record(frames(50))
    (row,) = rows(root)
    file = root / row.name.path()
    file.write_bytes(b"\xff" * 64 + file.read_bytes())
    assert recovered(root) == []
    assert [path.name for path in file.parent.iterdir()] == [file.name + ".broken"]


def test_a_file_that_vanished_leaves_a_gap_instead_of_a_row(
    frames: Frames, record: Record, root: Path
) -> None:
    record(frames(50))
    (row,) = rows(root)
    (root / row.name.path()).unlink()
    assert recovered(root) == []
    with Index(root) as index:
        assert index.all_gaps() == [Gap(row.key, row.start_us, row.end_us, "other")]


def test_a_file_without_a_row_is_adopted(frames: Frames, record: Record, root: Path) -> None:
    record(frames(300))
    before = rows(root)
    with Index(root) as index:
        index.remove([before[1].id])
    assert recovered(root) == before


def test_a_damaged_index_is_replaced(frames: Frames, record: Record, root: Path) -> None:
    record(frames(100))
    before = rows(root)
    (root / FILE_NAME).write_bytes(b"not a database" * 100)
    reindex(root)
    assert rows(root) == before
