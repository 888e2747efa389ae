"""Who uses a folder of recordings: any number of recorders and readers, or one that makes the index anew.

An advisory lock (flock) on a file of the folder: the kernel lets go of it when a process ends, however that is.
"""

import errno
import fcntl
import logging
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

logger = logging.getLogger(__name__)

FILE_NAME: Final = "in-use.lock"
_PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.05
_TAKEN: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_HAS_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class FolderInUseError(OSError):
    """Somebody else uses the folder in a way that excludes this one."""

    def __init__(self, root: Path, text: str) -> None:
        super().__init__(errno.EBUSY, text, str(root))


class FolderLock:
    """The use of one folder, until `close`.

    On a file system without locks nobody is kept out, which is said in the log.

    Raises:
        FolderInUseError: the folder is used otherwise.
        OSError: the disk fails.
    """

    def __init__(self, root: Path, *, alone: bool = False) -> None:
        self._root = root
        self._descriptor = os.open(root / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if alone:
                self._take_alone()
            else:
                self._take_with_others()
        except BaseException:
            self.close()
            raise

    @classmethod
    def to_read(cls, root: Path) -> tuple[Self, bool]:
        """The lock of somebody who only reads, and whether others use the folder just now."""
        lock = cls(root)
        try:
            live = not lock._try(fcntl.LOCK_EX)
            lock._try(fcntl.LOCK_SH)  # with others again
        except BaseException:
            lock.close()
            raise
        return lock, live

    def _take_alone(self) -> None:
        if not self._try(fcntl.LOCK_EX):
            raise FolderInUseError(
                self._root, "a recorder, or another command, uses this folder; stop it first"
            )

    def _take_with_others(self) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not self._try(fcntl.LOCK_SH):
            if time.monotonic() >= end:
                raise FolderInUseError(
                    self._root, "the index of this folder is being made anew; wait for its end"
                )
            time.sleep(_LOOK_S)

    def _try(self, mode: int) -> bool:
        try:
            fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            if error.errno not in _HAS_NO_LOCKS:
                raise
            logger.warning("the file system has no locks", extra={"folder": str(self._root)})
        return True

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
