"""Exports: a span of recorded time as one MP4, served by HTTP with ranges and written nowhere.

An export is a head computed once and ranges of the recorded files. It is reached under a random address for a
while, and as long as it can be, its segments are not deleted.
"""

import asyncio
import logging
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
from cambus.media.mp4 import FaststartMp4, FileRange
from cambus.recorder.export_movie import Progress, movie_of
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey, from_us
from cambus.schemas.errors import Internal, NotFound, Overloaded, TooLarge
from cambus.schemas.spans import TimeRange

logger = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
MAX_EXPORTS = 1000
MAX_HEAD_BYTES = 256 << 20
"""The heads of all exports together: about 20 MB for a day of a stream."""


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


class Exports:
    """The exports that can be fetched now.

    Args:
        root: the folder of the recordings.
        index: its index.
        threads: where files are read for who fetches an export.
        preparing: where exports are prepared; None: there too.
        ttl_s: how long an export can be fetched.
        longest_s: how much one export may hold.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        threads: Executor,
        preparing: Executor | None = None,
        *,
        ttl_s: float,
        longest_s: float = 24 * 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._index = index
        self._threads = threads
        self._preparing = preparing or threads
        self._ttl_s = ttl_s
        self._longest_us = int(longest_s * 1_000_000)
        self._clock = clock
        self._exports: dict[str, Export] = {}
        self._being_read: list[frozenset[str]] = []

    def pinned(self, segment: str) -> bool:
        """Whether an export reads a segment."""
        self._expire()
        kept = (*(export.segments for export in tuple(self._exports.values())), *tuple(self._being_read))
        return any(segment in segments for segments in kept)

    async def create(
        self,
        key: StreamKey,
        start_us: int,
        end_us: int,
        *,
        close_gaps: bool = False,
        progress: Progress | None = None,
    ) -> Export:
        """Prepare an export.

        Raises:
            NotFound: Nothing is recorded of that stream in that time.
            TooLarge: More is recorded in it than one export may hold.
            Overloaded: Too many exports can be fetched already.
            Internal: A recording cannot be read.
            CancelledError: `progress` said so.
        """
        self._expire()
        if len(self._exports) >= MAX_EXPORTS or self.head_bytes >= MAX_HEAD_BYTES:
            raise Overloaded("as many exports as may be are waiting to be fetched", reason="too-many-exports")
        progress = progress or Progress()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._preparing, self._create, key, start_us, end_us, close_gaps, progress
            )
        except asyncio.CancelledError:
            progress.cancelled = True  # the thread is to go no further
            raise

    def _create(
        self, key: StreamKey, start_us: int, end_us: int, close_gaps: bool, progress: Progress
    ) -> Export:
        segments = self._index.find(key.device, start_us, end_us, channel=key.channel, stream=key.stream)
        recorded_us = sum(min(each.end_us, end_us) - max(each.start_us, start_us) for each in segments)
        if recorded_us > self._longest_us:
            raise TooLarge(
                f"{recorded_us / 3.6e9:.1f} hours are recorded in that time; "
                f"an export holds {self._longest_us / 3.6e9:g}",
                reason="too-long",
            )
        kept = frozenset(segment.id for segment in segments)
        self._being_read.append(kept)
        try:
            movie, begin_us, finish_us = movie_of(
                self._root, segments, start_us, end_us, close_gaps=close_gaps, progress=progress
            )
            export = Export(
                token=secrets.token_urlsafe(16),
                movie=movie,
                start_us=begin_us,
                end_us=finish_us,
                covered=tuple(_covered(segments, begin_us, finish_us)),
                segments=kept,
                expires_at=self._clock() + self._ttl_s,
            )
            self._exports[export.token] = export
        except ContainerError as error:
            raise NotFound(f"nothing of {key} is recorded in that time", reason="nothing-recorded") from error
        except OSError as error:
            logger.warning("an export fails", extra={"device": key.device, "reason": str(error)})
            raise Internal(f"a recording cannot be read: {error.strerror}", reason="disk-error") from error
        finally:
            self._being_read.remove(kept)
        return export

    def forget(self, export: Export) -> None:
        """No longer hand it out; who is fetching it gets the rest."""
        self._exports.pop(export.token, None)

    @property
    def head_bytes(self) -> int:
        """What is held in memory of all exports."""
        return sum(each.movie.head_bytes for each in tuple(self._exports.values()))

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
