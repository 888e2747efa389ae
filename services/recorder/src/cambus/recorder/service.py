"""The service: policies in, recordings on the disk, searches and exports out."""

import asyncio
import logging
import os
import platform
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from cambus.bus.events import EventPublisher
from cambus.bus.outbox import ROOM_BYTES, Outbox
from cambus.bus.service import CannotRun, Runtime, Service
from cambus.client.errors import BusError
from cambus.client.tasks import end
from cambus.recorder.announcing import Announcer
from cambus.recorder.archives import Archives
from cambus.recorder.borrowing import Borrowing
from cambus.recorder.copy_commands import CopyCommands
from cambus.recorder.copying import Copying
from cambus.recorder.disk import Disk
from cambus.recorder.disk_watch import DiskWatch
from cambus.recorder.export_commands import ExportCommands
from cambus.recorder.export_jobs import AT_A_TIME, ExportJobs
from cambus.recorder.exports import Exports
from cambus.recorder.folder_lock import FolderLock
from cambus.recorder.handlers import RecorderCommands
from cambus.recorder.index import Segment
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.lending import Lending
from cambus.recorder.lock_commands import LockCommands
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.opening import open_index
from cambus.recorder.playback_commands import PlaybackCommands
from cambus.recorder.playbacks import Playbacks
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.recovery import Recovered, recover
from cambus.recorder.retention import Retention
from cambus.recorder.searching import Search
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.share import Share
from cambus.recorder.stream_commands import StreamCommands
from cambus.recorder.stream_recorder import StreamRecorder, Surroundings
from cambus.schemas.commands import recorder as commands

logger = logging.getLogger(__name__)

READER_THREADS = 2
GAPS_KEPT_US = 400 * 86_400 * 1_000_000


class Recorder(Service[RecorderSettings]):
    """Records the streams the policies name, and gives them back."""

    name: ClassVar[str] = commands.SERVICE
    summary: ClassVar[str] = "Records the streams of the bus as fragmented MP4, indexed and exportable."

    def __init__(self, runtime: Runtime[RecorderSettings]) -> None:
        super().__init__(runtime)
        settings = runtime.settings
        self._root = settings.recordings
        self._threads = ThreadPoolExecutor(settings.writer_threads, "recorder")
        self._take_folder()
        self._index = open_index(self._root)
        self._metrics = RecorderMetrics(runtime.metrics)
        self._disk = Disk(self._metrics.synced)
        self._journal = Journal(self._root, self._disk)
        self._readers = ThreadPoolExecutor(READER_THREADS, "playback")
        self._preparers = ThreadPoolExecutor(AT_A_TIME, "export")
        self._exports = Exports(
            self._root,
            self._index,
            self._readers,
            self._preparers,
            ttl_s=settings.export_ttl_s,
            longest_s=settings.export_max_hours * 3600.0,
            room=lambda: self._retention.room,
        )
        self._lending = Lending(settings.instance, runtime.bus, self._root, self._index, self._readers)
        self._retention = Retention(
            self._root,
            self._index,
            settings.disk_reserve_mib << 20,
            self._metrics,
            lambda id_: self._exports.pinned(id_) or self._lending.pinned(id_),
            self._disk,
            uncopied=lambda id_: self._copying is not None and self._copying.copies.is_pending(id_),
            on_lost=lambda id_: self._copying.copier.lost(id_) if self._copying is not None else None,
        )
        self._archives = Archives(runtime.bus, settings.instance)
        self._borrowing = Borrowing(
            settings.instance,
            runtime.bus,
            runtime.client,
            self._root,
            self._preparers,
            lambda: self._archives.known,
            lambda: self._retention.room,
            self._exports.check_length,
        )
        self._export_jobs = ExportJobs(self._exports, self._borrowing.gather, ttl_s=settings.export_ttl_s)
        self._playbacks = Playbacks(
            settings.instance,
            runtime.bus,
            runtime.client,
            self._root,
            self._index,
            self._readers,
            self._metrics,
            limit=settings.playback_sessions,
            replicas=lambda: len(self._archives.known),
        )
        self._share = Share(
            runtime.bus, settings, self._index, self._journal, self._threads, self._make, self._metrics
        )
        self._loop = asyncio.get_running_loop()
        self._copying = (
            Copying(settings, self._root, self._share, self._metrics, self._disk)
            if settings.copy_url is not None
            else None
        )
        self._announcer = Announcer(
            settings.instance,
            self._index,
            self._threads,
            self._metrics,
            self._share.policies.protocol,
            self._copying.complete if self._copying is not None else None,
        )
        self._disk_watch = DiskWatch(self._retention, self._index, self._metrics, settings.instance)
        self._disk_tasks: list[asyncio.Task[None]] = []
        self._publisher: EventPublisher | None = None
        runtime.http.add_routes(self._exports.routes())

    async def start(self) -> None:
        """Bring files and index together, then record."""
        runtime = self.runtime
        recovered = await self._loop.run_in_executor(
            self._threads, recover, self._root, self._index, self._disk
        )
        self._report(recovered)
        await self._loop.run_in_executor(self._threads, self._borrowing.clear)
        if self._copying is not None:
            await self._copying.load(self._index)
        outbox = Outbox(runtime.settings.data_dir / "recorder-outbox.sqlite3", room_bytes=ROOM_BYTES)
        self._publisher = publisher = await runtime.enter(EventPublisher(runtime.bus, outbox))
        runtime.spawn(self._archives.run(), name="archives")
        RecorderCommands(
            runtime.settings.instance, self._root, self._index, self._threads, self._share.policies
        ).register(runtime.endpoints)
        ExportCommands(
            runtime.settings.instance,
            runtime.client,
            self._exports,
            self._export_jobs,
            self._lending,
            self._base_url,
            lambda: len(self._archives.known),
        ).register(runtime.endpoints)
        search = Search(runtime.bus, runtime.client, lambda: self._archives.known)
        runtime.endpoints.add(commands.RECORDING_SEARCH, search.search)
        PlaybackCommands(runtime.settings.instance, self._playbacks).register(runtime.endpoints)
        LockCommands(runtime.settings.instance, self._root, self._index, self._threads).register(
            runtime.endpoints
        )
        CopyCommands(runtime.settings.instance, self._root, self._index, self._threads).register(
            runtime.endpoints
        )
        StreamCommands(
            runtime.settings.instance,
            self._root,
            self._index,
            self._threads,
            self._share,
            self._retention,
            self._copying.copier.state if self._copying is not None else lambda: None,
        ).register(runtime.endpoints)
        watch = self._disk_watch.run(publisher, self._threads, lambda: self._share.applied)
        for name, task in (
            ("announce", self._announcer.run(publisher)),
            ("disk", watch),
            ("retain", self._retain()),
            ("record", self._share.run(self._metrics.streams)),
        ):
            self._disk_tasks.append(runtime.spawn(task, name=name))
        if self._copying is not None:
            copying = self._copying.run(publisher, self._index)
            self._disk_tasks.append(runtime.spawn(copying, name="copy"))
        await self._share.policies.wait_synced()
        await self._archives.wait_known()

    async def release(self) -> None:
        """End every recording, then give the streams to whoever takes them; tell viewers that it is over."""
        await self._share.hand_over()
        await self._playbacks.stop()
        await self._export_jobs.stop()
        await self._lending.stop()

    async def stop(self) -> None:
        """Publish what was closed at the end, and close the index."""
        await end(*self._disk_tasks)  # they need the threads, which end now
        if self._publisher is not None:
            try:
                await self._announcer.announce(self._publisher)
            except (BusError, OSError) as error:
                logger.warning("segments are announced by the next start", extra={"reason": str(error)})
        for threads in (self._readers, self._preparers, self._threads):
            await self._loop.run_in_executor(None, threads.shutdown)
        if self._copying is not None:
            await self._loop.run_in_executor(None, self._copying.close)
        self._index.close()

    def _take_folder(self) -> None:
        """Make the folder, and be the one who records into it."""
        who = f"{self.runtime.settings.instance} (process {os.getpid()} on {platform.node()})"
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            self._check_reserve()
            lock = FolderLock.to_record(self._root, who)
        except OSError as error:
            raise CannotRun(
                f"{error.filename}: {error.strerror}; CAMBUS_RECORDINGS_DIR says where the recordings are"
            ) from error
        self.runtime.on_close(lock.close)

    def _check_reserve(self) -> None:
        """Refuse a reserve that would have every recording deleted as soon as it is complete."""
        reserve, total = self.runtime.settings.disk_reserve_mib << 20, shutil.disk_usage(self._root).total
        if reserve >= total:
            raise CannotRun(
                f"CAMBUS_DISK_RESERVE_MIB: the disk of {self._root} has {total >> 20} MiB, "
                f"{reserve >> 20} MiB of them cannot be left free"
            )

    def _base_url(self) -> str:
        settings = self.runtime.settings
        return settings.export_url or f"http://{settings.http_host}:{self.runtime.http.port}"

    # --- recording --------------------------------------------------------------------------------------

    def _make(self, key: StreamKey, policy: StreamPolicy) -> StreamRecorder:
        runtime = self.runtime
        shared = Surroundings(
            bus=runtime.bus,
            client=runtime.client,
            settings=runtime.settings,
            index=self._index,
            root=self._root,
            writers=self._threads,
            metrics=self._metrics,
            on_closed=self._on_closed,
            may_write=self._may_write,
            on_failure=self._disk_watch.failed,
            journal=self._journal,
            disk=self._disk,
            marks=self._share.marks,
            board=self._share.board,
        )
        return StreamRecorder(key, policy, shared)

    def _may_write(self, key: StreamKey) -> bool:
        policy = self._share.applied.get(key)
        return self._retention.may_write(stop_when_full=policy is not None and policy.stop_when_full)

    # --- segments ---------------------------------------------------------------------------------------

    def _on_closed(self, _: Segment) -> None:
        """A writing thread finished a segment."""
        self._loop.call_soon_threadsafe(self._announcer.wake)

    def _report(self, recovered: Recovered) -> None:
        self._announcer.repaired |= {segment.id for segment in recovered.repaired}
        logger.info(
            "files and index agree",
            extra={
                "kept": recovered.kept,
                "adopted": recovered.adopted,
                "repaired": len(recovered.repaired),
                "removed": recovered.removed,
                "broken": recovered.broken,
                "vanished": recovered.vanished,
            },
        )

    # --- retention --------------------------------------------------------------------------------------

    async def _retain(self) -> None:
        while True:
            now_us = time.time_ns() // 1000
            try:
                await self._loop.run_in_executor(
                    self._threads, self._retention.apply, dict(self._share.applied), now_us
                )
                await self._loop.run_in_executor(self._threads, self._index.prune_gaps, now_us - GAPS_KEPT_US)
                await self._loop.run_in_executor(self._threads, self._journal.forget, now_us - GAPS_KEPT_US)
            except OSError as error:
                logger.error("recordings could not be deleted", extra={"reason": str(error)})
            await asyncio.sleep(self.runtime.settings.retention_interval_s)
