"""Writing one segment: what `append` returned from is on the disk, whatever happens next.

The order is that of the promises: the file and its directory entry, its head, then fragment after fragment, each
with its seal and followed by fdatasync; the caller writes the index row after that. A write that fails leaves the
file cut back to its last whole fragment, and the file is not used again: after a failed fsync nobody knows what is on
the disk.
"""

import contextlib
from pathlib import Path

from cambus.recorder.disk import DISK, Disk, write_all
from cambus.recorder.seals import sealed


class SegmentFile:
    """One file that grows by whole fragments. All methods block."""

    def __init__(self, root: Path, path: Path, head: bytes, disk: Disk = DISK) -> None:
        """Create the file with its head, durably.

        Raises:
            OSError: The disk is full or broken; nothing is left behind, as far as that can be done.
        """
        self.path = root / path
        self._disk = disk
        folder = self.path.parent
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            disk.make_folder(each)
        self._descriptor = disk.create(self.path)
        self.bytes = 0
        try:
            self.append(head)
            for parent in (folder, *(each.parent for each in missing)):
                disk.sync_folder(parent)
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                disk.remove(self.path)
            raise

    def append(self, data: bytes) -> None:
        """Write with a seal, and sync.

        Raises:
            OSError: It is not all on the disk; the file ends where it ended before, as far as that can be done.
        """
        whole = sealed(data)
        try:
            write_all(self._disk, self._descriptor, whole)
            self._disk.sync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.cut(self._descriptor, self.bytes)
            raise
        self.bytes += len(whole)

    def close(self) -> None:
        """Close the file; what was appended is durable already."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):  # an error of the disk was told by the sync before
                self._disk.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable.

    Raises:
        OSError: It cannot be opened or synced.
    """
    DISK.sync_folder(folder)
