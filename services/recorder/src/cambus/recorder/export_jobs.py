"""Exports under way: a few at a time, the others wait; each says how far it is, and why it failed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from cambus.client.tasks import TaskSet
from cambus.recorder.borrowed import NOTHING_BORROWED, Borrowed
from cambus.recorder.export_movie import CancelledError, Progress
from cambus.recorder.exports import Container, Export, Exports
from cambus.recorder.layout import StreamKey
from cambus.schemas.errors import CambusError, ErrorReply, Internal, NotFound, Overloaded

logger = logging.getLogger(__name__)

AT_A_TIME = 2
MAX_WAITING = 16
MAX_KNOWN = 200
"""Exports that can be asked about, those that are over among them."""

Gather = Callable[[str, StreamKey, int, int, Progress], Awaitable[Borrowed]]
State = Literal["waiting", "preparing", "ready", "failed", "cancelled"]


@dataclass(slots=True)
class Job:
    """One export, from the wish to the file.

    Attributes:
        id: what it is called.
        state: how it is.
        progress: how far it is.
        export: what can be fetched, once it is ready.
        error: why it failed.
        forget_at: on the clock; when nobody can ask about it any more.
    """

    id: str
    forget_at: float
    state: State = "waiting"
    progress: Progress = field(default_factory=Progress)
    export: Export | None = None
    error: ErrorReply | None = None


class ExportJobs:
    """The exports of one replica.

    Args:
        exports: prepares them and hands them out.
        gather: fetches what other recorders hold; None: nothing is fetched.
        ttl_s: how long after its beginning an export can be asked about.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        exports: Exports,
        gather: Gather | None = None,
        *,
        ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exports = exports
        self._gather = gather
        self._ttl_s = ttl_s
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._tasks = TaskSet(AT_A_TIME + MAX_WAITING)

    def begin(
        self,
        id_: str,
        key: StreamKey,
        start_us: int,
        end_us: int,
        *,
        close_gaps: bool,
        container: Container = "mp4",
    ) -> Job:
        """Have an export prepared; the same once more is the one there is.

        Raises:
            Overloaded: too many wait already.
        """
        self._expire()
        known = self._jobs.get(id_)
        if known is not None:
            return known
        job = Job(id_, self._clock() + self._ttl_s)
        if len(self._jobs) >= MAX_KNOWN:
            raise Overloaded(f"{MAX_KNOWN} exports were begun in a while", reason="too-many-exports")
        if not self._tasks.spawn(self._prepare(job, key, start_us, end_us, close_gaps, container)):
            raise Overloaded(f"{MAX_WAITING} exports wait already", reason="too-many-exports")
        self._jobs[id_] = job
        return job

    def find(self, id_: str) -> Job:
        """An export of this replica.

        Raises:
            NotFound: it is not here, or its time is over.
        """
        self._expire()
        job = self._jobs.get(id_)
        if job is None:
            raise NotFound("there is no such export here, or its time is over", reason="no-such-export")
        return job

    def cancel(self, id_: str) -> None:
        """Give it up, or no longer hand it out. Raises NotFound."""
        job = self.find(id_)
        job.progress.cancelled = True
        if job.export is not None:
            self._exports.forget(job.export)
            job.export = None
        if job.state != "failed":
            job.state = "cancelled"

    async def stop(self) -> None:
        """Give up what is under way."""
        for job in self._jobs.values():
            job.progress.cancelled = True
        self._tasks.cancel()
        await self._tasks.wait(5.0)

    async def _prepare(
        self, job: Job, key: StreamKey, start_us: int, end_us: int, close_gaps: bool, container: Container
    ) -> None:
        async with self._turn:
            if job.progress.cancelled:
                return
            job.state = "preparing"
            try:
                with contextlib.suppress(CancelledError):
                    self._finish(job, await self._made(job, key, start_us, end_us, close_gaps, container))
            except OSError as error:
                logger.warning("an export fails", extra={"device": key.device, "reason": str(error)})
                job.state = "failed"
                job.error = Internal("the disk fails or is full", reason="disk-error").reply()
            except CambusError as error:
                job.state, job.error = "failed", error.reply()
            except Exception:
                job.state, job.error = "failed", Internal().reply()
                raise

    async def _made(
        self, job: Job, key: StreamKey, start_us: int, end_us: int, close_gaps: bool, container: Container
    ) -> Export:
        borrowed = NOTHING_BORROWED
        if self._gather is not None:
            borrowed = await self._gather(job.id, key, start_us, end_us, job.progress)
        return await self._exports.create(
            key,
            start_us,
            end_us,
            close_gaps=close_gaps,
            container=container,
            progress=job.progress,
            borrowed=borrowed,
        )

    def _finish(self, job: Job, export: Export) -> None:
        if job.progress.cancelled:
            self._exports.forget(export)
        else:
            job.state, job.export = "ready", export

    def _expire(self) -> None:
        now = self._clock()
        for id_, job in tuple(self._jobs.items()):
            if job.forget_at <= now and job.state not in {"waiting", "preparing"}:
                del self._jobs[id_]
