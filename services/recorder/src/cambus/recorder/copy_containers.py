"""The bytes of a copy, made while they are read; the same ones each time, so that they have a digest. Blocks.

`mp4` is the file as it was recorded, `faststart` a plain MP4 of it with its index in front, `ts` a transport stream
with its sound as AAC.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cambus.media.errors import ContainerError
from cambus.recorder.borrowed import piece_of
from cambus.recorder.copy_marks import Container
from cambus.recorder.export_movie import movie_of
from cambus.recorder.extent import extent_of, scan_file
from cambus.recorder.index import Segment
from cambus.recorder.layout import SegmentName
from cambus.recorder.transport_stream import segment_stream

EXTENSIONS: Final[dict[Container, str]] = {"mp4": "mp4", "faststart": "mp4", "ts": "ts"}
CONTENT_TYPES: Final[dict[Container, str]] = {
    "mp4": "video/mp4",
    "faststart": "video/mp4",
    "ts": "video/mp2t",
}
BLOCK_BYTES: Final = 256 << 10


class Weight(NamedTuple):
    """How many bytes, and their SHA-256 in hex."""

    bytes: int
    sha256: str


def segment_of(root: Path, name: SegmentName) -> Segment:
    """The complete segment a file holds.

    Raises:
        ContainerError: it cannot be played.
        OSError: it cannot be read.
    """
    extent = extent_of(scan_file(root / name.path()))
    return Segment(name, name.start_us + extent.duration_us, extent, open=False)


def blocks(root: Path, segment: Segment, container: Container) -> Iterator[bytes]:
    """The bytes of a copy, some at a time.

    Raises:
        ContainerError: it cannot be played.
        OSError: it cannot be read.
    """
    if container == "mp4":
        yield from _ranges(root / segment.name.path(), 0, segment.extent.bytes)
    elif container == "faststart":
        movie = movie_of([piece_of(root, segment)], segment.start_us, segment.end_us).movie
        for piece in movie.read_range(0, movie.total_bytes):
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from _ranges(Path(piece.path), piece.offset, piece.length)
    else:
        yield from segment_stream(root, segment)


def weigh(root: Path, segment: Segment, container: Container) -> Weight:
    """How large a copy is going to be, and its digest."""
    digest, size = hashlib.sha256(), 0
    for block in blocks(root, segment, container):
        digest.update(block)
        size += len(block)
    return Weight(size, digest.hexdigest())


def _ranges(path: Path, offset: int, length: int) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        at, end = offset, offset + length
        while at < end:
            block = os.pread(descriptor, min(BLOCK_BYTES, end - at), at)
            if not block:
                raise ContainerError("the file is shorter than it was", offset=at)
            yield block
            at += len(block)
    finally:
        os.close(descriptor)
