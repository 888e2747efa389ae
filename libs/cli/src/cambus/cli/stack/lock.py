"""One stack for each data folder: two would tear the store of NATS and the recordings apart."""

import contextlib
import fcntl
import os
from pathlib import Path

from cambus.cli.stack.options import StackFailedError


class FolderLock:
    """A lock on a folder that ends with the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take it.

        Raises:
            StackFailedError: another process has it.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            raise StackFailedError(
                f"a stack runs in {self._path.parent} already (process {holder or '?'}); --data names another folder"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle

    def release(self) -> None:
        """Give it back, if it was taken."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                os.close(handle)
