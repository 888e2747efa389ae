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
from cambus.media.fmp4_reader import MAX_MOOV_BYTES, Scan
from cambus.recorder.copy_marks import remove_orphans
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.extent import Extent, extent_of, scan_file
from cambus.recorder.index import FILE_NAME, Gap, Index, Segment
from cambus.recorder.journal import Journal
from cambus.recorder.layout import BROKEN_SUFFIX, LOCK_SUFFIX, SegmentName, segment_files
from cambus.recorder.ledger import LEAST_GAP_US
from cambus.recorder.locks import markers
from cambus.recorder.opening import open_index
from cambus.recorder.seals import seal_end
from cambus.schemas.spans import GapReason

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
        lost: times that were recorded and are not there any more.
    """

    kept: int = 0
    adopted: int = 0
    repaired: list[Segment] = field(default_factory=list)
    removed: int = 0
    broken: int = 0
    vanished: int = 0
    lost: list[Gap] = field(default_factory=list)


def recover(root: Path, index: Index, disk: Disk = DISK) -> Recovered:
    """Make the index and the files below `root` agree; blocks, and may read every file.

    Raises:
        OSError: The disk cannot be read or written.
    """
    result = Recovered()
    rows = {segment.id: segment for segment in index.all_segments()}
    found: list[Segment] = []
    locked = markers(root)
    announce = not index.is_new
    for name, path in segment_files(root):
        row = rows.pop(name.id, None)
        if row is not None and not row.open and row.extent.bytes == (root / path).stat().st_size:
            result.kept += 1
            if row.locked != (path in locked):
                index.set_locked([row.id], locked=not row.locked)
            locked.discard(path)
            continue
        segment = _examine(root, name, path, result, disk)
        if row is not None:
            result.lost += _lost(row, segment)
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
            index.put(found, announce=announce)
            found = []
    index.put(found, announce=announce)
    doomed = index.doomed()
    vanished = [row for row in rows.values() if row.id not in doomed]
    result.lost += [gap for row in vanished for gap in _lost(row, None)]
    _write_gaps(result.lost, index, Journal(root, disk))
    index.remove(rows)
    index.spare()
    for path in locked:  # what they locked is gone
        _remove(root / path.with_name(path.name + LOCK_SUFFIX), disk)
    remove_orphans(root, disk)
    result.vanished = len(vanished)
    return result


def _lost(row: Segment, left: Segment | None) -> list[Gap]:
    """What a row promised and the disk does not hold."""
    from_us = left.end_us if left is not None else row.start_us
    if row.end_us - from_us < LEAST_GAP_US:
        return []
    return [Gap(row.key, from_us, row.end_us, GapReason.OTHER.value)]


def _write_gaps(gaps: list[Gap], index: Index, journal: Journal) -> None:
    index.put_gaps(gaps)
    for gap in gaps:
        journal.gap(gap)


def _examine(root: Path, name: SegmentName, path: Path, result: Recovered, disk: Disk) -> Segment | None:
    """The segment a file holds, cut to what is whole; None when it holds nothing that can be played."""
    file = root / path
    try:
        extent, fault = _whole(file)
    except ContainerError as error:
        if not _holds_media(file):
            _remove(file, disk)
            result.removed += 1
        else:
            logger.error("a recording cannot be read", extra={"file": str(path), "reason": str(error)})
            disk.rename(file, file.with_name(file.name + BROKEN_SUFFIX))
            disk.sync_folder(file.parent)
            result.broken += 1
        return None
    if extent.duration_us == 0:
        _remove(file, disk)
        result.removed += 1
        return None
    if extent.bytes < file.stat().st_size:
        logger.warning("a recording was cut short", extra={"file": str(path), "reason": fault})
        _truncate(file, extent.bytes, disk)
    return Segment(name, name.start_us + extent.duration_us, extent, open=False)


def _whole(file: Path) -> tuple[Extent, str]:
    """What of a file was written to its end, and why the rest was not.

    A fragment counts with its seal only: after a power cut the size of a file may have grown without the contents.
    Each is durable before the next is begun, so it is enough to read the last ones.

    Raises:
        ContainerError: nothing of it can be played.
    """
    found = scan_file(file)
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:

        def read_at(offset: int, size: int) -> bytes:
            return os.pread(descriptor, size, offset)

        if (
            seal_end(read_at, 0, found.init.size) is None
        ):  # written before there were seals, or by somebody else
            return extent_of(found), found.fault
        fragments = list(found.fragments)
        while fragments:
            end = seal_end(read_at, fragments[-1].offset, fragments[-1].end)
            if end is not None:
                break
            fragments.pop()
        else:
            end = found.init.size
    finally:
        os.close(descriptor)
    fault = found.fault or "a fragment that was not written to its end"
    return extent_of(Scan(found.init, tuple(fragments), end, fault)), fault


def _holds_media(file: Path) -> bool:
    """Whether there is a fragment behind the head, which never is as long as what is looked at here."""
    with file.open("rb") as stream:
        return b"moof" in stream.read(2 * MAX_MOOV_BYTES)


def _truncate(file: Path, size: int, disk: Disk) -> None:
    descriptor = disk.open(file)
    try:
        disk.cut(descriptor, size)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)


def _remove(file: Path, disk: Disk) -> None:
    disk.remove(file)
    disk.sync_folder(file.parent)


def reindex(root: Path, disk: Disk = DISK) -> Recovered:
    """Make the index anew from the files and journals alone; further gaps of the old one are kept if it can be read.

    Raises:
        OSError: The disk cannot be read or written.
    """
    gaps = list(_readable_gaps(root))
    for path in root.glob(f"{FILE_NAME}*"):
        if not path.name.startswith(f"{FILE_NAME}.damaged"):
            path.unlink()
    with open_index(root, disk) as index:
        result = recover(root, index, disk)
        index.put_gaps(gaps)
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
