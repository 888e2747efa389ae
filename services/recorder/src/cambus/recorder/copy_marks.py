"""What is to be copied, and what was: a small file beside the segment, so that it outlives crashes and the index.

    ….mp4.copy      it is to be copied: into which container, and how often that failed
    ….mp4.copied    it was: where it is, how large and with which digest

A mark is written under another name, synced and renamed: it is whole, or it is not there. `….copied` counts where
both are. All functions block and raise OSError.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cambus.recorder.disk import DISK, Disk, write_all
from cambus.recorder.layout import SUFFIX, SegmentName, parse_path
from cambus.schemas.spans import CopyState

PENDING: Final = ".copy"
COPIED: Final = ".copied"
_NEW: Final = ".new"
_MAX_BYTES: Final = 4096
Container = Literal["mp4", "faststart", "ts"]
CONTAINERS: Final[tuple[Container, ...]] = ("mp4", "faststart", "ts")


@dataclass(frozen=True, slots=True)
class Pending:
    """A segment that is to be copied.

    Attributes:
        container: into which container.
        attempts: how often that failed.
        due_us: when it is to be tried again, microseconds since 1970.
    """

    container: Container
    attempts: int = 0
    due_us: int = 0


@dataclass(frozen=True, slots=True)
class Copied:
    """Where the copy of a segment is.

    Attributes:
        url: of the copy.
        container: what it is.
        bytes: how large it is.
        sha256: its digest, in hex.
        at_us: since when it is there, microseconds since 1970.
    """

    url: str
    container: Container
    bytes: int
    sha256: str
    at_us: int


def mark_path(root: Path, name: SegmentName, suffix: str) -> Path:
    """Where a mark of a segment is."""
    path = root / name.path()
    return path.with_name(path.name + suffix)


def write_pending(root: Path, name: SegmentName, pending: Pending, disk: Disk = DISK) -> None:
    """Note, durably, that a segment is to be copied."""
    _write(mark_path(root, name, PENDING), asdict(pending), disk)


def write_copied(root: Path, name: SegmentName, copied: Copied, disk: Disk = DISK) -> None:
    """Note, durably, that a segment was copied, and that nothing is to be done any more."""
    _write(mark_path(root, name, COPIED), asdict(copied), disk)
    disk.remove(mark_path(root, name, PENDING))


def remove_marks(root: Path, name: SegmentName, disk: Disk = DISK) -> None:
    """Forget what there is of a segment; the caller syncs the folder."""
    for suffix in (PENDING, COPIED):
        disk.remove(mark_path(root, name, suffix))


def read_copied(root: Path, name: SegmentName) -> Copied | None:
    """Where the copy of a segment is; None if it was not copied, or its mark cannot be read."""
    try:
        facts = _read(mark_path(root, name, COPIED))
        return Copied(
            url=str(facts["url"]),
            container=_container(facts["container"]),
            bytes=int(facts["bytes"]),
            sha256=str(facts["sha256"]),
            at_us=int(facts["at_us"]),
        )
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def copy_states(root: Path, names: Iterable[SegmentName]) -> dict[str, CopyState]:
    """The ids of the segments that are to be copied or were; a folder is read once, however many are in it."""
    states: dict[str, CopyState] = {}
    folders: dict[Path, list[SegmentName]] = {}
    for name in names:
        folders.setdefault((root / name.path()).parent, []).append(name)
    for folder, each in folders.items():
        try:
            there = set(os.listdir(folder))  # noqa: PTH208  # a path for each of thousands is slow
        except FileNotFoundError:
            continue
        for name in each:
            file = name.path().name
            if file + COPIED in there:
                states[name.id] = CopyState.COPIED
            elif file + PENDING in there:
                states[name.id] = CopyState.PENDING
    return states


def was_marked(root: Path, name: SegmentName) -> bool:
    """Whether it was decided that a segment is copied."""
    return any(mark_path(root, name, suffix).exists() for suffix in (PENDING, COPIED))


def pending_marks(root: Path, disk: Disk = DISK) -> Iterator[tuple[SegmentName, Pending]]:
    """Every segment that is to be copied, in no particular order; marks of what is gone or done are removed.

    A mark nobody can read counts as one for the file as it was recorded.
    """
    for name, mark in _marks(root, PENDING):
        if not (root / name.path()).exists() or mark_path(root, name, COPIED).exists():
            disk.remove(mark)
            continue
        try:
            facts = _read(mark)
            yield (
                name,
                Pending(_container(facts["container"]), int(facts["attempts"]), int(facts["due_us"])),
            )
        except FileNotFoundError:
            continue
        except (ValueError, TypeError, KeyError):
            yield name, Pending("mp4")


def remove_orphans(root: Path, disk: Disk = DISK) -> None:
    """Remove the marks of segments that are gone, and what a crash left of one that was being written."""
    for suffix in (PENDING, COPIED):
        for name, mark in _marks(root, suffix):
            if not (root / name.path()).exists():
                disk.remove(mark)
        for unfinished in root.glob(f"*/*/*/*/*{SUFFIX}{suffix}{_NEW}"):
            disk.remove(unfinished)


def _marks(root: Path, suffix: str) -> Iterator[tuple[SegmentName, Path]]:
    for mark in root.glob(f"*/*/*/*/*{SUFFIX}{suffix}"):
        name = parse_path(mark.relative_to(root).with_name(mark.name.removesuffix(suffix)))
        if name is not None:
            yield name, mark


def _container(value: object) -> Container:
    for each in CONTAINERS:
        if value == each:
            return each
    raise ValueError(f"no container {value!r}")


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        facts = json.loads(file.read(_MAX_BYTES))
    if not isinstance(facts, dict):
        raise TypeError(f"{path}: no object")
    return facts


def _write(path: Path, facts: dict[str, Any], disk: Disk) -> None:
    new = path.with_name(path.name + _NEW)
    disk.remove(new)
    descriptor = disk.create(new)
    try:
        write_all(disk, descriptor, json.dumps(facts, separators=(",", ":")).encode())
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.rename(new, path)
    disk.sync_folder(path.parent)
