"""An index that is damaged is set aside and made anew by itself, the same as before."""

from collections.abc import Callable
from pathlib import Path

import pytest
from durability import recovered

from cambus.media.frame import Frame
from cambus.recorder.index import FILE_NAME, Gap, Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.locks import set_locked
from cambus.recorder.opening import open_index

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")
GAP = Gap(KEY, 5_000_000, 9_000_000, "disk-full")


def scribbled(file: Path) -> None:
    """Damage every page but the first."""
    data = bytearray(file.read_bytes())
    for offset in range(4096, len(data), 4096):
        data[offset : offset + 64] = b"\xa5" * 64
    file.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"no database at all" * 500),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        scribbled,
    ],
    ids=["foreign", "truncated", "scribbled"],
)
def test_a_damaged_index_is_made_anew_with_segments_locks_and_gaps(
    frames: Frames, record: Record, root: Path, damage: Callable[[Path], object]
) -> None:
    record(frames(300))
    with Index(root) as index:
        index.put_gap(GAP)
        set_locked(root, index, index.all_segments()[:1], locked=True)
        before = index.all_segments()
    Journal(root).gap(GAP)
    damage(root / FILE_NAME)
    assert recovered(root) == before
    with open_index(root) as index:
        assert not index.is_new
        assert index.all_gaps() == [GAP]
        assert index.unannounced() == []  # all of it was told long ago
    assert len(list(root.glob(f"{FILE_NAME}.damaged-*"))) == 1


def test_an_index_that_was_deleted_is_made_anew(frames: Frames, record: Record, root: Path) -> None:
    record(frames(300))
    with Index(root) as index:
        before = index.all_segments()
    Journal(root).gap(GAP)
    for path in root.glob(f"{FILE_NAME}*"):
        path.unlink()
    assert recovered(root) == before
    with open_index(root) as index:
        assert index.all_gaps() == [GAP]


def test_an_index_that_cannot_be_opened_for_another_reason_is_left_alone(root: Path) -> None:
    (root / FILE_NAME).mkdir(parents=True)
    with pytest.raises(Exception, match="unable to open"):
        open_index(root)
    assert (root / FILE_NAME).is_dir()
