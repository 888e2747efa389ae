"""Exports: a span of recorded time as one MP4, served by HTTP with ranges and written nowhere.

An export is a head computed once and ranges of the recorded files. It is reached under a random address for a
while, and as long as it can be, its segments are not deleted.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import Fragment, InitSegment
from cambus.media.mp4 import FaststartMp4, FileRange, RecordedPart
from cambus.recorder.extent import TICKS_PER_S, scan_file
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey, from_us
from cambus.schemas.errors import NotFound, Overloaded
from cambus.schemas.spans import TimeRange

CHUNK_BYTES = 256 * 1024
MAX_EXPORTS = 1000
JOIN_TICKS = TICKS_PER_S // 10
"""Segments that overlap or leave a gap by less are laid end to end."""


@dataclass(frozen=True, slots=True)
class Export:
    """One MP4 that can be fetched.

    Attributes:
        token: its address.
        movie: what is served.
        start_us: first instant in it.
        end_us: first instant no longer in it.
        covered: what of the time is in it.
        segments: ids of what it reads.
        expires_at: on the clock of `time.monotonic`.
    """

    token: str
    movie: FaststartMp4
    start_us: int
    end_us: int
    covered: tuple[TimeRange, ...]
    segments: frozenset[str]
    expires_at: float


def movie_of(root: Path, segments: Iterable[Segment], start_us: int, end_us: int) -> tuple[FaststartMp4, int]:
    """Lay the media of some segments end to end; the movie and the instant it begins.

    Blocks: it reads the heads of all fragments.

    Raises:
        ContainerError: There is nothing between the two instants.
        OSError: A file cannot be read.
    """
    parts: list[RecordedPart] = []
    base_us: int | None = None
    reached = 0
    for segment in segments:
        path = root / segment.name.path()
        found = scan_file(path, limit=segment.extent.bytes)
        offset = _ticks(segment.start_us)
        wanted = _wanted(found.init, found.fragments, _ticks(start_us) - offset, _ticks(end_us) - offset)
        if not wanted:
            continue
        if base_us is None:
            base_us = segment.start_us
        shift = offset - _ticks(base_us)
        if parts and abs(shift + wanted[0][0] - reached) < JOIN_TICKS:
            shift = reached - wanted[0][0]
        parts.append(RecordedPart(path, found.init, [fragment for _, fragment in wanted], shift))
        reached = shift + _end(found.init, wanted[-1][1])
    if base_us is None:
        raise ContainerError("nothing is recorded in that time")
    first = parts[0].shift + _start(parts[0].init, parts[0].fragments[0])
    begin = max(_ticks(start_us) - _ticks(base_us), first)
    movie = FaststartMp4(parts, start=begin, end=_ticks(end_us) - _ticks(base_us))
    return movie, base_us + begin * 100 // 9


def _ticks(at_us: int) -> int:
    return at_us * 9 // 100


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


class Exports:
    """The exports that can be fetched now.

    Args:
        root: the folder of the recordings.
        index: its index.
        threads: where files are read.
        ttl_s: how long an export can be fetched.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        threads: Executor,
        *,
        ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._index = index
        self._threads = threads
        self._ttl_s = ttl_s
        self._clock = clock
        self._exports: dict[str, Export] = {}

    def pinned(self, segment: str) -> bool:
        """Whether an export reads a segment."""
        self._expire()
        return any(segment in export.segments for export in tuple(self._exports.values()))

    async def create(self, key: StreamKey, start_us: int, end_us: int) -> Export:
        """Prepare an export.

        Raises:
            NotFound: Nothing is recorded of that stream in that time.
            Overloaded: Too many exports can be fetched already.
        """
        self._expire()
        if len(self._exports) >= MAX_EXPORTS:
            raise Overloaded(f"{MAX_EXPORTS} exports are waiting to be fetched")
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._create, key, start_us, end_us
        )

    def _create(self, key: StreamKey, start_us: int, end_us: int) -> Export:
        segments = self._index.find(key.device, start_us, end_us, channel=key.channel, stream=key.stream)
        try:
            movie, begin_us = movie_of(self._root, segments, start_us, end_us)
        except (ContainerError, FileNotFoundError) as error:
            raise NotFound(f"nothing of {key} is recorded in that time", reason="nothing-recorded") from error
        finish_us = begin_us + int(movie.duration_s * 1_000_000)
        export = Export(
            token=secrets.token_urlsafe(16),
            movie=movie,
            start_us=begin_us,
            end_us=finish_us,
            covered=tuple(_covered(segments, begin_us, finish_us)),
            segments=frozenset(segment.id for segment in segments),
            expires_at=self._clock() + self._ttl_s,
        )
        self._exports[export.token] = export
        return export

    def expiry_of(self, export: Export) -> datetime:
        """When the address of an export stops working."""
        return datetime.now(UTC) + timedelta(seconds=export.expires_at - self._clock())

    def _expire(self) -> None:
        now = self._clock()
        for token, export in tuple(self._exports.items()):
            if export.expires_at <= now:
                self._exports.pop(token, None)

    # --- HTTP -------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """The routes exports are fetched by."""
        return [web.get("/exports/{token}.mp4", self.serve)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET or HEAD, whole or one range (RFC 9110 §14)."""
        self._expire()
        export = self._exports.get(request.match_info["token"])
        if export is None:
            raise web.HTTPNotFound(text="there is no such export, or its time is over\n")
        total = export.movie.total_bytes
        start, stop, status = _range_of(request, total)
        answer = web.StreamResponse(status=status)
        answer.content_type = "video/mp4"
        answer.content_length = stop - start
        answer.headers["Accept-Ranges"] = "bytes"
        answer.headers["Cache-Control"] = "private, no-store"
        if status == 206:
            answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{total}"
        await answer.prepare(request)
        if request.method == "GET":
            loop = asyncio.get_running_loop()
            for piece in export.movie.read_range(start, stop):
                for part in [piece] if isinstance(piece, bytes) else _slices(piece):
                    data = (
                        part
                        if isinstance(part, bytes)
                        else await loop.run_in_executor(self._threads, _read, part)
                    )
                    await answer.write(data)
        await answer.write_eof()
        return answer


def _range_of(request: web.Request, total: int) -> tuple[int, int, int]:
    try:
        asked = request.http_range
    except ValueError:
        return 0, total, 200  # RFC 9110 §14.2: a range nobody understands is ignored
    if asked.start is None and asked.stop is None:
        return 0, total, 200
    start, stop, _ = asked.indices(total)
    if start >= stop:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{total}"})
    return start, stop, 206


def _slices(whole: FileRange) -> Iterator[FileRange]:
    for offset in range(0, whole.length, CHUNK_BYTES):
        yield FileRange(whole.path, whole.offset + offset, min(CHUNK_BYTES, whole.length - offset))


def _read(part: FileRange) -> bytes:
    descriptor = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(descriptor, part.length, part.offset)
    finally:
        os.close(descriptor)
    if len(data) != part.length:
        raise OSError(f"{part.path} is shorter than its index says")
    return data


def _covered(segments: Iterable[Segment], start_us: int, end_us: int) -> Iterator[TimeRange]:
    """What of the time is in the segments, runs of contiguous ones as one."""
    run: tuple[int, int] | None = None
    for segment in segments:
        start, end = max(segment.start_us, start_us), min(segment.end_us, end_us)
        if end <= start:
            continue
        if run is not None and start - run[1] < 1_000_000:
            run = (run[0], max(end, run[1]))
            continue
        if run is not None:
            yield TimeRange(start=from_us(run[0]), end=from_us(run[1]))
        run = (start, end)
    if run is not None:
        yield TimeRange(start=from_us(run[0]), end=from_us(run[1]))
