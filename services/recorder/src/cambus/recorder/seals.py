"""Seals: a checksum behind the head and behind each fragment, so that a file can be told from a damaged one.

A seal is a `free` box (ISO/IEC 14496-12 §8.1.2), which every player passes over: size, type, a tag of 8 bytes, and the
CRC-32 of all bytes since the seal before. What is behind the last seal was being written when the recorder died.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cambus.media.errors import ContainerError
from cambus.media.mp4_boxes import Box, ReadAt, read_box

_SEAL = struct.Struct(">I4s8sI")
_TAG = b"cambuscr"
_CHUNK = 1 << 20

SEAL_BYTES = _SEAL.size


def sealed(data: bytes) -> bytes:
    """Bytes with their seal behind them."""
    return data + _SEAL.pack(SEAL_BYTES, b"free", _TAG, zlib.crc32(data))


@dataclass(frozen=True, slots=True)
class SealedPart:
    """The bytes of a file between two seals; `end` is the first behind its seal."""

    offset: int
    end: int
    intact: bool


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a file that was read from beginning to end turned out to be.

    Attributes:
        parts: what is sealed.
        sealed_bytes: where the last seal ends; 0 if there is none.
        size: of the file.
        fault: why reading stopped before the end, "" if it did not.
    """

    parts: tuple[SealedPart, ...]
    sealed_bytes: int
    size: int
    fault: str = ""

    @property
    def intact_bytes(self) -> int:
        """Up to where every byte is what was written."""
        end = 0
        for part in self.parts:
            if not part.intact:
                break
            end = part.end
        return end

    def faults(self) -> Iterator[str]:
        """What is wrong, for a person."""
        for part in self.parts:
            if not part.intact:
                yield f"the bytes {part.offset} to {part.end} are not what was written"
        if self.fault:
            yield self.fault
        elif self.sealed_bytes < self.size:
            yield f"the bytes from {self.sealed_bytes} on have no seal"


def check_file(path: Path, *, from_disk: bool = False) -> FileCheck:
    """Read all of a file and compare it with its seals.

    Args:
        path: the file.
        from_disk: read what is on the disk, not what the operating system remembers having written.

    Raises:
        OSError: It cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if from_disk:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return _check(lambda offset, count: os.pread(descriptor, count, offset), os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _check(read_at: ReadAt, size: int) -> FileCheck:
    parts: list[SealedPart] = []
    begin, fault = 0, ""
    offset = 0
    while offset < size and not fault:
        try:
            found = read_box(read_at, offset, size)
        except ContainerError as error:
            fault = f"cut short or damaged at byte {offset}: {error}"
            break
        wanted = _checksum(read_at, found)
        if wanted is not None:
            parts.append(SealedPart(begin, found.end, wanted == _crc(read_at, begin, offset)))
            begin = found.end
        offset = found.end
    return FileCheck(tuple(parts), begin, size, fault)


def _checksum(read_at: ReadAt, found: Box) -> int | None:
    """The checksum a seal holds; None if the box is no seal."""
    if found.kind != b"free" or found.size != SEAL_BYTES:
        return None
    _, _, tag, checksum = _SEAL.unpack(read_at(found.offset, SEAL_BYTES))
    return int(checksum) if tag == _TAG else None


def _crc(read_at: ReadAt, begin: int, end: int) -> int:
    value = 0
    for offset in range(begin, end, _CHUNK):
        value = zlib.crc32(read_at(offset, min(_CHUNK, end - offset)), value)
    return value


def seal_end(read_at: ReadAt, begin: int, end: int) -> int | None:
    """Where the seal of the bytes from `begin` to `end` ends; None if there is none, or it does not fit them."""
    data = read_at(end, SEAL_BYTES)
    if len(data) < SEAL_BYTES:
        return None
    size, kind, tag, checksum = _SEAL.unpack(data)
    if (size, kind, tag) != (SEAL_BYTES, b"free", _TAG) or checksum != _crc(read_at, begin, end):
        return None
    return end + SEAL_BYTES
