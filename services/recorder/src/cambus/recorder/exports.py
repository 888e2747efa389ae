"""Exports: a span of recorded time as one MP4, served by HTTP with ranges; what is recorded here is not written again.

An export is a head computed once and ranges of the recorded files, and of files that other recorders lent. It is
reached under a random address for a while, and as long as it can be, its segments are not deleted.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from aiohttp import web

from cambus.media.errors import ContainerError
from cambus.media.mp4 import FaststartMp4, FileRange
from cambus.recorder.borrowed import FOLDER, NOTHING_BORROWED, Borrowed, piece_of
from cambus.recorder.export_movie import Laid, Progress, movie_of
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, from_us
from cambus.recorder.transport_stream import transport_stream
from cambus.schemas.errors import BadRequest, Internal, NotFound, Overloaded, TooLarge
from cambus.schemas.ids import new_ulid
from cambus.schemas.spans import TimeRange

logger = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
MAX_EXPORTS = 1000
MAX_HEAD_BYTES = 256 << 20
"""The heads of all exports together: about 20 MB for a day of a stream."""


Container = Literal["mp4", "ts"]
CONTENT_TYPES: Final[dict[Container, str]] = {"mp4": "video/mp4", "ts": "video/mp2t"}


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that is served as it is."""

    path: Path
    total_bytes: int
    head_bytes: int = 0

    def read_range(self, start: int, end: int) -> Iterator[FileRange]:
        """The bytes `start` up to and without `end`."""
        yield FileRange(self.path, start, end - start)


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
        borrowed: what other recorders lent for it.
        container: what it is.
        written: the folder of what was written for it; None for nothing.
    """

    token: str
    movie: FaststartMp4 | WrittenFile
    start_us: int
    end_us: int
    covered: tuple[TimeRange, ...]
    segments: frozenset[str]
    expires_at: float
    borrowed: Borrowed = NOTHING_BORROWED
    container: Container = "mp4"
    written: Path | None = None


class Exports:
    """The exports that can be fetched now.

    Args:
        root: the folder of the recordings.
        index: its index.
        threads: where files are read for who fetches an export.
        preparing: where exports are prepared; None: there too.
        ttl_s: how long an export can be fetched.
        longest_s: how much one export may hold.
        room: bytes that may be written.
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
        room: Callable[[], int] = lambda: 1 << 62,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._index = index
        self._threads = threads
        self._preparing = preparing or threads
        self._ttl_s = ttl_s
        self._longest_us = int(longest_s * 1_000_000)
        self._room = room
        self._clock = clock
        self._exports: dict[str, Export] = {}
        self._being_read: list[frozenset[str]] = []
        self._fetching: Counter[str] = Counter()

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
        borrowed: Borrowed = NOTHING_BORROWED,
        container: Container = "mp4",
    ) -> Export:
        """Prepare an export of what is recorded here and of what was borrowed; that goes with the export.

        Raises:
            NotFound: Nothing is recorded of that stream in that time.
            TooLarge: More is recorded in it than one export may hold.
            Overloaded: Too many exports can be fetched already.
            BadRequest: The recordings have no place in one transport stream.
            Internal: A recording cannot be read.
            CancelledError: `progress` said so.
        """
        self._expire()
        progress = progress or Progress()
        try:
            self._check_number()
            return await asyncio.get_running_loop().run_in_executor(
                self._preparing,
                self._create,
                key,
                start_us,
                end_us,
                close_gaps,
                progress,
                borrowed,
                container,
            )
        except BaseException:
            progress.cancelled = True  # the thread is to go no further
            self._give_back(borrowed.folder)
            raise

    def _create(
        self,
        key: StreamKey,
        start_us: int,
        end_us: int,
        close_gaps: bool,
        progress: Progress,
        borrowed: Borrowed,
        container: Container,
    ) -> Export:
        segments = self._index.find(key.device, start_us, end_us, channel=key.channel, stream=key.stream)
        self.check_length(sum(min(each.end_us, end_us) - max(each.start_us, start_us) for each in segments))
        kept = frozenset(segment.id for segment in segments)
        self._being_read.append(kept)
        try:
            progress.passes = 1 if container == "mp4" else 2
            pieces = [*(piece_of(self._root, each) for each in segments), *borrowed.pieces]
            laid = movie_of(pieces, start_us, end_us, close_gaps=close_gaps, progress=progress)
            token = secrets.token_urlsafe(16)
            written = None if container == "mp4" else self._root / FOLDER / f"ts-{new_ulid()}"
            movie = laid.movie if written is None else self._write(laid, written, progress)
            export = Export(
                token=token,
                movie=movie,
                start_us=laid.start_us,
                end_us=laid.end_us,
                covered=tuple(TimeRange(start=from_us(start), end=from_us(end)) for start, end in laid.spans),
                segments=kept,
                expires_at=self._clock() + self._ttl_s,
                borrowed=borrowed,
                container=container,
                written=written,
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

    def _write(self, laid: Laid, folder: Path, progress: Progress) -> WrittenFile:
        """Write a transport stream: nobody could tell before how long it is."""
        if (size := sum(file.bytes for file in laid.files)) > self._room():
            raise TooLarge(f"the disk has no room for {size >> 20} MiB", reason="no-room")
        try:
            folder.mkdir(parents=True)
            with (folder / "export.ts").open("xb") as out:
                for block in transport_stream(laid.files, progress):
                    progress.check()
                    out.write(block)
                return WrittenFile(folder / "export.ts", out.tell())
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, ContainerError):
                raise BadRequest(
                    f"no transport stream of this: {error}", reason="no-such-container"
                ) from error
            raise

    def _check_number(self) -> None:
        if len(self._exports) >= MAX_EXPORTS or self.head_bytes >= MAX_HEAD_BYTES:
            raise Overloaded("as many exports as may be wait to be fetched", reason="too-many-exports")

    def check_length(self, recorded_us: int) -> None:
        """Raise TooLarge if that is more than one export may hold."""
        if recorded_us > self._longest_us:
            raise TooLarge(
                f"{recorded_us / 3.6e9:.1f} hours are recorded in that time; "
                f"an export holds {self._longest_us / 3.6e9:g}",
                reason="too-long",
            )

    def forget(self, export: Export) -> None:
        """No longer hand it out; who is fetching it gets the rest."""
        if self._exports.pop(export.token, None) is not None and not self._fetching[export.token]:
            self._give_back(export.borrowed.folder, export.written)

    def _give_back(self, *folders: Path | None) -> None:
        for folder in folders:
            if folder is not None:
                with contextlib.suppress(RuntimeError):  # at the end: the next start does it
                    self._threads.submit(shutil.rmtree, folder, ignore_errors=True)

    @property
    def head_bytes(self) -> int:
        """What is held in memory of all exports."""
        return sum(each.movie.head_bytes for each in tuple(self._exports.values()))

    def expiry_of(self, export: Export) -> datetime:
        """When the address of an export stops working."""
        return datetime.now(UTC) + timedelta(seconds=export.expires_at - self._clock())

    def _expire(self) -> None:
        now = self._clock()
        for export in tuple(self._exports.values()):
            if export.expires_at <= now:
                self.forget(export)

    # --- HTTP -------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """The routes exports are fetched by."""
        return [web.get("/exports/{token}.{container:mp4|ts}", self.serve)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET or HEAD, whole or one range (RFC 9110 §14)."""
        self._expire()
        export = self._exports.get(request.match_info["token"])
        if export is None or request.match_info["container"] != export.container:
            raise web.HTTPNotFound(text="there is no such export, or its time is over\n")
        total = export.movie.total_bytes
        start, stop, status = _range_of(request, total)
        answer = web.StreamResponse(status=status)
        answer.content_type = CONTENT_TYPES[export.container]
        answer.content_length = stop - start
        answer.headers["Accept-Ranges"] = "bytes"
        answer.headers["Cache-Control"] = "private, no-store"
        if status == 206:
            answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{total}"
        self._fetching[export.token] += 1
        try:
            await answer.prepare(request)
            if request.method == "GET":
                await self._send(answer, export.movie, start, stop)
            await answer.write_eof()
        finally:
            self._fetching[export.token] -= 1
            if not self._fetching[export.token]:
                del self._fetching[export.token]
                if export.token not in self._exports:
                    self._give_back(export.borrowed.folder, export.written)
        return answer

    async def _send(
        self, answer: web.StreamResponse, movie: FaststartMp4 | WrittenFile, start: int, stop: int
    ) -> None:
        loop = asyncio.get_running_loop()
        for piece in movie.read_range(start, stop):
            if isinstance(piece, bytes):
                await answer.write(piece)
                continue
            for part in _slices(piece):
                await answer.write(await loop.run_in_executor(self._threads, _read, part))


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
