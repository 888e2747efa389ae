"""One playback: recordings as frames on a subject, held, sought, stepped, slowed down, sped up and turned round.

What is read ahead is one piece of a file (`segment_reader.PIECE_BYTES`), by a thread; what is sent is paced by the
clock of the event loop. Whoever watches may be away: a playback nobody touches ends.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.recorder.extent import TICKS_PER_S
from cambus.recorder.playback_pace import Pace
from cambus.recorder.recorded_source import RecordedSource, Way
from cambus.recorder.segment_reader import Unit, from_ticks

ALL_PICTURES_UP_TO = 2.0
"""Above this speed only keyframes are sent: the disk, the bus and most viewers have more than enough with them."""

LEAST_BETWEEN_KEYFRAMES = TICKS_PER_S // 15
"""Ticks; keyframes that would come faster are left out."""

HEARTBEAT_S = 5.0
"""While nothing is shown, whoever relays is told so often that the playback is still there."""

MOST_STEPS = 10
"""Steps that may wait to be taken."""


class Outcome(Enum):
    """Why a playback is over."""

    ENDED = "ended"
    LAPSED = "lapsed"
    STOPPED = "stopped"
    HANDED_OVER = "handed-over"


@dataclass(frozen=True, slots=True)
class Begin:
    """How a playback begins, or goes on after another replica had it. Times in microseconds, `pts` in ticks."""

    at_us: int
    end_us: int | None = None
    speed: float = 1.0
    paused: bool = False
    touched: bool = True
    ttl_s: float = 30.0
    seq: int = 0
    pts: int = 0
    jumped: tuple[int, int] | None = None


Send = Callable[[Frame], Awaitable[None]]
Blocking = Callable[[Callable[[], list[Unit] | None]], Awaitable[list[Unit] | None]]
Elsewhere = Callable[["PlaybackSession", int, int | None], Awaitable[bool]]
"""Asks the other replicas to go on from an instant, if they hold something before another; whether one does."""


class PlaybackSession:
    """One playback under way.

    Args:
        source: the recordings of the stream.
        begin: where and how it begins.
        send: takes the frames.
        blocking: runs what reads files, in a thread.
        elsewhere: asked where the recordings here break off.
        clock: seconds that never go back.

    Attributes:
        position_us: when what is shown was received.
        jumped: the last time without recordings that was passed over, in microseconds.
        seq: number of the next frame.
    """

    def __init__(
        self,
        source: RecordedSource,
        begin: Begin,
        send: Send,
        blocking: Blocking,
        elsewhere: Elsewhere,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._send = send
        self._blocking = blocking
        self._elsewhere = elsewhere
        self._clock = clock
        self.position_us = begin.at_us
        self.end_us = begin.end_us
        self.jumped = begin.jumped
        self.seq = begin.seq
        self.touched = begin.touched
        self.paused = begin.paused
        self.ttl_s = begin.ttl_s
        self._pace = Pace(begin.speed, begin.pts)
        self._until = clock() + begin.ttl_s
        self._units: deque[Unit] = deque()
        self._reader: Iterator[list[Unit]] = iter(())
        self._reading = False
        self._steps = 0
        self._speed_after_steps: float | None = None
        self._sound: AudioConfig | None = None
        self._discontinuity = True
        self._over: Outcome | None = None
        self._changed = asyncio.Event()
        self._begin_at(begin.at_us)

    # --- what viewers ask for ---------------------------------------------------------------------------

    @property
    def speed(self) -> float:
        """Recorded seconds for each second; below 0 backwards."""
        return self._pace.speed if self._speed_after_steps is None else self._speed_after_steps

    @property
    def pts(self) -> int:
        """The time stamp of what comes next, in ticks."""
        return self._pace.next_pts

    @property
    def way(self) -> Way:
        """What is shown at this speed, or step by step."""
        return way_of(self._pace.speed)

    @property
    def keyframes_only(self) -> bool:
        """Whether only keyframes are shown at this speed."""
        return way_of(self.speed) is not Way.ALL

    def touch(self) -> None:
        """It is still wanted; the first touch begins it."""
        self._until = self._clock() + self.ttl_s
        self.touched = True
        self._changed.set()

    def pause(self) -> None:
        """Hold it."""
        self.paused = True
        self._pace.hold(self._clock())
        self._changed.set()

    def resume(self) -> None:
        """Go on with it."""
        if self.paused:
            self.paused, self._steps = False, 0
            self._pace.go(self._clock())
            speed, self._speed_after_steps = self._speed_after_steps, None
            if speed is not None:
                self.set_speed(speed)
            self._changed.set()

    def seek(self, at_us: int) -> None:
        """Go on from another instant."""
        self._begin_at(at_us)

    def set_speed(self, speed: float) -> None:
        """Play at another speed, or the other way round, from where it is."""
        before, self._speed_after_steps = self.way, None
        self._pace.set_speed(speed)
        if self.way is not before:
            self._begin_at(self.position_us)
        self._changed.set()

    def step(self, *, backwards: bool) -> None:
        """Hold it, and show the next picture, or the keyframe before."""
        self.pause()
        speed = self.speed
        self.set_speed(-1.0 if backwards else 1.0)
        self._speed_after_steps = speed
        self._steps = min(self._steps + 1, MOST_STEPS)
        self._changed.set()

    def stop(self, outcome: Outcome = Outcome.STOPPED) -> None:
        """End it."""
        self._over = self._over or outcome
        self._changed.set()

    def _begin_at(self, at_us: int) -> None:
        old = self._reader
        self._units = deque()
        self._reader = self._source.read(at_us, self.way)
        self.position_us = at_us
        self._pace.jump()
        self._discontinuity = True
        if not self._reading:
            _close(old)
        self._changed.set()

    # --- playing ----------------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """Play until it is over for whatever reason; the last frame says so unless another replica goes on."""
        try:
            while self._over is None:
                await self._go_on()
        finally:
            if not self._reading:
                _close(self._reader)
            if self._over is not Outcome.HANDED_OVER:
                await self._send_frame(Kind.DATA, Codec.OPAQUE, Flag.END, self.pts, 0, b"")
        return self._over

    async def _go_on(self) -> None:
        self._changed.clear()
        now = self._clock()
        if now >= self._until:
            self.stop(Outcome.LAPSED)
        elif not self.touched or (self.paused and not self._steps):
            await self._wait(HEARTBEAT_S)
        elif self._units:
            await self._show_next(now)
        else:
            await self._read_on()

    async def _wait(self, seconds: float) -> None:
        """Until something changes, or nothing was shown for so long that somebody might wonder."""
        until = min(self._clock() + seconds, self._until)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(until - self._clock(), HEARTBEAT_S)):
                await self._changed.wait()
                return
        if self.touched and seconds >= HEARTBEAT_S:
            await self._send_frame(Kind.DATA, Codec.OPAQUE, Flag.NONE, self.pts, 0, b"")

    async def _read_on(self) -> None:
        reader = self._reader
        self._reading = True
        try:
            units = await self._blocking(lambda: next(reader, None))
        finally:
            self._reading = False
        if reader is not self._reader:  # sought meanwhile
            _close(reader)
        elif units is not None:
            self._units.extend(units)
        elif not await self._elsewhere_from(reader, self.position_us, None):
            self.stop(Outcome.ENDED)

    async def _elsewhere_from(self, reader: Iterator[list[Unit]], at_us: int, before_us: int | None) -> bool:
        """Whether another replica goes on, or a viewer has decided otherwise meanwhile."""
        if await self._elsewhere(self, at_us, before_us):
            self.stop(Outcome.HANDED_OVER)
            return True
        return reader is not self._reader

    async def _show_next(self, now: float) -> None:
        unit = self._units[0]
        if unit.gap is not None:
            await self._pass_gap(unit, unit.gap)
            return
        if self._is_beyond_end(unit):
            self.stop(Outcome.ENDED)
            return
        pts, due = self._pace.stamp(unit.at, now)
        too_soon = self.way is not Way.ALL and pts - self._pace.last_pts < LEAST_BETWEEN_KEYFRAMES
        if too_soon and not self._steps and not self._discontinuity:
            self._units.popleft()
        elif due > now and not self._steps:
            await self._wait(due - now)
        else:
            self._units.popleft()
            await self._show(unit, pts)

    async def _pass_gap(self, unit: Unit, gap: tuple[int, int]) -> None:
        """Nothing was recorded here in between; perhaps another replica did."""
        reader = self._reader
        begin_us, end_us = from_ticks(gap[0]), from_ticks(gap[1])
        backwards = self.way is Way.BACKWARDS
        left, reached = (end_us, begin_us) if backwards else (begin_us, end_us)
        if await self._elsewhere_from(reader, left, reached):
            return
        self.jumped = (begin_us, end_us)
        self._units[0] = unit._replace(gap=None)
        self._pace.jump()
        self._discontinuity = True

    def _is_beyond_end(self, unit: Unit) -> bool:
        return (
            self.end_us is not None and self.way is not Way.BACKWARDS and from_ticks(unit.at) >= self.end_us
        )

    # --- frames -----------------------------------------------------------------------------------------

    async def _show(self, unit: Unit, pts: int) -> None:
        wall_us = from_ticks(unit.at + unit.cts)
        if unit.codec.is_audio:
            if self.speed == 1 and self._sound is not None and not self.paused:
                await self._send_frame(Kind.AUDIO, unit.codec, Flag.NONE, pts, wall_us, unit.payload)
            return
        if self._steps:
            self._steps -= 1
            self._pace.jump()  # time does not stand still while one steps
        if unit.keyframe:
            self._sound = unit.sound
            if unit.sound is not None and self.speed == 1:
                config = unit.sound.serialize()
                await self._send_frame(Kind.AUDIO_CONFIG, unit.sound.codec, Flag.CONFIG, pts, wall_us, config)
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        if self._discontinuity:
            flags |= Flag.DISCONTINUITY
            self._discontinuity = False
        shift = round(unit.cts / abs(self._pace.speed)) if self.way is Way.ALL else 0
        self.position_us = from_ticks(unit.at)
        self._pace.shown(pts)
        await self._send_frame(Kind.VIDEO, unit.codec, flags, pts, wall_us, unit.payload, shift)

    async def _send_frame(
        self, kind: Kind, codec: Codec, flags: Flag, dts: int, wall_us: int, payload: bytes, cts: int = 0
    ) -> None:
        wall_us = wall_us or self.position_us
        frame = Frame(kind, codec, flags, self.seq, dts + cts, dts, wall_us, payload)
        self.seq = (self.seq + 1) & 0xFFFFFFFF
        await self._send(frame)


def way_of(speed: float) -> Way:
    """What is shown at a speed."""
    if speed < 0:
        return Way.BACKWARDS
    return Way.ALL if speed <= ALL_PICTURES_UP_TO else Way.KEYFRAMES


def _close(reader: Iterator[list[Unit]]) -> None:
    """Close the file a reader has open."""
    close = getattr(reader, "close", None)
    if close is not None:
        close()
