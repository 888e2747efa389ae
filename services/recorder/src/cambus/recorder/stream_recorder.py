"""Recording one stream: the claim that keeps it up, the frames of the bus, the queue to the disk."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from nats.aio.msg import Msg

from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.bus.delivery import Subscription
from cambus.bus.live_claim import LiveClaim
from cambus.media.errors import MediaError
from cambus.media.frame import Frame, FrameAssembler, Kind, SequenceGate
from cambus.recorder.cutting import Cut, Cutter
from cambus.recorder.disk import Disk
from cambus.recorder.duties import take_up
from cambus.recorder.gap_rows import GapRows
from cambus.recorder.index import Index, Segment
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.ledger import GapLedger
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.stream_writer import StreamWriter, WriteFailedError
from cambus.schemas import subjects
from cambus.schemas.commands import live
from cambus.schemas.errors import CambusError, ErrorCode
from cambus.schemas.ids import StreamName
from cambus.schemas.spans import GapReason

logger = logging.getLogger(__name__)

STALLED_S = 10.0
CLAIM_TTL_S = 30.0
LOOK_S = 1.0
KEYFRAME_TIMEOUT_S = 2.0
FIRST_PICTURE_US = 10_000_000  # how long a stream that was never recorded may take to begin without a gap


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all streams of a recorder share."""

    bus: Bus
    client: BusClient
    settings: RecorderSettings
    index: Index
    root: Path
    writers: Executor
    metrics: RecorderMetrics
    on_closed: Callable[[Segment], None]
    may_write: Callable[[StreamKey], bool]
    on_failure: Callable[[GapReason], None]
    journal: Journal
    disk: Disk


class StreamRecorder:
    """Records one stream from `run()` until that is cancelled; what was received by then is written."""

    def __init__(self, key: StreamKey, segment_s: float, shared: Surroundings) -> None:
        self.key = key
        self._shared = shared
        self._segment_s = segment_s
        settings = shared.settings
        self._queue: deque[Frame] = deque()
        self._queued_bytes = 0
        self._queue_limit = settings.queue_mib << 20
        self._overflowed = False
        self._failing = False
        self._facts = {"device": key.device, "channel": key.channel, "stream": key.stream}
        self._arrived = asyncio.Event()
        self._disk = asyncio.Lock()  # one thread at a time writes this stream, in the order of the cuts
        self._assembler = FrameAssembler()
        self._gate = SequenceGate()
        self._last_frame_at = time.monotonic()
        self._cutter = self._new_cutter()
        self._gaps = GapRows(shared.index, shared.journal, shared.metrics.lost)
        self._ledger = GapLedger(key, 0, GapReason.RESTART, self._gaps.put)
        self._blocked = False  # the disk took nothing; a keyframe is needed to go on
        self._writer = StreamWriter(
            key,
            shared.root,
            shared.index,
            on_durable=self._recorded,
            on_closed=shared.on_closed,
            disk=shared.disk,
        )
        self._claim = LiveClaim(
            shared.client,
            key.device,
            key.channel,
            cast(StreamName, key.stream),
            f"{shared.settings.instance}-recorder"[:64],
            ttl_s=CLAIM_TTL_S,
            on_outcome=self._on_claim,
        )

    async def run(self) -> None:
        """Record until cancelled."""
        shared = self._shared
        duty = await asyncio.get_running_loop().run_in_executor(
            shared.writers, take_up, self.key, shared.index, shared.journal, _now_us()
        )
        self._ledger = GapLedger(
            self.key,
            duty.covered_us,
            GapReason.RESTART,
            self._gaps.put,
            allowance_us=FIRST_PICTURE_US if duty.begins else 0,
        )
        subject = subjects.media_subject(self.key.device, self.key.channel, self.key.stream)
        subscription = await self._shared.bus.subscribe(subject, self._take)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._claim.hold())
                group.create_task(self._watch())
                group.create_task(self._write_all())
        finally:
            await asyncio.shield(self._wind_up(subscription))

    async def retire(self) -> None:
        """The stream is no longer to be recorded: what is missing from now on is no gap. Call it after `run`."""

        def end() -> None:
            self._ledger.close(_now_us())
            self._shared.journal.duty(self.key, None)

        try:
            await self._on_writer(end)
        except OSError as error:
            logger.warning("a stream cannot be given up", extra={**self._facts, "reason": str(error)})

    def wake(self) -> None:
        """The device came back: claim at once."""
        self._claim.wake()

    async def _wind_up(self, subscription: Subscription) -> None:
        await subscription.close()
        await self._claim.release()
        cuts = [cut for frame in self._drain() for cut in self._cutter.push(frame)]
        await self._carry_out([*cuts, *self._cutter.finish()])

    # --- from the bus -----------------------------------------------------------------------------------

    def _take(self, message: Msg) -> None:
        try:
            frame = self._assembler.push(message.data)
        except MediaError as error:
            self._shared.metrics.bad_frame()
            logger.debug("no frame", extra={"device": self.key.device, "reason": str(error)})
            return
        if frame is None or not self._gate.accept(frame):
            return
        self._last_frame_at = time.monotonic()
        if self._overflowed and not (frame.kind is Kind.VIDEO and frame.keyframe):
            return
        if self._queued_bytes + len(frame.payload) > self._queue_limit:
            if not self._overflowed:
                self._overflowed = True
                self._shared.metrics.overflow()
                logger.warning(
                    "the disk is too slow", extra={"device": self.key.device, "stream": str(self.key)}
                )
            return
        self._overflowed = False
        self._queue.append(frame)
        self._queued_bytes += len(frame.payload)
        self._arrived.set()

    def _drain(self) -> list[Frame]:
        frames = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        self._arrived.clear()
        return frames

    # --- to the disk ------------------------------------------------------------------------------------

    async def _write_all(self) -> None:
        while True:
            await self._arrived.wait()
            overflowed = self._overflowed
            cuts = [cut for frame in self._drain() for cut in self._cutter.push(frame)]
            await self._carry_out(cuts)
            if overflowed:
                await self._interrupt(GapReason.OVERFLOW)

    async def _carry_out(self, cuts: list[Cut]) -> None:
        if not cuts:
            return
        if not self._shared.may_write(self.key):
            self._blocked = True
            self._ledger.interrupted(GapReason.DISK_FULL)
            self._cutter = self._new_cutter()
            await self._on_writer(self._writer.close)
            return
        try:
            await self._on_writer(self._writer.write, cuts)
        except WriteFailedError as error:
            self._refused(error)
            return
        self._blocked = False
        if self._failing:
            self._failing = False
            logger.info("recording goes on", extra=self._facts)

    def _refused(self, error: WriteFailedError) -> None:
        """The disk did not take it: the segment is over, and the next keyframe begins another one."""
        self._blocked = True
        self._shared.metrics.write_failed(error.reason)
        self._shared.on_failure(error.reason)
        if not self._failing:
            self._failing = True
            logger.error("recording fails", extra={**self._facts, "reason": str(error)})
        if error.lost_from_us is not None:
            self._ledger.lost(error.lost_from_us, error.reason)
        self._ledger.interrupted(error.reason)
        self._cutter = self._new_cutter()

    async def _interrupt(self, reason: GapReason) -> None:
        """The stream broke off: end the segment, and say why nothing follows."""
        await self._carry_out(list(self._cutter.finish()))
        self._ledger.interrupted(reason)

    async def _on_writer(self, function: Callable[..., None], *arguments: object) -> None:
        loop = asyncio.get_running_loop()
        async with self._disk:
            await asyncio.shield(loop.run_in_executor(self._shared.writers, function, *arguments))

    def _new_cutter(self) -> Cutter:
        return Cutter(segment_s=self._segment_s, fragment_s=self._shared.settings.sync_interval_s)

    # --- gaps -------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Notice a stream that stands still, and keep a gap that goes on current."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._ledger.recording and time.monotonic() - self._last_frame_at > STALLED_S:
                await self._interrupt(GapReason.STREAM_LOST)
            await self._on_writer(self._look)
            if self._blocked and self._shared.may_write(self.key):
                await self._ask_for_keyframe()

    def _look(self) -> None:
        self._writer.settle()
        self._gaps.retry()
        self._ledger.look(_now_us())

    async def _ask_for_keyframe(self) -> None:
        """Recording goes on with a keyframe, and that may be far off."""
        request = live.LiveKeyframeRequest(channel=self.key.channel, stream=cast(StreamName, self.key.stream))
        try:
            await self._shared.client.call(
                live.KEYFRAME, request, device=self.key.device, timeout_s=KEYFRAME_TIMEOUT_S
            )
        except CambusError as error:
            logger.debug("no keyframe on request", extra={**self._facts, "reason": str(error)})

    def _on_claim(self, error: CambusError | None) -> None:
        if error is not None:
            offline = error.code in {ErrorCode.OFFLINE, ErrorCode.UNAUTHORIZED}
            self._ledger.explain(GapReason.DEVICE_OFFLINE if offline else GapReason.STREAM_LOST)

    def _recorded(self, start_us: int, end_us: int) -> None:
        self._ledger.recorded(
            start_us, end_us
        )  # of the ledger there is now, not of that the writer was made with


def _now_us() -> int:
    return time.time_ns() // 1000
