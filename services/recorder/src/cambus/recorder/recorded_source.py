"""The recordings of one stream as one sequence of pictures and sound, over the borders of files and gaps. Blocks."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from cambus.media.errors import MediaError
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey
from cambus.recorder.segment_reader import SegmentReader, Unit, to_ticks

LEAST_GAP = 90_000
"""Ticks between two files that are a gap; less is jitter of the stream."""


class Way(Enum):
    """How recordings are gone through: all of it, its keyframes, or its keyframes from the last to the first."""

    ALL = "all"
    KEYFRAMES = "keyframes"
    BACKWARDS = "backwards"


class RecordedSource:
    """Reads one stream of one recorder.

    Args:
        root: the folder of the recordings.
        index: its index.
        key: the stream.
    """

    def __init__(self, root: Path, index: Index, key: StreamKey) -> None:
        self._root = root
        self._index = index
        self._key = key

    def locate(self, at_us: int, *, backwards: bool = False) -> int | None:
        """Where playing could begin: the instant itself if it is recorded, else the nearest in that direction."""
        if backwards:
            before = self._index.last_before(self._key, at_us)
            return None if before is None else min(at_us, before.end_us)
        segment = self._index.next_from(self._key, at_us)
        return None if segment is None else max(at_us, segment.start_us)

    def read(self, at_us: int, way: Way) -> Iterator[list[Unit]]:
        """What there is from an instant on, or before it; ends with what is recorded so far.

        Forwards it begins with the keyframe at or before the instant. Files that vanish or cannot be read are
        passed over, as if they were not there.
        """
        return self._backwards(at_us) if way is Way.BACKWARDS else self._forwards(at_us, way)

    def _forwards(self, at_us: int, way: Way) -> Iterator[list[Unit]]:
        reached: int | None = None  # ticks up to which everything was given
        given = to_ticks(at_us)  # of the last picture
        last: str | None = None
        while (segment := self._index.next_from(self._key, at_us)) is not None:
            again = begun = segment.id == last  # it has grown
            for units in self._of_file(segment, way, given if again else to_ticks(at_us), again=again):
                yield units if begun else [_behind_gap(units[0], reached), *units[1:]]
                given, begun = max(given, units[-1].at), True
            if begun:
                last, reached = segment.id, to_ticks(segment.end_us)
            at_us = max(segment.end_us, at_us + 1)

    def _of_file(self, segment: Segment, way: Way, at: int, *, again: bool) -> Iterator[list[Unit]]:
        try:
            with SegmentReader.of(self._root, segment) as reader:
                if way is Way.ALL:
                    yield from reader.behind(at) if again else reader.forward(at)
                else:
                    yield from reader.keyframes_behind(at) if again else reader.keyframes(at)
        except (MediaError, OSError):
            return

    def _backwards(self, at_us: int) -> Iterator[list[Unit]]:
        reached: int | None = None  # ticks down to which everything was given
        while (segment := self._index.last_before(self._key, at_us)) is not None:
            first = True
            for units in self._of_file_backwards(segment, to_ticks(at_us)):
                if first and reached is not None and reached - to_ticks(segment.end_us) >= LEAST_GAP:
                    yield [units[0]._replace(gap=(to_ticks(segment.end_us), reached))]
                else:
                    yield units
                first = False
            at_us = segment.start_us
            reached = to_ticks(at_us)

    def _of_file_backwards(self, segment: Segment, at: int) -> Iterator[list[Unit]]:
        try:
            with SegmentReader.of(self._root, segment) as reader:
                yield from reader.backwards(at)
        except (MediaError, OSError):
            return


def _behind_gap(unit: Unit, reached: int | None) -> Unit:
    """The first unit of a file, marked if time is missing before it."""
    if reached is None or unit.at - reached < LEAST_GAP:
        return unit
    return unit._replace(gap=(reached, unit.at))
