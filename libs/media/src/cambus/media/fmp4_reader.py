"""Reading fragmented MP4 back: the fragments of a file and their samples (ISO/IEC 14496-12 §8.8).

It reads what `cambus.media.fmp4` writes: self-contained fragments of one `moof` and one `mdat`, offsets
relative to the `moof`. A file that ends in the middle of a fragment, as after a power cut, gives every
fragment before it.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from cambus.media.errors import ContainerError
from cambus.media.mp4_boxes import Box, ReadAt, bytes_reader, children, find_box, read_box

MAX_MOOV_BYTES = 1 << 20
MAX_MOOF_BYTES = 4 << 20
_MAX_TRACKS = 16
_DEFAULT_BASE_IS_MOOF = 0x20000
_NON_SYNC = 0x10000

# tr_flags and tf_flags that announce fields (§8.8.7.1, §8.8.8.1)
_TFHD_FIELDS = ((0x1, 8), (0x2, 4))  # base data offset, sample description index: passed over
_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x8, 0x10, 0x20
_TRUN_OFFSET, _TRUN_FIRST_FLAGS = 0x1, 0x4
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS = 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class InitTrack:
    """A track as the init segment declares it.

    Attributes:
        track_id: its number in the fragments.
        kind: `vide`, `soun`, …
        timescale: ticks a second.
        entry: the first sample entry, a whole box.
        width: pixels, 0 for audio.
        height: pixels, 0 for audio.
    """

    track_id: int
    kind: bytes
    timescale: int
    entry: bytes = field(repr=False)
    width: int = 0
    height: int = 0

    @property
    def is_video(self) -> bool:
        """Whether its samples are pictures."""
        return self.kind == b"vide"

    @property
    def fourcc(self) -> bytes:
        """The sample entry's type: `avc1`, `hvc1`, `alaw`, `ulaw`, `fLaC`."""
        return self.entry[4:8]


@dataclass(frozen=True, slots=True)
class InitSegment:
    """The head of a fragmented file: `size` bytes of `ftyp` and `moov`."""

    size: int
    tracks: tuple[InitTrack, ...]

    def track(self, *, video: bool) -> InitTrack | None:
        """The first video or the first audio track."""
        kind = b"vide" if video else b"soun"
        return next((track for track in self.tracks if track.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: its bytes in the file, and its times in ticks of the track."""

    offset: int
    size: int
    dts: int
    pts: int
    duration: int
    sync: bool


@dataclass(frozen=True, slots=True)
class TrackRun:
    """The samples of one track in one fragment; they lie one behind the other in the file.

    Attributes:
        track_id: whose samples.
        dts: decode time of the first (§8.8.12), in ticks.
        offset: of the first sample in the file.
        sizes: bytes of each sample, u32.
        durations: ticks of each sample, u32.
        cts_offsets: pts - dts of each sample, i32; empty if all are 0.
        sync: 1 for each sample that decoding can begin at, else 0.
    """

    track_id: int
    dts: int
    offset: int
    sizes: array[int] = field(repr=False)
    durations: array[int] = field(repr=False)
    cts_offsets: array[int] = field(repr=False)
    sync: bytes = field(repr=False)

    @property
    def duration(self) -> int:
        """Ticks from the first sample's beginning to the last one's end."""
        return sum(self.durations)

    @property
    def end_dts(self) -> int:
        """Where the next sample should begin."""
        return self.dts + self.duration

    @property
    def size(self) -> int:
        """Bytes of all samples."""
        return sum(self.sizes)

    def since(self, dts: int) -> TrackRun | None:
        """The samples that begin at `dts` or later; None if there are none."""
        skipped, begins, offset = 0, self.dts, self.offset
        for size, duration in zip(self.sizes, self.durations, strict=True):
            if begins >= dts:
                break
            skipped, begins, offset = skipped + 1, begins + duration, offset + size
        if not skipped:
            return self
        if skipped == len(self.sizes):
            return None
        return TrackRun(
            self.track_id,
            begins,
            offset,
            self.sizes[skipped:],
            self.durations[skipped:],
            self.cts_offsets[skipped:],
            self.sync[skipped:],
        )

    def until(self, dts: int) -> TrackRun | None:
        """The samples that begin before `dts`; None if there are none."""
        kept, begins = 0, self.dts
        for duration in self.durations:
            if begins >= dts:
                break
            kept, begins = kept + 1, begins + duration
        if kept == len(self.sizes):
            return self
        if not kept:
            return None
        return TrackRun(
            self.track_id,
            self.dts,
            self.offset,
            self.sizes[:kept],
            self.durations[:kept],
            self.cts_offsets[:kept],
            self.sync[:kept],
        )

    def samples(self) -> Iterator[Sample]:
        """The samples one by one."""
        offset, dts = self.offset, self.dts
        for index, (size, duration) in enumerate(zip(self.sizes, self.durations, strict=True)):
            cts = self.cts_offsets[index] if self.cts_offsets else 0
            yield Sample(offset, size, dts, dts + cts, duration, bool(self.sync[index]))
            offset += size
            dts += duration


@dataclass(frozen=True, slots=True)
class Fragment:
    """One `moof` with its `mdat`.

    Attributes:
        offset: of the `moof` in the file.
        size: bytes of both boxes.
        sequence: number of the fragment (§8.8.5).
        data_offset: first byte behind the `mdat` header.
        data_bytes: payload of the `mdat`.
        runs: one for each track that has samples here.
    """

    offset: int
    size: int
    sequence: int
    data_offset: int
    data_bytes: int
    runs: tuple[TrackRun, ...]

    @property
    def end(self) -> int:
        """Offset of the first byte behind the fragment."""
        return self.offset + self.size

    def run(self, track_id: int) -> TrackRun | None:
        """The samples of one track, None if it has none here."""
        return next((run for run in self.runs if run.track_id == track_id), None)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file holds.

    Attributes:
        init: its tracks.
        fragments: all that are whole, in the order of the file.
        valid_bytes: the file is sound up to here; cut it here to repair it.
        fault: why reading stopped before the end, "" if it did not.
    """

    init: InitSegment
    fragments: tuple[Fragment, ...]
    valid_bytes: int
    fault: str = ""


def scan(read_at: ReadAt, size: int) -> Scan:
    """List the fragments of a file of `size` bytes, reading its headers only.

    Raises:
        ContainerError: the init segment is missing, cut off or broken: nothing of the file can be played.
    """
    init = read_init(read_at, size)
    fragments: list[Fragment] = []
    offset, fault = init.size, ""
    try:
        while offset < size:
            if read_at(offset + 4, 4) == b"free":  # room for what a writer adds between fragments
                offset = read_box(read_at, offset, size).end
                continue
            fragment = read_fragment(read_at, offset, size)
            fragments.append(fragment)
            offset = fragment.end
    except ContainerError as error:
        fault = str(error)
    return Scan(init, tuple(fragments), offset, fault)


def read_init(read_at: ReadAt, size: int) -> InitSegment:
    """Read `ftyp` and `moov`.

    Raises:
        ContainerError: they are not there, cut off, or without a usable track.
    """
    offset = 0
    while True:
        found = read_box(read_at, offset, size)
        if found.kind == b"moov":
            break
        if found.kind not in {b"ftyp", b"free", b"styp"}:
            raise ContainerError("no moov before the media", offset=offset)
        offset = found.end
    if found.size > MAX_MOOV_BYTES:
        raise ContainerError(f"a moov of {found.size} bytes", offset=offset)
    moov = read_at(found.offset, found.size)
    whole = read_box(bytes_reader(moov), 0, len(moov))
    tracks = tuple(_init_track(moov, trak) for trak in children(moov, whole) if trak.kind == b"trak")
    if not 0 < len(tracks) <= _MAX_TRACKS:
        raise ContainerError(f"{len(tracks)} tracks", offset=offset)
    return InitSegment(found.end, tracks)


def read_fragment(read_at: ReadAt, offset: int, size: int) -> Fragment:
    """The fragment at `offset` of a file of `size` bytes.

    Raises:
        ContainerError: there is no whole fragment.
    """
    moof = read_box(read_at, offset, size)
    if moof.kind != b"moof" or moof.size > MAX_MOOF_BYTES:
        raise ContainerError("no moof here, or too large a one", offset=offset)
    mdat = read_box(read_at, moof.end, size)
    if mdat.kind != b"mdat":
        raise ContainerError("no mdat behind the moof", offset=moof.end)
    data = read_at(offset, moof.size)
    sequence, runs = _Moof(data, offset).read()
    if any(run.offset < mdat.payload or run.offset + run.size > mdat.end for run in runs):
        raise ContainerError("samples outside of the mdat", offset=offset)
    return Fragment(offset, mdat.end - offset, sequence, mdat.payload, mdat.payload_bytes, runs)


def _init_track(moov: bytes, trak: Box) -> InitTrack:
    boxes = [find_box(moov, path, trak) for path in ("tkhd", "mdia/mdhd", "mdia/hdlr", "mdia/minf/stbl/stsd")]
    tkhd, mdhd, hdlr, stsd = boxes
    if tkhd is None or mdhd is None or hdlr is None or stsd is None:
        raise ContainerError("a track lacks tkhd, mdhd, hdlr or stsd", offset=trak.offset)
    try:
        (track_id,) = struct.unpack_from(">I", moov, tkhd.payload + (20 if moov[tkhd.payload] else 12))
        (timescale,) = struct.unpack_from(">I", moov, mdhd.payload + (20 if moov[mdhd.payload] else 12))
        width, height = struct.unpack_from(">II", moov, tkhd.end - 8)
    except (struct.error, IndexError) as error:
        raise ContainerError("a track header is cut short", offset=trak.offset) from error
    entry = next(children(moov, stsd, skip=8), None)
    if entry is None or timescale == 0:
        raise ContainerError("a track has no sample entry or no timescale", offset=trak.offset)
    kind = moov[hdlr.payload + 8 : hdlr.payload + 12]
    return InitTrack(track_id, kind, timescale, moov[entry.offset : entry.end], width >> 16, height >> 16)


class _Moof:
    """One `moof` box in memory, `base` being its offset in the file."""

    def __init__(self, data: bytes, base: int) -> None:
        self._data = data
        self._base = base

    def read(self) -> tuple[int, tuple[TrackRun, ...]]:
        """Sequence number and runs."""
        try:
            return self._read()
        except (struct.error, IndexError) as error:
            raise ContainerError("a box of the moof is cut short", offset=self._base) from error

    def _read(self) -> tuple[int, tuple[TrackRun, ...]]:
        data = self._data
        whole = read_box(bytes_reader(data), 0, len(data))
        sequence = 0
        runs: list[TrackRun] = []
        for child in children(data, whole):
            if child.kind == b"mfhd":
                (sequence,) = struct.unpack_from(">I", data, child.payload + 4)
            elif child.kind == b"traf":
                runs.append(self._traf(child))
        return sequence, tuple(runs)

    def _traf(self, traf: Box) -> TrackRun:
        found = list(children(self._data, traf))
        boxes = {child.kind: child for child in found}
        if not {b"tfhd", b"tfdt", b"trun"} <= boxes.keys() or len(boxes) != len(found):
            raise ContainerError("a traf without one each of tfhd, tfdt and trun", offset=self._base)
        data = self._data
        tfdt = boxes[b"tfdt"].payload
        (dts,) = struct.unpack_from(">Q" if data[tfdt] else ">I", data, tfdt + 4)
        track_id, defaults = self._tfhd(boxes[b"tfhd"].payload)
        return self._trun(boxes[b"trun"], track_id, dts, defaults)

    def _tfhd(self, at: int) -> tuple[int, dict[int, int]]:
        """Track id and the default duration, size and flags, keyed by the `trun` flag they stand in for."""
        flags, track_id = struct.unpack_from(">II", self._data, at)
        if not flags & _DEFAULT_BASE_IS_MOOF:
            raise ContainerError("offsets are not relative to the moof", offset=self._base)
        at += 8 + sum(size for flag, size in _TFHD_FIELDS if flags & flag)
        defaults = {_TRUN_DURATION: 0, _TRUN_SIZE: 0, _TRUN_FLAGS: 0}
        fields = ((_TFHD_DURATION, _TRUN_DURATION), (_TFHD_SIZE, _TRUN_SIZE), (_TFHD_FLAGS, _TRUN_FLAGS))
        for announced, name in fields:
            if flags & announced:
                (defaults[name],) = struct.unpack_from(">I", self._data, at)
                at += 4
        return track_id, defaults

    def _trun(self, trun: Box, track_id: int, dts: int, defaults: dict[int, int]) -> TrackRun:
        data = self._data
        flags, count = struct.unpack_from(">II", data, trun.payload)
        at = trun.payload + 8
        if not flags & _TRUN_OFFSET:
            raise ContainerError("a trun without a data offset", offset=self._base)
        (offset,) = struct.unpack_from(">i", data, at)
        at += 4
        first_flags = None
        if flags & _TRUN_FIRST_FLAGS:
            (first_flags,) = struct.unpack_from(">I", data, at)
            at += 4
        columns = [flag for flag in (_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS) if flags & flag]
        if not columns or count > (trun.end - at) // (4 * len(columns)):
            raise ContainerError("a trun is shorter than its samples", offset=self._base)
        table = array("I", data[at : at + 4 * len(columns) * count])
        if sys.byteorder == "little":
            table.byteswap()
        values = {flag: table[index :: len(columns)] for index, flag in enumerate(columns)}
        for flag, default in defaults.items():
            values.setdefault(flag, array("I", [default]) * count)
        sample_flags = values[_TRUN_FLAGS]
        if first_flags is not None and count:
            sample_flags[0] = first_flags
        return TrackRun(
            track_id,
            dts,
            self._base + offset,
            values[_TRUN_SIZE],
            values[_TRUN_DURATION],
            array("i", values[_TRUN_CTS].tobytes()) if _TRUN_CTS in values else array("i"),
            bytes(0 if flag & _NON_SYNC else 1 for flag in sample_flags),
        )
