"""The service: policies in, recordings on the disk, searches and exports out."""

import asyncio
import logging
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import ClassVar, cast

from cambus.bus.errors import BusError
from cambus.bus.events import EventPublisher
from cambus.bus.leases import LeaseKeeper
from cambus.bus.outbox import Outbox
from cambus.bus.service import Runtime, Service
from cambus.recorder.archives import Archives
from cambus.recorder.assignments import Assignments
from cambus.recorder.exports import Exports
from cambus.recorder.handlers import RecorderCommands
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey, from_us
from cambus.recorder.lock_commands import LockCommands
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.playback_commands import PlaybackCommands
from cambus.recorder.playbacks import Playbacks
from cambus.recorder.policies import PolicyBook, StreamPolicy
from cambus.recorder.recovery import Recovered, recover
from cambus.recorder.retention import Retention
from cambus.recorder.searching import Search
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.stream_recorder import StreamRecorder, Surroundings
from cambus.schemas.commands import recorder as commands
from cambus.schemas.encoding import AudioCodec, VideoCodec
from cambus.schemas.events.recording import CLOSED, RecordingClosed
from cambus.schemas.ids import derived_event_id

logger = logging.getLogger(__name__)

RECONCILE_S = 5.0
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
        self._index = Index(self._root)
        self._check_reserve()
        self._metrics = RecorderMetrics(runtime.metrics)
        self._exports = Exports(self._root, self._index, self._threads, ttl_s=settings.export_ttl_s)
        self._retention = Retention(
            self._root, self._index, settings.disk_reserve_mib << 20, self._metrics, self._exports.pinned
        )
        self._archives = Archives(runtime.bus, settings.instance)
        self._readers = ThreadPoolExecutor(READER_THREADS, "playback")
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
        self._changed = asyncio.Event()
        self._policies = PolicyBook(runtime.bus, self._changed.set)
        self._wanted: dict[StreamKey, StreamPolicy] = {}
        self._sessions: dict[str, object] = {}
        self._loop = asyncio.get_running_loop()
        self._closed_segments: asyncio.Queue[tuple[Segment, bool]] = asyncio.Queue()
        self._publisher: EventPublisher | None = None
        self._assignments: Assignments | None = None
        self._lost: asyncio.Queue[str] = asyncio.Queue()
        self._leases = LeaseKeeper(runtime.bus, on_lost=self._lost.put_nowait)
        runtime.http.add_routes(self._exports.routes())

    async def start(self) -> None:
        """Bring files and index together, then record."""
        runtime = self.runtime
        recovered = await self._loop.run_in_executor(self._threads, recover, self._root, self._index)
        self._report(recovered)
        outbox = Outbox(runtime.settings.data_dir / "recorder-outbox.sqlite3")
        self._publisher = await runtime.enter(EventPublisher(runtime.bus, outbox))
        for work in (
            self._policies.run,
            self._archives.run,
            self._leases.run,
            self._announce,
            self._handle_lost,
            self._retain,
        ):
            runtime.spawn(work(), name=work.__name__)
        RecorderCommands(
            runtime.settings.instance,
            self._index,
            self._threads,
            self._exports,
            self._policies,
            self._base_url,
        ).register(runtime.endpoints)
        search = Search(runtime.bus, runtime.client, lambda: self._archives.known)
        runtime.endpoints.add(commands.RECORDING_SEARCH, search.search)
        PlaybackCommands(runtime.settings.instance, self._playbacks).register(runtime.endpoints)
        LockCommands(runtime.settings.instance, self._root, self._index, self._threads).register(
            runtime.endpoints
        )
        await self._policies.wait_synced()
        runtime.spawn(self._record(), name="record")

    async def release(self) -> None:
        """End every recording, then give the streams to whoever takes them; tell viewers that it is over."""
        if self._assignments is not None:
            await self._assignments.end_all()
        await self._leases.release_all()
        await self._playbacks.stop()

    async def stop(self) -> None:
        """Publish what was closed at the end, and close the index."""
        while not self._closed_segments.empty():
            await self._publish(*self._closed_segments.get_nowait())
        for threads in (self._readers, self._threads):
            await self._loop.run_in_executor(None, threads.shutdown)
        self._index.close()

    def _check_reserve(self) -> None:
        """Refuse a reserve that would have every recording deleted as soon as it is complete."""
        reserve, total = self.runtime.settings.disk_reserve_mib << 20, shutil.disk_usage(self._root).total
        if reserve >= total:
            raise ValueError(
                f"CAMBUS_DISK_RESERVE_MIB: the disk of {self._root} has {total >> 20} MiB, "
                f"{reserve >> 20} MiB of them cannot be left free"
            )

    def _base_url(self) -> str:
        settings = self.runtime.settings
        return settings.export_url or f"http://{settings.http_host}:{self.runtime.http.port}"

    # --- recording --------------------------------------------------------------------------------------

    async def _record(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._assignments = Assignments(self._leases, self._make, group)
            while not self.runtime.stopping.is_set():
                self._changed.clear()
                self._wanted = self._policies.wanted(datetime.now(UTC))
                await self._assignments.reconcile(self._wanted)
                self._metrics.streams(len(self._assignments))
                self._wake_returned(self._assignments)
                try:
                    async with asyncio.timeout(RECONCILE_S):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def _wake_returned(self, assignments: Assignments) -> None:
        """Claim at once at devices that came online, or are held by another process than before."""
        before, self._sessions = self._sessions, {}
        for device in self._policies.devices:
            session = self._policies.session(device)
            if session is not None:
                self._sessions[device] = session
                if session != before.get(device):
                    assignments.wake(device)

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
        )
        return StreamRecorder(key, policy.segment_s, shared)

    def _may_write(self, key: StreamKey) -> bool:
        policy = self._wanted.get(key)
        return not (self._retention.full and policy is not None and policy.stop_when_full)

    async def _handle_lost(self) -> None:
        while True:
            lease = await self._lost.get()
            if self._assignments is not None:
                await self._assignments.lost(lease)

    # --- segments ---------------------------------------------------------------------------------------

    def _on_closed(self, segment: Segment) -> None:
        """A writing thread finished a segment."""
        self._loop.call_soon_threadsafe(self._closed_segments.put_nowait, (segment, False))

    def _report(self, recovered: Recovered) -> None:
        for segment in recovered.repaired:
            self._closed_segments.put_nowait((segment, True))
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

    async def _announce(self) -> None:
        while True:
            segment, repaired = await self._closed_segments.get()
            await self._publish(segment, repaired)

    async def _publish(self, segment: Segment, repaired: bool) -> None:
        self._metrics.closed(segment.extent.bytes)
        start, end = from_us(segment.start_us), from_us(segment.end_us)
        event = RecordingClosed(
            id=derived_event_id(end, "recording.closed", segment.id),
            device=segment.key.device,
            protocol=self._policies.protocol(segment.key.device),
            at=datetime.now(UTC),
            channel=segment.key.channel,
            stream=segment.key.stream,
            segment=segment.id,
            replica=self.runtime.settings.instance,
            start=start,
            end=end,
            bytes=segment.extent.bytes,
            trigger=segment.name.trigger,
            codec=cast(VideoCodec, segment.extent.codec),
            width=segment.extent.width,
            height=segment.extent.height,
            audio_codec=cast(AudioCodec | None, segment.extent.audio_codec),
            repaired=repaired,
        )
        try:
            if self._publisher is not None:
                await self._publisher.publish(CLOSED, event)
        except BusError as error:
            logger.error(
                "a segment could not be announced", extra={"segment": segment.id, "reason": str(error)}
            )

    # --- retention --------------------------------------------------------------------------------------

    async def _retain(self) -> None:
        while True:
            now_us = time.time_ns() // 1000
            try:
                await self._loop.run_in_executor(
                    self._threads, self._retention.apply, dict(self._wanted), now_us
                )
                await self._loop.run_in_executor(self._threads, self._index.prune_gaps, now_us - GAPS_KEPT_US)
            except OSError as error:
                logger.error("recordings could not be deleted", extra={"reason": str(error)})
            await asyncio.sleep(self.runtime.settings.retention_interval_s)
