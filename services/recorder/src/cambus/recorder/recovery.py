"""Bringing files and index together: after a crash, or when the index is gone.

A file exists if and only if a row exists once this has run. What a crash left of an open segment is cut after its
last whole fragment; a file without any media is removed; one that holds something nobody can read is kept beside
the others under another name, for a person to look at.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import MAX_MOOV_BYTES
from cambus.recorder.extent import extent_of, scan_file
from cambus.recorder.index import FILE_NAME, Gap, Index, Segment
from cambus.recorder.layout import BROKEN_SUFFIX, LOCK_SUFFIX, SegmentName, segment_files
from cambus.recorder.locks import markers
from cambus.recorder.segment_file import sync_folder

logger = logging.getLogger(__name__)

BATCH = 500


@dataclass(slots=True)
class Recovered:
    """What was done.

    Attributes:
        kept: segments whose row and file agreed.
        adopted: files that had no row.
        repaired: segments cut after their last whole fragment, or closed.
        removed: files without any media.
        broken: files nobody can read, kept under another name.
        vanished: rows whose file is gone.
    """

    kept: int = 0
    adopted: int = 0
    repaired: list[Segment] = field(default_factory=list)
    removed: int = 0
    broken: int = 0
    vanished: int = 0


def recover(root: Path, index: Index) -> Recovered:
    """Make the index and the files below `root` agree; blocks, and may read every file.

    Raises:
        OSError: The disk cannot be read or written.
    """
    result = Recovered()
    rows = {segment.id: segment for segment in index.all_segments()}
    found: list[Segment] = []
    locked = markers(root)
    for name, path in segment_files(root):
        row = rows.pop(name.id, None)
        if row is not None and not row.open and row.extent.bytes == (root / path).stat().st_size:
            result.kept += 1
            if row.locked != (path in locked):
                index.set_locked([row.id], locked=not row.locked)
            locked.discard(path)
            continue
        segment = _examine(root, name, path, result)
        if segment is None:
            if row is not None:
                index.remove([row.id])
            continue
        found.append(replace(segment, locked=path in locked))
        locked.discard(path)
        if row is None:
            result.adopted += 1
        if row is not None and row.open:
            result.repaired.append(segment)
        if len(found) >= BATCH:
            index.put(found)
            found = []
    index.put(found)
    index.remove(rows)
    for path in locked:  # what they locked is gone
        _unlink(root / path.with_name(path.name + LOCK_SUFFIX))
    result.vanished = len(rows)
    for row in rows.values():
        if row.end_us > row.start_us:
            index.put_gap(Gap(row.key, row.start_us, row.end_us, "other"))
    return result


def _examine(root: Path, name: SegmentName, path: Path, result: Recovered) -> Segment | None:
    """The segment a file holds, cut to what is whole; None when it holds nothing that can be played."""
    file = root / path
    try:
        found = scan_file(file)
        extent = extent_of(found)
    except ContainerError as error:
        if not _holds_media(file):
            _unlink(file)
            result.removed += 1
        else:
            logger.error("a recording cannot be read", extra={"file": str(path), "reason": str(error)})
            file.rename(file.with_name(file.name + BROKEN_SUFFIX))
            sync_folder(file.parent)
            result.broken += 1
        return None
    if extent.duration_us == 0:
        _unlink(file)
        result.removed += 1
        return None
    if found.valid_bytes < file.stat().st_size:
        logger.warning("a recording was cut short", extra={"file": str(path), "reason": found.fault})
        _truncate(file, found.valid_bytes)
    return Segment(name, name.start_us + extent.duration_us, extent, open=False)


def _holds_media(file: Path) -> bool:
    """Whether there is a fragment behind the head, which never is as long as what is looked at here."""
    with file.open("rb") as stream:
        return b"moof" in stream.read(2 * MAX_MOOV_BYTES)


def _truncate(file: Path, size: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unlink(file: Path) -> None:
    file.unlink()
    sync_folder(file.parent)


def reindex(root: Path) -> Recovered:
    """Make the index anew from the files alone; the gaps of the old one are kept if it can be read.

    Raises:
        OSError: The disk cannot be read or written.
    """
    gaps = list(_readable_gaps(root))
    for path in root.glob(f"{FILE_NAME}*"):
        path.unlink()
    with Index(root) as index:
        result = recover(root, index)
        for gap in gaps:
            index.put_gap(gap)
    return result


def _readable_gaps(root: Path) -> Iterable[Gap]:
    if not (root / FILE_NAME).exists():
        return []
    try:
        with Index(root) as index:
            return index.all_gaps()
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the old index, the new one is made
        logger.warning("the old index cannot be read", extra={"reason": str(error)})
        return []
