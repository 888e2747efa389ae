"""Recording one stream: the claim that keeps it up, the frames of the bus, the queue to the disk.

A stream is followed before it is written: while it waits for an alarm, and while another replica still records what
this one is to take over. Its last seconds are kept meanwhile, so that writing begins with pictures from before.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from nats.aio.msg import Msg

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.delivery import Subscription
from cambus.client.live_claim import LiveClaim
from cambus.client.tasks import end
from cambus.media.errors import MediaError
from cambus.media.frame import Frame, FrameAssembler, Kind, SequenceGate
from cambus.recorder.alarm_board import AlarmBoard
from cambus.recorder.cutting import Cut, Cutter
from cambus.recorder.demand import NOTHING, Demand, Want
from cambus.recorder.disk import Disk
from cambus.recorder.gap_rows import GapRows
from cambus.recorder.index import Index, Segment
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.ledger import GapLedger
from cambus.recorder.marks import Marks
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.pre_roll import PreRoll
from cambus.recorder.selection import Selection
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.stream_writer import StreamWriter, WriteFailedError
from cambus.recorder.turns import Turns
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
FIRST_PICTURE_US = 10_000_000  # how long a stream may take to begin without a gap
TAKEOVER_US = 12_000_000  # how much is kept of a stream that another replica hands over
LINGER_US = 12_000_000  # how long the last group of pictures may be
LATE_US = 10_000_000  # how late an alarm may be heard of without its pre-roll being lost


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
    marks: Marks
    board: AlarmBoard


@dataclass(frozen=True, slots=True)
class Takeover:
    """With what a stream is begun.

    Attributes:
        now_us: the present.
        recorded_us: up to when it is recorded, here or by another replica, if it was to be; None if it was not.
        reason: why it may be missing since then.
    """

    now_us: int
    recorded_us: int | None = None
    reason: GapReason = GapReason.STREAM_LOST


class StreamRecorder:
    """Records one stream from `run()` until that is cancelled; what was received by then is written.

    Nothing is written before `activate`.

    Args:
        key: the stream.
        policy: what the policies say of it at present.
        shared: what all streams share.
    """

    def __init__(self, key: StreamKey, policy: StreamPolicy, shared: Surroundings) -> None:
        self.key = key
        self.demand = Demand(key, shared.board, policy)
        self._shared = shared
        self._segment_s = policy.segment_s
        self._begun: Takeover | None = None
        self._unsaid: Takeover | None = None
        self._unmarked = False
        self._new_duty_us: int | None = None
        self._catch_up_us: int | None = None  # from where to go on with what another replica recorded
        settings = shared.settings
        self._queue: deque[Frame] = deque()
        self._queued_bytes = 0
        self._queue_limit = settings.queue_mib << 20
        self._followed_us = 0
        self._overflowed = False
        self._failing = False
        self._facts = {"device": key.device, "channel": key.channel, "stream": key.stream}
        self._arrived = asyncio.Event()
        self._turns = Turns()  # one thread at a time writes this stream, in the order of the cuts
        self._assembler = FrameAssembler()
        self._gate = SequenceGate()
        self._last_frame_at = time.monotonic()
        self._selection = Selection(self._new_cutter, PreRoll(settings.pre_roll_mib << 20))
        self._keep_enough()
        self._gaps = GapRows(shared.index, shared.journal, shared.metrics.lost)
        self._ledger = GapLedger(key, 0, GapReason.RESTART, self._gaps.put)
        self._ledger.rest(0)
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
        subject = subjects.media_subject(self.key.device, self.key.channel, self.key.stream)
        subscription = await self._shared.bus.subscribe(subject, self._take)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hold_claim())
                group.create_task(self._watch())
                group.create_task(self._write_all())
        finally:
            await asyncio.shield(self._wind_up(subscription))

    async def _hold_claim(self) -> None:
        """Have the device send as long as the stream is recorded, or kept for what came before an alarm."""
        while True:
            while not self._is_followed():
                await self._next_look()
            async with asyncio.TaskGroup() as group:
                holding = group.create_task(self._claim.hold())
                while self._is_followed():
                    await self._next_look()
                await end(holding)
            await self._claim.release()
            await self._carry_out(list(self._selection.stop()))

    def _is_followed(self) -> bool:
        """Whether the stream has to come; what is no longer wanted is recorded up to a keyframe that comes soon."""
        now_us = _now_us()
        if self.demand.follows(now_us):
            self._followed_us = now_us
            return True
        return self._selection.writing and now_us - self._followed_us < LINGER_US

    async def _next_look(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._shared.board.changed.wait()

    async def retire(self) -> None:
        """The stream is no longer to be recorded: what is missing from now on is no gap. Call it after `run`."""

        def give_up() -> None:
            self._ledger.close(_now_us())
            self._shared.journal.duty(self.key, None)

        try:
            await self._on_writer(give_up)
        except OSError as error:
            logger.warning("a stream cannot be given up", extra={**self._facts, "reason": str(error)})

    def wake(self) -> None:
        """The device came back: claim at once."""
        self._claim.wake()

    def activate(self, begun: Takeover) -> None:
        """The stream is this replica's to write from now on."""
        self._begun = self._unsaid = begun
        self._catch_up_us = begun.recorded_us
        self._resume(self._want(begun.now_us), begun.now_us)

    @property
    def active(self) -> bool:
        """Whether it is this replica's to write."""
        return self._begun is not None

    def set_policy(self, policy: StreamPolicy) -> None:
        """What the policies say has changed; a new length of files is for a new recorder."""
        if policy != self.demand.policy:
            self.demand.policy = policy
            self._keep_enough()

    def state(self, now_us: int) -> tuple[str, Want, int | None]:
        """How it is, for people; what is wanted; up to when it is on the disk."""
        want = self._want(now_us)
        if not self.active:
            return "standby", want, None
        if want.trigger is None:
            return "waiting", want, None
        recording = self._ledger.recording
        return "recording" if recording else "missing", want, self._ledger.covered_us if recording else None

    def _want(self, now_us: int) -> Want:
        if self._begun is None:
            return NOTHING
        want = self.demand.at(now_us)
        if want.trigger is not None and self._catch_up_us is not None:
            return replace(want, from_us=min(want.from_us, self._catch_up_us))
        return want

    def _keep_enough(self) -> None:
        self._selection.pre_roll.span_us = max(self.demand.pre_roll_us + LATE_US, TAKEOVER_US)

    async def _wind_up(self, subscription: Subscription) -> None:
        await subscription.close()
        await self._claim.release()
        await self._carry_out([*self._cuts(self._drain()), *self._selection.finish()])
        await self._turns.finish()
        if not self._ledger.resting:
            self._shared.marks.note(self.key, self._ledger.covered_us)

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
            await self._carry_out(self._cuts(self._drain()))
            if overflowed:
                await self._interrupt(GapReason.OVERFLOW)

    def _cuts(self, frames: list[Frame]) -> list[Cut]:
        cuts: list[Cut] = []
        for frame in frames:
            want = self._want(frame.wall_us)
            self._resume(want, frame.wall_us)
            cuts += self._selection.push(frame, want)
            if self._selection.writing:
                self._catch_up_us = None
        return cuts

    async def _carry_out(self, cuts: list[Cut]) -> None:
        """Bring to the disk what was cut, behind what was cut before, whether or not the caller can wait for it."""
        if cuts:
            await self._turns.take(self._write(cuts))

    async def _write(self, cuts: list[Cut]) -> None:
        if not self._shared.may_write(self.key):
            self._blocked = True
            self._ledger.interrupted(GapReason.DISK_FULL)
            self._selection.renew()
            await self._in_thread(self._writer.close)
            return
        try:
            await self._in_thread(self._writer.write, cuts)
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
        self._selection.renew()

    async def _interrupt(self, reason: GapReason) -> None:
        """The stream broke off: end the segment, and say why nothing follows."""
        await self._carry_out(list(self._selection.finish()))
        self._ledger.interrupted(reason)

    async def _on_writer(self, function: Callable[..., None], *arguments: object) -> None:
        await self._turns.take(self._in_thread(function, *arguments))

    async def _in_thread(self, function: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._shared.writers, function, *arguments)

    def _new_cutter(self) -> Cutter:
        return Cutter(segment_s=self._segment_s, fragment_s=self._shared.settings.sync_interval_s)

    # --- gaps -------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Notice a stream that stands still, and keep a gap that goes on current."""
        while True:
            now_us = _now_us()
            want = self._want(now_us)
            self._resume(want, now_us)
            await self._on_writer(self._look, want, now_us)
            await self._mark()
            await asyncio.sleep(LOOK_S)
            if self._begun is not None and now_us - self._begun.now_us > TAKEOVER_US:
                self._catch_up_us = self._unsaid = None
            if self._ledger.recording and time.monotonic() - self._last_frame_at > STALLED_S:
                await self._interrupt(GapReason.STREAM_LOST)
            if self._blocked and self._shared.may_write(self.key):
                await self._ask_for_keyframe()

    def _look(self, want: Want, now_us: int) -> None:
        self._writer.settle()
        self._gaps.retry()
        self._keep_ledger(want, now_us)

    async def _mark(self) -> None:
        """Tell the others up to when the stream is recorded, while it is to be."""
        if not self._ledger.resting:
            self._shared.marks.note(self.key, self._ledger.covered_us)
            self._unmarked = False
        elif self.active and not self._unmarked:
            self._unmarked = True
            await self._shared.marks.remove(self.key)

    def _resume(self, want: Want, now_us: int) -> None:
        """Count what is missing from now on, before anything is written, if the stream is to be recorded again."""
        if want.trigger is None or not self._ledger.resting:
            return
        begun, self._unsaid = self._unsaid, None
        standing = self.demand.policy.standing is not None
        if begun is not None and begun.recorded_us is not None:
            since_us = begun.recorded_us if standing else max(begun.recorded_us, want.since_us)
            self._ledger.resume(since_us, begun.reason)
        else:
            since_us = now_us if standing else want.since_us
            self._ledger.resume(since_us, GapReason.STREAM_LOST, allowance_us=FIRST_PICTURE_US)
        self._new_duty_us = since_us

    def _keep_ledger(self, want: Want, now_us: int) -> None:
        """Write down what is missing while something is wanted, and only then. Runs in a writing thread."""
        if want.trigger is None and not self._ledger.resting:
            self._ledger.rest(now_us)
            self._new_duty_us = None
            self._duty(None)
        since_us, self._new_duty_us = self._new_duty_us, None
        if since_us is not None:
            self._duty(since_us)
        self._ledger.look(now_us)

    def _duty(self, since_us: int | None) -> None:
        with suppress(OSError):  # on a full disk it is forgotten by a restart; what is lost until then is not
            self._shared.journal.duty(self.key, since_us)

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
