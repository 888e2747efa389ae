"""One plain MP4 made of the fragments of recorded files, its index in front, without writing it anywhere.

All that has to be computed is the head: `ftyp`, `moov` and the header of one `mdat`. The media behind it are
ranges of the recorded files as they lie on the disk, so any range of the whole can be served at once
(ISO/IEC 14496-12 §6.2.3, §8.6.6).
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import Fragment, InitSegment, InitTrack
from cambus.media.mp4_boxes import box, box_header
from cambus.media.mp4_movie import TIMESCALE, HandlerKind, MovieTrack, moov
from cambus.media.mp4_tables import SampleTables, needs_wide_offsets

_FTYP = box(b"ftyp", b"isom", (0x200).to_bytes(4, "big"), b"isomiso2iso6mp41")
_SHORT_HEAD = 1 << 20

Path = str | os.PathLike[str]


class FileRange(NamedTuple):
    """`length` bytes at `offset` of a recorded file."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """Fragments of one recorded file, in order.

    Attributes:
        path: the file; handed back in `FileRange`, never opened here.
        init: the file's tracks; times must be in 90 kHz ticks.
        fragments: which of its fragments to take; the first should begin with a keyframe.
        shift: ticks to add to the file's times to come to the common time line of all parts.
        until: samples from this time of the file on are left out; None for none.
    """

    path: Path
    init: InitSegment
    fragments: Sequence[Fragment]
    shift: int = 0
    until: int | None = None


class FaststartMp4:
    """A plain MP4 of recorded parts: one video and one audio track.

    Args:
        parts: in the order of time; the common time line must not run backwards.
        start: where to begin to present, on the common time line; pictures before it from the keyframe on are
            decoded and not shown (edit list), sound before it is left out: FFmpeg counts an edit of sound in
            samples, whatever the track's ticks are. None: with the first sample.
        end: where to stop presenting; None: with the last sample.
        created_s: creation time, seconds since 1904-01-01 UTC; the same arguments give the same bytes.

    Attributes:
        total_bytes: size of the whole file.
        head_bytes: how much of it is kept in memory.
        duration_s: of the presentation.

    Raises:
        ContainerError: no sample at all, nothing between start and end, a track with another timescale, or a
            gap above 6.6 hours, which no sample can bridge (shift the parts to close it).
    """

    def __init__(
        self,
        parts: Sequence[RecordedPart],
        *,
        start: int | None = None,
        end: int | None = None,
        created_s: int = 0,
    ) -> None:
        self._ranges: list[FileRange] = []
        self._positions: list[int] = []  # of each range inside the mdat payload
        self._data_bytes = 0
        self._sound_from = start
        tracks = [_Track(b"vide"), _Track(b"soun")]
        for part in parts:
            for track in tracks:
                track.use(part.init)
            for fragment in part.fragments:
                self._add(part, fragment, tracks)
        self._tracks = [track for track in tracks if track.tables.count]
        if not self._tracks:
            raise ContainerError("no samples to make an MP4 of")
        self._start = min(track.first_pts for track in self._tracks) if start is None else start
        last = max(track.end for track in self._tracks)
        self._end = last if end is None else min(end, last)
        if self._end <= self._start:
            raise ContainerError(f"nothing to present from {self._start} to {self._end}")
        self._head = self._make_head(created_s)
        self._tracks.clear()  # their tables are in the head now
        self.head_bytes = len(self._head)
        self.total_bytes = len(self._head) + self._data_bytes
        self.duration_s = (self._end - self._start) / TIMESCALE

    def read_range(self, start: int, end: int) -> Iterator[bytes | FileRange]:
        """What the bytes `start` up to and without `end` of the file are, in order.

        Raises:
            ValueError: not a range of the file.
        """
        if not 0 <= start <= end <= self.total_bytes:
            message = f"no range of {self.total_bytes} bytes: {start} to {end}"
            raise ValueError(message)
        head = len(self._head)
        if start < min(end, head):
            yield self._head[start : min(end, head)]
        at, stop = max(start - head, 0), end - head
        index = bisect_right(self._positions, at) - 1
        while at < stop:
            path, offset, length = self._ranges[index]
            skipped = at - self._positions[index]
            taken = min(length - skipped, stop - at)
            yield FileRange(path, offset + skipped, taken)
            at += taken
            index += 1

    def _add(self, part: RecordedPart, fragment: Fragment, tracks: list[_Track]) -> None:
        if not fragment.data_bytes:
            return
        for track in tracks:
            run = None if track.current is None else fragment.run(track.current.track_id)
            if run is not None and track.kind == b"soun" and self._sound_from is not None:
                run = run.since(self._sound_from - part.shift)
            if run is not None and part.until is not None:
                run = run.until(part.until)
            if run is not None:
                position = self._data_bytes + run.offset - fragment.data_offset
                track.tables.add(run, dts=run.dts + part.shift, position=position, entry=track.entry)
        self._ranges.append(FileRange(part.path, fragment.data_offset, fragment.data_bytes))
        self._positions.append(self._data_bytes)
        self._data_bytes += fragment.data_bytes

    def _make_head(self, created_s: int) -> bytes:
        mdat = box_header(b"mdat", self._data_bytes)
        wide = needs_wide_offsets(self._data_bytes, _SHORT_HEAD)
        moov_bytes = len(self._moov(0, created_s, wide=wide))
        if not wide and needs_wide_offsets(self._data_bytes, len(_FTYP) + moov_bytes + len(mdat)):
            wide = True
            moov_bytes = len(self._moov(0, created_s, wide=wide))
        data_offset = len(_FTYP) + moov_bytes + len(mdat)
        return b"".join((_FTYP, self._moov(data_offset, created_s, wide=wide), mdat))

    def _moov(self, data_offset: int, created_s: int, *, wide: bool) -> bytes:
        tracks = [
            track.movie_track(number, self._start, self._end, track.tables.boxes(data_offset, wide=wide))
            for number, track in enumerate(self._tracks, start=1)
        ]
        duration = max(track.presented for track in tracks)
        return moov(tracks, timescale=TIMESCALE, duration=duration, created_s=created_s)


class _Track:
    """One track of the result while the parts are gone through."""

    def __init__(self, kind: HandlerKind) -> None:
        self.kind = kind
        self.tables = SampleTables(is_video=kind == b"vide")
        self.current: InitTrack | None = None  # the track of the part at hand
        self.entry = 0  # its sample entry, counted from 1
        self._entries: list[bytes] = []
        self._width = 0
        self._height = 0

    def use(self, init: InitSegment) -> None:
        """Go on with the next part; a sample entry that is new is added."""
        self.current = track = init.track(video=self.kind == b"vide")
        if track is None:
            return
        if track.timescale != TIMESCALE:
            raise ContainerError(f"a track with {track.timescale} ticks a second")
        if track.entry not in self._entries:
            self._entries.append(track.entry)
        self.entry = self._entries.index(track.entry) + 1
        self._width = max(self._width, track.width)
        self._height = max(self._height, track.height)

    @property
    def first_pts(self) -> int:
        """Presentation time of the first sample."""
        return self.tables.first_dts + self.tables.first_cts

    @property
    def end(self) -> int:
        """Where the last sample ends."""
        return self.tables.end_pts

    def movie_track(self, number: int, start: int, end: int, tables: list[bytes]) -> MovieTrack:
        """The track with the edit list that shows `start` to `end` of it."""
        begin, stop = max(start, self.first_pts), min(end, self.end)
        edits = [(begin - start, -1)] if begin > start else []
        if stop > begin:
            edits.append((stop - begin, begin - self.tables.first_dts))
        return MovieTrack(
            number,
            self.kind,
            TIMESCALE,
            self._entries,
            self._width,
            self._height,
            duration=self.tables.duration,
            presented=max(stop - start, 0),
            tables=tables,
            edits=edits,
        )
