"""One MP4 of recorded files: which fragments of them, and where each lies on the time line. Blocks."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import Fragment, InitSegment
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.recorder.extent import TICKS_PER_S, scan_file
from cambus.recorder.index import Segment

LONGEST_GAP = 6 * 3600 * TICKS_PER_S
"""Ticks; no picture can stand still for longer in an MP4, nor would anybody watch it."""

JOIN_TICKS = TICKS_PER_S // 10
"""Segments that overlap or leave a gap by less are laid end to end."""


class Progress:
    """How far an export has come; asked and told by different threads.

    Attributes:
        done: files gone through.
        total: files there are.
        cancelled: nobody wants it any more.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.cancelled = False

    @property
    def part(self) -> float:
        """How much has been gone through, 0 to 1."""
        return self.done / self.total if self.total else 0.0


class CancelledError(Exception):
    """Nobody wants the export any more."""


def movie_of(
    root: Path,
    segments: Sequence[Segment],
    start_us: int,
    end_us: int,
    *,
    close_gaps: bool = False,
    progress: Progress | None = None,
) -> tuple[FaststartMp4, int, int]:
    """Lay the media of some segments end to end; the movie, the instant it begins, and the one it ends.

    Blocks: it reads the heads of all fragments.

    Raises:
        ContainerError: There is nothing between the two instants.
        OSError: A file cannot be read.
        CancelledError: `progress` said so.
    """
    progress = progress or Progress()
    progress.total = len(segments)
    parts: list[RecordedPart] = []
    origin_us = last_us = base = reached = shift = 0
    for segment in segments:
        if progress.cancelled:
            raise CancelledError
        progress.done += 1
        path, offset = root / segment.name.path(), _ticks(segment.start_us)
        try:
            found = scan_file(path, limit=segment.extent.bytes)
        except FileNotFoundError:  # its time was over before anybody could keep it
            continue
        wanted = _wanted(found.init, found.fragments, _ticks(start_us) - offset, _ticks(end_us) - offset)
        if not wanted:
            continue
        if not parts:
            origin_us, base = segment.start_us, offset
        missing = offset - base + wanted[0][0] - reached
        if parts and (missing >= LONGEST_GAP or (close_gaps and missing >= JOIN_TICKS)):
            base += missing  # this and all behind it come so much earlier
            missing = 0
        shift = offset - base
        if parts and abs(missing) < JOIN_TICKS:
            shift = reached - wanted[0][0]
        parts.append(RecordedPart(path, found.init, [fragment for _, fragment in wanted], shift))
        reached = shift + _end(found.init, wanted[-1][1])
        last_us = segment.start_us
    if not parts:
        raise ContainerError("nothing is recorded in that time")
    begin = max(_ticks(start_us) - _ticks(origin_us), _start(parts[0].init, parts[0].fragments[0]))
    movie = FaststartMp4(parts, start=begin, end=_ticks(end_us) - base)
    return movie, origin_us + _us(begin), min(last_us + _us(reached - shift), end_us)


def _ticks(at_us: int) -> int:
    return at_us * 9 // 100


def _us(ticks: int) -> int:
    return ticks * 100 // 9


def _start(init: InitSegment, fragment: Fragment) -> int:
    track = init.track(video=True)
    run = fragment.run(track.track_id) if track is not None else None
    return run.dts if run is not None else 0


def _end(init: InitSegment, fragment: Fragment) -> int:
    track = init.track(video=True)
    run = fragment.run(track.track_id) if track is not None else None
    return run.end_dts if run is not None else 0


def _wanted(
    init: InitSegment, fragments: Iterable[Fragment], start: int, end: int
) -> list[tuple[int, Fragment]]:
    """The fragments between two times of the file, from the keyframe before; each with its beginning."""
    track = init.track(video=True)
    chosen: list[tuple[int, Fragment]] = []
    for fragment in fragments:
        run = fragment.run(track.track_id) if track is not None else None
        if run is None or run.dts >= end:
            continue
        if run.dts <= start and run.sync[:1] == b"\1":
            chosen.clear()  # a later place to begin decoding
        chosen.append((run.dts, fragment))
    return chosen if chosen and _end(init, chosen[-1][1]) > start else []
