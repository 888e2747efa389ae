"""Writing a stream step by step on any disk, and judging what is left of it."""

import hashlib
import itertools
from collections.abc import Iterable
from pathlib import Path

import av

from cambus.media.frame import Frame
from cambus.recorder.cutting import Cutter
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey, segment_files
from cambus.recorder.opening import open_index
from cambus.recorder.recovery import recover
from cambus.recorder.stream_writer import StreamWriter

KEY = StreamKey("gate-1", 0, "main")
FPS = 25

Span = tuple[int, int]


class Scribe:
    """Records frames as the service does.

    Attributes:
        told: what was reported durable.
        pushed_us: up to when frames came.
    """

    def __init__(
        self, root: Path, index: Index, disk: Disk = DISK, *, key: StreamKey = KEY, segment_s: float = 2.0
    ) -> None:
        self.told: list[Span] = []
        self.closed: list[Segment] = []
        self.pushed_us = 0
        self.cutter = Cutter(segment_s=segment_s, fragment_s=1.0)
        self.writer = StreamWriter(
            key,
            root,
            index,
            on_durable=lambda start_us, end_us: self.told.append((start_us, end_us)),
            on_closed=self.closed.append,
            disk=disk,
        )

    def record(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self.writer.write(self.cutter.push(frame))
            self.pushed_us = frame.wall_us

    def finish(self) -> None:
        self.writer.write(self.cutter.finish())


_known: dict[bytes, int] = {}


def pictures_in(path: Path) -> int:
    """How many pictures FFmpeg decodes; raises if the file does not play."""
    digest = hashlib.sha256(path.read_bytes()).digest()
    if digest not in _known:
        with av.open(str(path)) as opened:
            _known[digest] = sum(1 for _ in opened.decode(video=0))
    return _known[digest]


def recovered(root: Path) -> list[Segment]:
    """What the index holds after a start; files and rows agree, and every row plays as long as it says."""
    with open_index(root) as index:
        recover(root, index)
        rows = index.all_segments()
        assert {row.name.path() for row in rows} == {path for _, path in segment_files(root)}
        assert not any(row.open for row in rows)
    for row in rows:
        assert row.extent.bytes == (root / row.name.path()).stat().st_size
        pictures = pictures_in(root / row.name.path())
        assert pictures == row.extent.duration_us * FPS // 1_000_000 > 0, (pictures, row)
    return rows


def missing(told: Iterable[Span], rows: Iterable[Segment]) -> list[Span]:
    """The spans, or parts of them, that no row holds."""
    held = sorted((row.start_us, row.end_us) for row in rows)
    lacking: list[Span] = []
    for start, end in told:
        reached = start
        for from_us, to_us in held:
            if from_us <= reached + 1000:
                reached = max(reached, to_us)
        if reached < end - 1000:
            lacking.append((reached, end))
    return lacking


def overlapping(rows: Iterable[Segment]) -> bool:
    """Whether two rows of one stream hold the same time."""
    ordered = sorted(rows, key=lambda row: row.start_us)
    return any(after.start_us < before.end_us for before, after in itertools.pairwise(ordered))
