"""The calls that change files, in one place: what is measured, and what a test of power cuts takes part in.

Every file of a recording is created, grown, cut, renamed and removed through a `Disk`. All methods block and raise
OSError.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path


def _ignore(seconds: float) -> None:
    del seconds


class Disk:
    """The operating system's files.

    Args:
        on_sync: told how many seconds each sync took, those that fail included.
    """

    def __init__(self, on_sync: Callable[[float], None] = _ignore) -> None:
        self._on_sync = on_sync

    def make_folder(self, folder: Path) -> None:
        """Create a folder in one that exists; none if it is there already."""
        folder.mkdir(exist_ok=True)

    def create(self, path: Path) -> int:
        """Create a file that must not exist; returns its descriptor, for writing."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def open(self, path: Path) -> int:
        """Open a file for reading and for appending, and create it if it is not there."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write at the place of the descriptor; returns how many bytes were taken."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Make the contents of a file durable."""
        started = time.monotonic()
        try:
            os.fdatasync(descriptor)
        finally:
            self._on_sync(time.monotonic() - started)

    def cut(self, descriptor: int, size: int) -> None:
        """Make a file end after `size` bytes."""
        os.ftruncate(descriptor, size)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing if it is gone already."""
        path.unlink(missing_ok=True)

    def rename(self, path: Path, target: Path) -> None:
        """Give a file another name, in place of what may have it."""
        path.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """Make the entries of a folder durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        started = time.monotonic()
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            self._on_sync(time.monotonic() - started)

    def space(self, folder: Path) -> tuple[int, int]:
        """Bytes free for us on the disk of a folder, and its size."""
        usage = shutil.disk_usage(folder)
        return usage.free, usage.total


DISK = Disk()
"""The disk of whoever measures nothing."""


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write every byte.

    Raises:
        OSError: Not all of it was taken.
    """
    view = memoryview(data)
    while view:
        view = view[disk.write(descriptor, view) :]
