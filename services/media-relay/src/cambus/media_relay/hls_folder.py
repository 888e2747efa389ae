"""Complete HLS segments in unnamed files, so that a stream takes no more memory than its live outputs.

Nobody can open such a file and nothing is left of it when its last user has gone, not even if that was by a crash.
But nobody sees it either: what counts a folder's bytes by the names in it, as Kubernetes does, finds none. So the
bound is kept here, of bytes and of open files. What can not or may not be written stays in memory: that costs memory,
never a viewer.
"""

import asyncio
import contextlib
import errno
import logging
import os
import tempfile
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MOST_WAITING_BYTES: Final = 64 << 20
"""A disk so slow that more than this waits for it is not waited for."""

_UNNAMED: Final = getattr(os, "O_TMPFILE", 0)
_NO_UNNAMED: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})


class SegmentFile:
    """An unnamed file that is closed with the last reference to it.

    Args:
        descriptor: open for reading.
        on_close: called when it is closed, in whatever thread.
    """

    def __init__(self, descriptor: int, on_close: Callable[[], None] = lambda: None) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, _close, descriptor, on_close)

    def read(self, offset: int, size: int) -> bytes:
        """Those bytes. Raises OSError if the disk does not give them."""
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                raise OSError(errno.EIO, "a segment has lost its end")
            data += more
        return data


def _close(descriptor: int, on_close: Callable[[], None]) -> None:
    os.close(descriptor)
    on_close()


@dataclass(frozen=True, slots=True)
class FolderLimits:
    """How much may be in files, of all streams together.

    Attributes:
        files: how many, each of which is a descriptor of the process.
        bytes: how many in them.
    """

    files: int = 16_384
    bytes: int = 6 << 30


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes within a file."""

    file: SegmentFile
    offset: int
    size: int

    def __len__(self) -> int:
        return self.size

    def read(self, start: int, most: int) -> bytes:
        """From the byte `start` of the extent on, as many as there are but no more than `most`."""
        return self.file.read(self.offset + start, min(most, self.size - start))


class HlsFolder:
    """Writes segments in a thread.

    Args:
        folder: where; made if it is not there.
        executor: where the work is done.
        limits: how much it may hold.

    Attributes:
        failures: segments that stayed in memory because they could not be written, or there were too many.
    """

    def __init__(self, folder: Path, executor: Executor, limits: FolderLimits | None = None) -> None:
        self._limits = limits or FolderLimits()
        self._files = 0
        self._bytes = 0
        self._freed: deque[int] = deque()  # sizes of files that were closed: in any thread, at any moment
        self._folder = folder
        self._executor = executor
        self._waiting_bytes = 0
        self._failing = False
        self.failures = 0

    @property
    def files(self) -> int:
        """How many are open, those on the way to the disk included."""
        while self._freed:
            self._bytes -= self._freed.popleft()
            self._files -= 1
        return self._files

    def keep(self, data: bytes, kept: Callable[[SegmentFile], None]) -> None:
        """Write a segment; `kept` is called in the event loop once that is done, and never if it can not be."""
        if self._waiting_bytes + len(data) > MOST_WAITING_BYTES:
            self._failed("the disk is too slow")
            return
        if self.files >= self._limits.files:
            self._failed(f"there are {self._limits.files} files, as many as there may be")
            return
        if self._bytes + len(data) > self._limits.bytes:
            self._failed(f"there are {self._bytes} bytes, and no more than {self._limits.bytes} may be")
            return
        self._files += 1
        self._bytes += len(data)
        self._waiting_bytes += len(data)
        job = asyncio.get_running_loop().run_in_executor(self._executor, self._write, data)

        def on_done(job: asyncio.Future[SegmentFile]) -> None:
            self._waiting_bytes -= len(data)
            if job.cancelled():
                return
            error = job.exception()
            if error is not None:
                self._freed.append(len(data))
            if error is None:
                self._written()
                kept(job.result())
            elif isinstance(error, OSError):
                self._failed(str(error))
            else:
                raise error

        job.add_done_callback(on_done)

    def _write(self, data: bytes) -> SegmentFile:  # in a thread of the executor
        descriptor = self._create()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BaseException:
            os.close(descriptor)
            raise
        return SegmentFile(descriptor, partial(self._freed.append, len(data)))

    def _create(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        if _UNNAMED:
            try:
                return os.open(self._folder, _UNNAMED | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                if error.errno not in _NO_UNNAMED:
                    raise
        descriptor, name = tempfile.mkstemp(prefix="segment-", dir=self._folder)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - in a thread, of a name mkstemp gave as text
        return descriptor

    def _failed(self, why: str) -> None:
        self.failures += 1
        if not self._failing:
            self._failing = True
            log.warning(
                "HLS segments stay in memory: they can not be written",
                extra={"folder": str(self._folder), "reason": why},
            )

    def _written(self) -> None:
        roomy = 10 * self.files <= 9 * self._limits.files and 10 * self._bytes <= 9 * self._limits.bytes
        if (
            self._failing and roomy
        ):  # at its bound it takes one for each that goes: that is not to be told each time
            self._failing = False
            log.info("HLS segments are written again", extra={"folder": str(self._folder)})
