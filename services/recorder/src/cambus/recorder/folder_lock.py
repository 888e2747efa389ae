"""Who uses a folder of recordings: one recorder and any number of readers, or one that makes the index anew.

Advisory locks (flock) on two files of the folder: `in-use.lock` is shared by all who use the folder and taken alone
by who makes the index anew; `recorder.lock` is the recorder's, and tells which one it is. The kernel lets go of both
when a process ends, however that is.
"""

import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

logger = logging.getLogger(__name__)

FILE_NAME: Final = "in-use.lock"
RECORDER_FILE_NAME: Final = "recorder.lock"
_PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.05
_TAKEN: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_HAS_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_WHO_BYTES: Final = 256


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
        self._recorder: _LockFile | None = None
        self._users = _LockFile(root / FILE_NAME)
        try:
            if alone:
                self._take_alone()
            else:
                self._take_with_others()
        except BaseException:
            self.close()
            raise

    @classmethod
    def to_record(cls, root: Path, who: str) -> Self:
        """The lock of the one recorder of a folder; `who` is what a second one is told.

        Raises:
            FolderInUseError: a recorder records into this folder, or its index is being made anew.
            OSError: the disk fails, or may not be written.
        """
        lock = cls(root)
        try:
            lock._take_to_record(who)
        except BaseException:
            lock.close()
            raise
        return lock

    @classmethod
    def to_read(cls, root: Path) -> tuple[Self, bool]:
        """The lock of somebody who only reads, and whether a recorder uses the folder just now."""
        lock = cls(root)
        try:
            recorder = _LockFile(root / RECORDER_FILE_NAME)
            try:
                live = not recorder.take(fcntl.LOCK_SH)
            finally:
                recorder.close()
        except BaseException:
            lock.close()
            raise
        return lock, live

    def _take_alone(self) -> None:
        if not self._users.take(fcntl.LOCK_EX):
            raise FolderInUseError(
                self._root, "a recorder, or another command, uses this folder; stop it first"
            )

    def _take_with_others(self) -> None:
        if not _patiently(lambda: self._users.take(fcntl.LOCK_SH)):
            raise FolderInUseError(
                self._root, "the index of this folder is being made anew; wait for its end"
            )

    def _take_to_record(self, who: str) -> None:
        self._recorder = recorder = _LockFile(self._root / RECORDER_FILE_NAME)
        if not _patiently(lambda: recorder.take(fcntl.LOCK_EX)):
            raise FolderInUseError(
                self._root,
                f"{recorder.read() or 'another recorder'} records into this folder; "
                "each recorder needs one of its own",
            )
        recorder.write(who)

    def close(self) -> None:
        """Let go of it."""
        if self._recorder is not None:
            self._recorder.close()
        self._users.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _LockFile:
    """One file that is locked, and may say by whom."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def take(self, mode: int) -> bool:
        """Lock it if nobody else has it in a way that excludes this one."""
        try:
            fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            if error.errno not in _HAS_NO_LOCKS:
                raise
            logger.warning(
                "the file system has no locks: see to it that no second recorder uses this folder",
                extra={"folder": str(self._path.parent)},
            )
        return True

    def write(self, who: str) -> None:
        """Say who has it; on a full disk nobody is told."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, who.encode()[:_WHO_BYTES], 0)

    def read(self) -> str:
        """Who has it, if they said so."""
        return os.pread(self._descriptor, _WHO_BYTES, 0).decode(errors="replace")

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _patiently(take: Callable[[], bool]) -> bool:
    """Try for a moment: another process may be about to end."""
    end = time.monotonic() + _PATIENCE_S
    while not take():
        if time.monotonic() >= end:
            return False
        time.sleep(_LOOK_S)
    return True
