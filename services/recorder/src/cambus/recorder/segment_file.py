"""Writing one segment: what `append` returned from is on the disk, whatever happens next.

The order is that of the promises: the file and its directory entry, its head, then fragment after fragment, each
followed by fdatasync; the caller writes the index row after that. A write that fails leaves the file cut back to
its last whole fragment, and the file is not used again: after a failed fsync nobody knows what is on the disk.
"""

import contextlib
import os
from pathlib import Path


class SegmentFile:
    """One file that grows by whole fragments. All methods block."""

    def __init__(self, root: Path, path: Path, head: bytes) -> None:
        """Create the file with its head, durably.

        Raises:
            OSError: The disk is full or broken; nothing is left behind.
        """
        self.path = root / path
        folder = self.path.parent
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self.bytes = 0
        try:
            self.append(head)
            for parent in (folder, *(each.parent for each in missing)):
                sync_folder(parent)
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    def append(self, data: bytes) -> None:
        """Write and sync.

        Raises:
            OSError: It is not all on the disk; the file ends where it ended before, as far as that can be done.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.bytes)
            raise
        self.bytes += len(data)

    def close(self) -> None:
        """Close the file; what was appended is durable already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable.

    Raises:
        OSError: It cannot be opened or synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
