"""Boxes of the ISO base media file format: making them and walking over them (ISO/IEC 14496-12 §4.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cambus.media.errors import ContainerError

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, size)`: the bytes there, fewer at the end of the file."""

BOX_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies: `offset` of its header, `size` with the header, both in bytes."""

    kind: bytes
    offset: int
    header_bytes: int
    size: int

    @property
    def payload(self) -> int:
        """Offset of the first byte behind the header."""
        return self.offset + self.header_bytes

    @property
    def end(self) -> int:
        """Offset of the first byte behind the box."""
        return self.offset + self.size

    @property
    def payload_bytes(self) -> int:
        """Bytes behind the header."""
        return self.size - self.header_bytes


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of `parts`, with a 32-bit size."""
    body = b"".join(parts)
    return (BOX_HEADER_BYTES + len(body)).to_bytes(4, "big") + kind + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box whose payload begins with version and flags (§4.2.2)."""
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *parts)


def box_header(kind: bytes, payload_bytes: int) -> bytes:
    """The header alone, 8 bytes, or 16 where the size needs 64 bits."""
    if payload_bytes + BOX_HEADER_BYTES < 1 << 32:
        return struct.pack(">I4s", payload_bytes + BOX_HEADER_BYTES, kind)
    return struct.pack(">I4sQ", 1, kind, payload_bytes + _LARGE_HEADER_BYTES)


def read_box(read_at: ReadAt, offset: int, end: int) -> Box:
    """The box at `offset`, which may not pass `end`.

    Raises:
        ContainerError: no box begins there, or it is cut off; `offset` of the error says where.
    """
    header = read_at(offset, min(_LARGE_HEADER_BYTES, end - offset))
    if len(header) < BOX_HEADER_BYTES:
        raise ContainerError("the box header is cut off", offset=offset)
    size, kind = struct.unpack_from(">I4s", header)
    header_bytes = BOX_HEADER_BYTES
    if size == 1:
        if len(header) < _LARGE_HEADER_BYTES:
            raise ContainerError("the box header is cut off", offset=offset)
        size = int.from_bytes(header[8:16], "big")
        header_bytes = _LARGE_HEADER_BYTES
    if size < header_bytes:  # 0, "to the end of the file", is nothing this library writes or could bound
        raise ContainerError(f"a box of {size} bytes", offset=offset)
    if offset + size > end:
        raise ContainerError(f"the box of {size} bytes is cut off after {end - offset}", offset=offset)
    return Box(kind, offset, header_bytes, size)


def iter_boxes(read_at: ReadAt, offset: int, end: int) -> Iterator[Box]:
    """The boxes from `offset` to `end`, one after the other.

    Raises:
        ContainerError: as `read_box`, at the first that is broken.
    """
    while offset < end:
        found = read_box(read_at, offset, end)
        yield found
        offset = found.end


def bytes_reader(data: bytes | memoryview) -> ReadAt:
    """A `ReadAt` over bytes in memory."""

    def read_at(offset: int, size: int) -> bytes:
        return bytes(data[offset : offset + size])

    return read_at


def children(data: bytes, parent: Box, *, skip: int = 0) -> Iterator[Box]:
    """The boxes inside `parent`, which lies in `data`; `skip` bytes of its payload come before them.

    Raises:
        ContainerError: as `read_box`.
    """
    return iter_boxes(bytes_reader(data), parent.payload + skip, parent.end)


def find_box(data: bytes, path: str, parent: Box | None = None) -> Box | None:
    """The first box at a path like `moov/trak/mdia` in `data`, None if there is none.

    Raises:
        ContainerError: as `read_box`.
    """
    found = parent
    for name in path.split("/"):
        boxes = iter_boxes(bytes_reader(data), 0, len(data)) if found is None else children(data, found)
        found = next((child for child in boxes if child.kind == name.encode()), None)
        if found is None:
            return None
    return found
