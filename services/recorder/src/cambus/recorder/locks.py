"""Keeping segments: a locked one has an empty file beside it, so that the lock outlives the index.

Locking writes the file, durably, then the row; unlocking the row, then the file away. After a crash in between the
file counts. Blocks.
"""

import os
from pathlib import Path

from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import LOCK_SUFFIX, SUFFIX
from cambus.recorder.segment_file import sync_folder


def set_locked(root: Path, index: Index, segments: list[Segment], *, locked: bool) -> list[Segment]:
    """Lock or unlock segments; returns those that are there still.

    Raises:
        OSError: The disk does not take it; those before it are done.
    """
    done: list[Segment] = []
    for segment in segments:
        with index.deciding:  # or retention would delete what is being locked
            marker = root / segment.name.lock_path()
            if not (root / segment.name.path()).exists():
                continue
            if locked:
                os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
                sync_folder(marker.parent)
            index.set_locked([segment.id], locked=locked)
            if not locked:
                marker.unlink(missing_ok=True)
                sync_folder(marker.parent)
        done.append(segment)
    return done


def markers(root: Path) -> set[Path]:
    """The files that lock segments, as paths below `root` of what they lock."""
    found = root.glob(f"*/*/*/*/*{SUFFIX}{LOCK_SUFFIX}")
    return {path.relative_to(root).with_name(path.name.removesuffix(LOCK_SUFFIX)) for path in found}
