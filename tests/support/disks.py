"""Disks that fail as real ones do, for who may not mount any: too small, broken, cut from power, dying with us.

All of them keep their files in an ordinary folder; only what they answer, or remember, is different.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cambus.recorder.disk import Disk

PAGE_BYTES = 4096


class SmallDisk(Disk):
    """A disk of `size` bytes that takes no more.

    Attributes:
        size: may grow.
        others: bytes that belong to somebody else.
    """

    def __init__(self, root: Path, size: int, on_sync: Callable[[float], None] = lambda _: None) -> None:
        super().__init__(on_sync)
        self.root = root
        self.size = size
        self.others = 0

    @property
    def used(self) -> int:
        return self.others + sum(_size(path) for path in self.root.rglob("*.mp4"))

    @property
    def free(self) -> int:
        return max(self.size - self.used, 0)

    def write(self, descriptor: int, data: memoryview) -> int:
        fitting = min(len(data), self.free)
        if fitting == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(descriptor, data[:fitting])

    def space(self, folder: Path) -> tuple[int, int]:
        return self.free, self.size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # deleted meanwhile, by another thread of the recorder
        return 0


class BrokenDisk(Disk):
    """A disk whose syncs fail while `broken` is set; `on_break` may damage what is there, as such disks do."""

    def __init__(self, on_break: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self.broken = False
        self.syncs = 0
        self._on_break = on_break

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        if self.broken:
            self._on_break(descriptor)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(descriptor)


class WatchedDisk(Disk):
    """Calls `step` with the name of what comes before each call that changes something."""

    def __init__(self, step: Callable[[str], None]) -> None:
        super().__init__()
        self._step = step

    def make_folder(self, folder: Path) -> None:
        self._step("make_folder")
        super().make_folder(folder)

    def create(self, path: Path) -> int:
        self._step("create")
        return super().create(path)

    def open(self, path: Path) -> int:
        self._step("open")
        return super().open(path)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._step("write")
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._step("sync")
        super().sync(descriptor)

    def cut(self, descriptor: int, size: int) -> None:
        self._step("cut")
        super().cut(descriptor, size)

    def close(self, descriptor: int) -> None:
        self._step("close")
        super().close(descriptor)

    def remove(self, path: Path) -> None:
        self._step("remove")
        super().remove(path)

    def rename(self, path: Path, target: Path) -> None:
        self._step("rename")
        super().rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder")
        super().sync_folder(folder)


@dataclass(slots=True)
class _File:
    """A file's bytes as they are, and as they were when they were last made durable."""

    now: bytes = b""
    durable: bytes = b""


@dataclass(frozen=True, slots=True)
class PowerCut:
    """What a power cut at one instant may leave.

    Attributes:
        folders: those that are there for certain.
        entries: every name that is there for certain, with what of it is durable and what was written.
        names: every name there was, with the same.
    """

    folders: frozenset[Path]
    entries: dict[Path, tuple[bytes, bytes]]
    names: dict[Path, tuple[bytes, bytes]]

    def leave(self, root: Path, what: str) -> None:
        """Make the files below `root`.

        Args:
            root: an empty folder.
            what: of everything that was not synced, `dropped` leaves nothing, `kept` leaves all, `torn` half of each
                file's rest, `zeros` its length without its contents, `page` the same but for its first
                page, `names` the new names alone.
        """
        found = self.entries if what == "dropped" else self.names
        for path, (durable, now) in found.items():
            rest = now[len(durable) :]
            content = {
                "dropped": durable,
                "names": durable,
                "kept": now,
                "torn": durable + rest[: len(rest) // 2],
                "page": durable + rest[:PAGE_BYTES] + bytes(max(len(rest) - PAGE_BYTES, 0)),
                "zeros": durable + bytes(len(rest)),
            }[what]
            if what == "dropped" and not set(path.parents) & set(self.folders) >= _below(path):
                continue
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)


def _below(path: Path) -> set[Path]:
    return set(path.parents) - {Path()}


@dataclass(slots=True)
class VolatileDisk(Disk):
    """Remembers what of its files would be there after a power cut: what was synced, names included."""

    root: Path
    on_step: Callable[[], None] = lambda: None
    _descriptors: dict[int, Path] = field(default_factory=dict)
    _files: dict[Path, _File] = field(default_factory=dict)
    _entries: dict[Path, _File] = field(default_factory=dict)
    _folders: set[Path] = field(default_factory=set)
    _durable_folders: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        Disk.__init__(self)

    def cut_now(self) -> PowerCut:
        return PowerCut(
            frozenset(self._durable_folders),
            {path: (file.durable, file.now) for path, file in self._entries.items()},
            {path: (file.durable, file.now) for path, file in self._files.items()},
        )

    def make_folder(self, folder: Path) -> None:
        self.on_step()
        Disk.make_folder(self, folder)
        if folder != self.root:
            self._folders.add(folder.relative_to(self.root))

    def create(self, path: Path) -> int:
        self.on_step()
        descriptor = Disk.create(self, path)
        self._descriptors[descriptor] = path.relative_to(self.root)
        self._files[path.relative_to(self.root)] = _File()
        return descriptor

    def open(self, path: Path) -> int:
        self.on_step()
        descriptor = Disk.open(self, path)
        self._descriptors[descriptor] = path.relative_to(self.root)
        self._files.setdefault(path.relative_to(self.root), _File())
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        self.on_step()
        count = Disk.write(self, descriptor, data)
        self._files[self._descriptors[descriptor]].now += bytes(data[:count])
        return count

    def sync(self, descriptor: int) -> None:
        self.on_step()
        Disk.sync(self, descriptor)
        file = self._files[self._descriptors[descriptor]]
        file.durable = file.now

    def cut(self, descriptor: int, size: int) -> None:
        self.on_step()
        Disk.cut(self, descriptor, size)
        file = self._files[self._descriptors[descriptor]]
        file.now = file.now[:size]

    def close(self, descriptor: int) -> None:
        self.on_step()
        self._descriptors.pop(descriptor)
        Disk.close(self, descriptor)

    def remove(self, path: Path) -> None:
        self.on_step()
        Disk.remove(self, path)
        self._files.pop(path.relative_to(self.root), None)

    def rename(self, path: Path, target: Path) -> None:
        self.on_step()
        Disk.rename(self, path, target)
        self._files[target.relative_to(self.root)] = self._files.pop(path.relative_to(self.root))

    def sync_folder(self, folder: Path) -> None:
        self.on_step()
        Disk.sync_folder(self, folder)
        within = folder.relative_to(self.root)
        self._durable_folders |= {each for each in self._folders if each.parent == within}
        self._entries = {path: file for path, file in self._entries.items() if path.parent != within}
        self._entries |= {path: file for path, file in self._files.items() if path.parent == within}
