"""Talking through a device: from a media subject to its loudspeaker, and from its microphone to another.

One talker has the loudspeaker at a time. His frames come over the bus, which loses and bunches them; what the
device gets flows evenly, and stops a moment after he does. A talk belongs to a session and ends with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.msg import Msg

from cambus.client.delivery import Subscription
from cambus.connector.context import DeviceContext
from cambus.connector.ending import end
from cambus.connector.errors import SessionEnd
from cambus.connector.jitter import JitterBuffer
from cambus.connector.publisher import FramePublisher
from cambus.connector.talk_line import SAMPLE_RATE, SPOKEN, TalkLine, transcode
from cambus.connector.talk_metrics import TalkMetrics
from cambus.media.errors import FrameError
from cambus.media.frame import Codec, Frame, FrameAssembler, Kind, SequenceGate
from cambus.schemas.commands.talk import TalkStartReply, TalkStartRequest
from cambus.schemas.encoding import AudioCodec
from cambus.schemas.errors import Conflict, Offline, Unsupported
from cambus.schemas.ids import SESSION_PREFIX, new_ulid
from cambus.schemas.subjects import talk_subject

logger = logging.getLogger(__name__)

IDLE_S: Final = 4.0
"""Seconds without a frame after which a talk ends: the device is told within 5 s of the talker's vanishing."""

TAIL_S: Final = 0.1
"""Seconds given to the last packet to be heard before the device is told that it is over."""

CONFIG_S: Final = 1.0
"""How often a listener is told anew what the microphone's sound is."""

CLOSE_S: Final = 1.0
MAX_FRAME_BYTES: Final = 64 * 1024


class Talks:
    """The talks of one session of a device: none or one.

    Args:
        context: of the device.

    Attributes:
        idle_s: seconds without a frame after which a talk ends by itself.
    """

    def __init__(self, context: DeviceContext) -> None:
        self.idle_s = IDLE_S
        self._context = context
        self._metrics = TalkMetrics(context.metrics, context.protocol)
        self._opening = False
        self._closed = False
        self._talk: Talk | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(
        self, request: TalkStartRequest, open_line: Callable[[], Awaitable[TalkLine]]
    ) -> TalkStartReply:
        """Take the loudspeaker.

        Args:
            request: who talks and how.
            open_line: has the device agree; called only if nobody talks.

        Raises:
            Conflict: somebody talks already.
            Unsupported: a codec that can not be spoken here.
            Offline: the session ended meanwhile.
            CambusError: whatever `open_line` raises.
        """
        if request.codec is not None and request.codec not in SPOKEN:
            raise Unsupported(f"codec: wanted {' or '.join(SPOKEN)}, got {request.codec}")
        if self._opening or self._task is not None:
            raise Conflict("somebody talks already", reason="talk-busy")
        self._opening = True
        try:
            return await self._start(request, await open_line())
        finally:
            self._opening = False

    async def _start(self, request: TalkStartRequest, line: TalkLine) -> TalkStartReply:
        if self._closed:
            await line.close()
            raise Offline("the session ended meanwhile", reason="session-closed")
        session, channel = f"tk-{new_ulid()}", request.channel or 0
        publisher = self._context.publisher(channel, SESSION_PREFIX + session) if request.listen else None
        subject = talk_subject(self._context.device, channel, session)
        talk = Talk(line, publisher, self._metrics, idle_s=self.idle_s)
        try:
            talk.subscription = await self._context.bus.subscribe(subject, talk.take)
            await self._context.bus.flush()
        except BaseException:
            await talk.release()
            raise
        self._talk = talk
        self._task = asyncio.create_task(self._run(session, talk), name=f"talk {session}")
        self._say("talk began", session, claimant=request.claimant)
        return TalkStartReply(
            session=session,
            subject=subject,
            listen_subject=publisher.subject if publisher is not None else None,
            codec=request.codec or _spoken(line.codec),
            sample_rate_hz=SAMPLE_RATE,
            idle_s=self.idle_s,
        )

    async def _run(self, session: str, talk: "Talk") -> None:
        self._metrics.running(1)
        why = "cut"
        try:
            why = await talk.run()
        finally:
            self._metrics.running(-1)
            self._metrics.ended(why)
            self._say("talk ended", session, reason=why, frames=talk.frames, lost=talk.lost)
            self._talk = self._task = None

    async def stop(self, session: str) -> None:
        """Give the loudspeaker back once what was said has been heard; no such talk is no error."""
        task = self._task
        if task is not None and task.get_name() == f"talk {session}" and self._talk is not None:
            self._talk.finish()
            await asyncio.wait({task})

    async def close(self) -> None:
        """The session ends: cut the talk, bounded in time, and begin no other."""
        self._closed = True
        talk, task = self._talk, self._task
        if talk is None or task is None:
            return
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSE_S)
        if self._talk is talk:  # cancelled before its first step, or not done in time
            self._talk = self._task = None
            await talk.release()

    def _say(self, event: str, session: str, **facts: object) -> None:
        logger.info(event, extra={"device": self._context.device, "talk": session, **facts})


class Talk:
    """One talk under way.

    Args:
        line: to the device.
        publisher: where its microphone goes; None: nobody listens.
        metrics: counts.
        idle_s: seconds without a frame after which it ends.

    Attributes:
        frames: frames of sound that came.
        subscription: to the talker's subject, once there is one.
    """

    def __init__(
        self, line: TalkLine, publisher: FramePublisher | None, metrics: TalkMetrics, *, idle_s: float
    ) -> None:
        self.frames = 0
        self.subscription: Subscription | None = None
        self._released = False
        self._line = line
        self._publisher = publisher
        self._metrics = metrics
        self._idle_s = idle_s
        self._assembler = FrameAssembler(max_bytes=MAX_FRAME_BYTES)
        self._gate = SequenceGate()
        self._buffer = JitterBuffer(SAMPLE_RATE)
        self._arrived = asyncio.Event()
        self._finishing = asyncio.Event()
        self._over = False
        self._heard_at = _now()
        self._config: Frame | None = None
        self._config_at = 0.0

    @property
    def lost(self) -> int:
        """Frames that are missing in the sequence."""
        return self._gate.lost

    # --- from the bus -----------------------------------------------------------------------------------

    def take(self, message: Msg) -> None:
        """Take one message of the talker; called in the read loop."""
        try:
            frame = self._assembler.push(message.data)
        except FrameError:
            self._metrics.frame("unreadable")
            return
        if frame is None:
            return
        lost = self._gate.lost
        if not self._gate.accept(frame):
            self._metrics.frame("late")
            return
        self._metrics.lost(self._gate.lost - lost)
        self._heard_at = _now()
        if frame.end:
            self.finish()
        elif frame.kind is Kind.AUDIO and frame.codec in (Codec.PCMA, Codec.PCMU):
            self._speak(frame)
        elif frame.kind is not Kind.AUDIO_CONFIG:  # the reply to `talk.start` said what the sound is
            self._metrics.frame("foreign")

    def _speak(self, frame: Frame) -> None:
        self.frames += 1
        overflows = self._buffer.overflows
        self._buffer.push(transcode(frame.payload, frame.codec, self._line.codec), self._heard_at)
        self._metrics.frame("overflow" if self._buffer.overflows > overflows else "taken")
        self._arrived.set()

    def finish(self) -> None:
        """No more is to come: the talk ends when what has come was sent."""
        self._finishing.set()
        self._arrived.set()

    # --- life -------------------------------------------------------------------------------------------

    async def run(self) -> str:
        """Talk and listen until one side is over; return which: `stopped`, `idle` or `device`."""
        speaking = asyncio.create_task(self._send())
        listening = asyncio.create_task(self._line.listen(self._hear))
        idling = asyncio.create_task(self._until_idle())
        last = asyncio.create_task(self._last_words())
        tasks = {speaking: "stopped", listening: "device", idling: "idle"}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failures = await end(*tasks, last)
            await self.release()
        for failure in failures:
            if not isinstance(failure, SessionEnd):
                raise failure
        return "device" if failures else tasks[next(iter(done))]

    async def release(self) -> None:
        """Free everything; once, whoever asks."""
        if self._released:
            return
        self._released = True
        try:
            if self.subscription is not None:
                await self.subscription.close()
            if self._publisher is not None:
                await self._publisher.end()  # before what may take long, and be cut short
        finally:  # also if the session ends at this moment: a device would be talked to for ever
            await self._line.close()

    async def _last_words(self) -> None:
        """What was on its way when the end was announced still counts."""
        await self._finishing.wait()
        if self.subscription is not None:
            await self.subscription.drain()
        self._over = True
        self._arrived.set()

    async def _until_idle(self) -> None:
        left_s = self._idle_s
        while left_s > 0:
            await asyncio.sleep(left_s)
            left_s = self._heard_at + self._idle_s - _now()

    async def _send(self) -> None:
        """Feed the line, evenly, until everything was said."""
        while True:
            piece = self._buffer.take(_now(), last=self._over)
            if piece:
                await self._line.send(piece)
                if len(piece) < self._buffer.piece_bytes:
                    await self._line.flush()
            elif self._over:
                await asyncio.sleep(TAIL_S)
                return
            else:
                await self._until_due()

    async def _until_due(self) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout_at(self._buffer.due_at()):
                await self._arrived.wait()
        except TimeoutError:
            return

    async def _hear(self, frame: Frame) -> None:
        """Publish what the microphone hears; now and then what the sound is, for who listens from there on."""
        if self._publisher is None:
            return
        if frame.kind is Kind.AUDIO_CONFIG:
            self._config, self._config_at = frame, _now()
        elif self._config is not None and _now() >= self._config_at + CONFIG_S:
            self._config_at = _now()
            again = self._config._replace(pts=frame.pts, dts=frame.dts, wall_us=frame.wall_us)
            await self._publisher.publish(again)
        await self._publisher.publish(frame)


def _spoken(codec: Codec) -> AudioCodec:
    return next(name for name, known in SPOKEN.items() if known is codec)


def _now() -> float:
    return asyncio.get_running_loop().time()
