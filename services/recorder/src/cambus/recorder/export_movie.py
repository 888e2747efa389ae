"""One MP4 of recorded files: which fragments of them, and where each lies on the time line. Blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import Fragment, InitSegment
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.recorder.extent import TICKS_PER_S, scan_file, video_end_ticks

LONGEST_GAP = 6 * 3600 * TICKS_PER_S
"""Ticks; no picture can stand still for longer in an MP4, nor would anybody watch it."""

JOIN_TICKS = TICKS_PER_S // 10
"""Files that leave a gap by less are laid end to end."""

ROUNDING_TICKS = TICKS_PER_S // 100
"""Where two files hold the same pictures, their times may differ by a rounding."""

FETCHING = 0.9
"""How much of the work it is to have parts sent by other recorders, where that has to be done."""


class CancelledError(Exception):
    """Nobody wants the export any more."""


class Progress:
    """How far an export has come; asked and told by different threads.

    Attributes:
        done: files gone through.
        total: files there are.
        passes: how often all files are gone through.
        fetched: bytes other recorders have sent.
        to_fetch: bytes they are to send.
        cancelled: nobody wants it any more.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.passes = 1
        self.fetched = 0
        self.to_fetch = 0
        self.cancelled = False

    def check(self) -> None:
        """Raise CancelledError if nobody wants it any more."""
        if self.cancelled:
            raise CancelledError

    @property
    def part(self) -> float:
        """How much is done, 0 to 1."""
        scanned = self.done / self.total if self.total else 0.0
        if not self.to_fetch:
            return scanned
        return FETCHING * min(self.fetched / self.to_fetch, 1.0) + (1 - FETCHING) * scanned


class Piece(NamedTuple):
    """A recorded file, or a part of one.

    Attributes:
        path: where it is.
        origin_us: the instant its times count from.
        bytes: how much of it may be read.
    """

    path: Path
    origin_us: int
    bytes: int


class LaidFile(NamedTuple):
    """What of a file is used: its pictures from one instant to another, in ticks since 1970.

    Attributes:
        path: where it is.
        origin_us: the instant its times count from.
        bytes: how much of it may be read.
        begin: its first picture, a keyframe.
        end: the first instant that is not used.
        place: where it begins on the time line of all files.
    """

    path: Path
    origin_us: int
    bytes: int
    begin: int
    end: int
    place: int


@dataclass(frozen=True, slots=True)
class Laid:
    """What became of the files.

    Attributes:
        movie: the MP4.
        start_us: first instant in it.
        end_us: first instant no longer in it.
        spans: what of that time is in it, in microseconds.
        files: what it is made of.
    """

    movie: FaststartMp4
    start_us: int
    end_us: int
    spans: list[tuple[int, int]]
    files: list[LaidFile]


@dataclass(slots=True)
class _Found:
    """The wanted fragments of a file; `begin` and `end` in ticks since 1970."""

    path: Path
    init: InitSegment
    fragments: list[Fragment]
    origin_us: int
    bytes: int
    begin: int
    end: int
    until: int | None = None

    @property
    def offset(self) -> int:
        """What the times of the file count from."""
        return _ticks(self.origin_us)

    @property
    def begin_us(self) -> int:
        """The instant of the first picture, exactly."""
        return self.origin_us + _us(self.begin - self.offset)

    @property
    def end_us(self) -> int:
        """The instant behind the last picture, exactly."""
        return self.origin_us + _us(self.end - self.offset)


def movie_of(
    pieces: Iterable[Piece],
    start_us: int,
    end_us: int,
    *,
    close_gaps: bool = False,
    progress: Progress | None = None,
) -> Laid:
    """Lay the media of some files end to end. Where two hold the same time, the later one goes on from its beginning.

    Blocks: it reads the heads of all fragments.

    Raises:
        ContainerError: There is nothing between the two instants.
        OSError: A file cannot be read.
        CancelledError: `progress` said so.
    """
    found = _without_overlaps(_find(list(pieces), _ticks(start_us), _ticks(end_us), progress or Progress()))
    if not found:
        raise ContainerError("nothing is recorded in that time")
    parts: list[RecordedPart] = []
    files: list[LaidFile] = []
    last = _ticks(end_us)
    base = found[0].begin
    reached = shift = 0
    for each in found:
        missing = each.begin - base - reached
        if parts and (missing >= LONGEST_GAP or (close_gaps and missing >= JOIN_TICKS)):
            base += missing  # this and all behind it come so much earlier
            missing = 0
        shift = each.offset - base
        if parts and abs(missing) < JOIN_TICKS:
            shift = reached - (each.begin - each.offset)
        parts.append(RecordedPart(each.path, each.init, each.fragments, shift, each.until))
        place = shift + each.begin - each.offset
        files.append(LaidFile(each.path, each.origin_us, each.bytes, each.begin, min(each.end, last), place))
        reached = shift + each.end - each.offset
    begin = max(_ticks(start_us) - found[0].begin, 0)
    movie = FaststartMp4(parts, start=begin, end=_ticks(end_us) - base)
    return Laid(
        movie,
        max(start_us, found[0].begin_us),
        min(end_us, found[-1].end_us),
        _spans(found, start_us, end_us),
        files,
    )


def wanted_fragments(
    init: InitSegment, fragments: Iterable[Fragment], start: int, end: int
) -> list[tuple[int, Fragment]]:
    """The fragments between two times of a file, from the keyframe before; each with its beginning."""
    track = init.track(video=True)
    chosen: list[tuple[int, Fragment]] = []
    for fragment in fragments:
        run = fragment.run(track.track_id) if track is not None else None
        if run is None or run.dts >= end:
            continue
        if run.dts <= start and run.sync[:1] == b"\1":
            chosen.clear()  # a later place to begin decoding
        chosen.append((run.dts, fragment))
    return chosen if chosen and video_end_ticks(init, chosen[-1][1]) > start else []


def _find(pieces: Sequence[Piece], start: int, end: int, progress: Progress) -> list[_Found]:
    """What of the files is wanted."""
    progress.total = len(pieces) * progress.passes
    found: list[_Found] = []
    for path, origin_us, size in pieces:
        progress.check()
        progress.done += 1
        offset = _ticks(origin_us)
        try:
            scanned = scan_file(path, limit=size)
        except FileNotFoundError:  # its time was over before anybody could keep it
            continue
        wanted = wanted_fragments(scanned.init, scanned.fragments, start - offset, end - offset)
        if wanted:
            last = offset + video_end_ticks(scanned.init, wanted[-1][1])
            fragments = [fragment for _, fragment in wanted]
            found.append(_Found(path, scanned.init, fragments, origin_us, size, offset + wanted[0][0], last))
    return found


def _without_overlaps(found: list[_Found]) -> list[_Found]:
    """The same by time, each cut off where the next one begins; what holds nothing of its own is left out."""
    kept: list[_Found] = []
    for each in sorted(found, key=lambda one: (one.begin, -one.end)):
        if kept and each.end <= kept[-1].end:
            continue
        if kept and each.begin < kept[-1].end - ROUNDING_TICKS:
            last = kept[-1]
            last.end, last.until = each.begin, each.begin - last.offset - ROUNDING_TICKS
            last.fragments = [one for one in last.fragments if _begin(last.init, one) < last.until]
            if not last.fragments:
                kept.pop()
        kept.append(each)
    return kept


def _begin(init: InitSegment, fragment: Fragment) -> int:
    track = init.track(video=True)
    run = fragment.run(track.track_id) if track is not None else None
    return run.dts if run is not None else 0


def _spans(found: Iterable[_Found], start_us: int, end_us: int) -> list[tuple[int, int]]:
    """What of a time is there, runs of contiguous files as one."""
    spans: list[tuple[int, int]] = []
    for each in found:
        start, end = max(each.begin_us, start_us), min(each.end_us, end_us)
        if end <= start:
            continue
        if spans and start - spans[-1][1] < 1_000_000:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _ticks(at_us: int) -> int:
    return at_us * 9 // 100


def _us(ticks: int) -> int:
    return ticks * 100 // 9
