"""The `moov` box: what a movie's tracks are, for fragmented and plain MP4 alike (ISO/IEC 14496-12 §8)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cambus.media.mp4_boxes import box, full_box

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # language "und" (§8.4.2.3)
_ENABLED_IN_MOVIE = 3  # track flags (§8.3.2.3)
_VOLUME_FULL = 0x0100
_SELF_CONTAINED = full_box(b"url ", 0, 1)

TIMESCALE = 90_000
"""Ticks a second of every movie and track that is written: those of the frames of the bus."""

LONGEST_SAMPLE = 0x7FFFFFFF
"""The longest duration of a sample, in ticks: readers take a greater one for a negative number."""

HandlerKind = Literal[b"vide", b"soun"]


@dataclass(frozen=True, slots=True)
class MovieTrack:
    """One track of a `moov` box.

    Attributes:
        track_id: 1 and up.
        kind: `vide` or `soun`.
        timescale: ticks a second of this track.
        entries: whole sample entries for `stsd`.
        width: in pixels, 0 for audio.
        height: in pixels, 0 for audio.
        duration: in ticks of the track; 0 in a fragmented movie.
        presented: how long it is shown, in ticks of the movie; 0 in a fragmented movie.
        tables: the sample table boxes behind `stsd`; the default are the empty ones of a fragmented movie.
        edits: (segment duration in movie ticks, media time in track ticks or -1 for nothing) (§8.6.6).
    """

    track_id: int
    kind: HandlerKind
    timescale: int
    entries: Sequence[bytes]
    width: int = 0
    height: int = 0
    duration: int = 0
    presented: int = 0
    tables: Sequence[bytes] = field(default=(), repr=False)
    edits: Sequence[tuple[int, int]] = ()


_EMPTY_TABLES = (
    full_box(b"stts", 0, 0, bytes(4)),
    full_box(b"stsc", 0, 0, bytes(4)),
    full_box(b"stsz", 0, 0, bytes(8)),
    full_box(b"stco", 0, 0, bytes(4)),
)


def moov(tracks: Sequence[MovieTrack], *, timescale: int, duration: int = 0, created_s: int = 0) -> bytes:
    """The `moov` box; with `duration` 0 it is that of a fragmented movie and has `mvex`.

    Args:
        tracks: in the order of the file.
        timescale: ticks a second of the movie.
        duration: of the movie, in its ticks.
        created_s: creation time in seconds since 1904-01-01 UTC (§8.2.2.3); 0 for not known.
    """
    mvhd = full_box(
        b"mvhd",
        1,
        0,
        struct.pack(">QQIQIHH8x", created_s, created_s, timescale, duration, 0x10000, _VOLUME_FULL, 0),
        _MATRIX,
        bytes(24),
        (max(track.track_id for track in tracks) + 1).to_bytes(4, "big"),
    )
    extends = () if duration else (box(b"mvex", *(_trex(track.track_id) for track in tracks)),)
    return box(b"moov", mvhd, *(_trak(track, created_s) for track in tracks), *extends)


def _trex(track_id: int) -> bytes:
    """Defaults of the fragments (§8.8.3): the first sample entry; the rest is said by each fragment."""
    return full_box(b"trex", 0, 0, struct.pack(">5I", track_id, 1, 0, 0, 0))


def _trak(track: MovieTrack, created_s: int) -> bytes:
    audio = track.kind == b"soun"
    tkhd = full_box(
        b"tkhd",
        1,
        _ENABLED_IN_MOVIE,
        struct.pack(
            ">QQI4xQ8xHHH2x",
            created_s,
            created_s,
            track.track_id,
            track.presented,
            0,
            0,
            audio * _VOLUME_FULL,
        ),
        _MATRIX,
        struct.pack(">II", track.width << 16, track.height << 16),
    )
    mdhd = full_box(
        b"mdhd",
        1,
        0,
        struct.pack(">QQIQHH", created_s, created_s, track.timescale, track.duration, _UNDETERMINED, 0),
    )
    handler = full_box(b"hdlr", 0, 0, bytes(4), track.kind, bytes(12), b"Sound\0" if audio else b"Video\0")
    media_header = full_box(b"smhd", 0, 0, bytes(4)) if audio else full_box(b"vmhd", 0, 1, bytes(8))
    references = box(b"dinf", full_box(b"dref", 0, 0, (1).to_bytes(4, "big"), _SELF_CONTAINED))
    stsd = full_box(b"stsd", 0, 0, len(track.entries).to_bytes(4, "big"), *track.entries)
    table = box(b"stbl", stsd, *(track.tables or _EMPTY_TABLES))
    edits = (box(b"edts", _elst(track.edits)),) if track.edits else ()
    media = box(b"mdia", mdhd, handler, box(b"minf", media_header, references, table))
    return box(b"trak", tkhd, *edits, media)


def _elst(edits: Sequence[tuple[int, int]]) -> bytes:
    entries = (struct.pack(">QqHH", duration, media_time, 1, 0) for duration, media_time in edits)
    return full_box(b"elst", 1, 0, len(edits).to_bytes(4, "big"), *entries)
