"""One playback: the device plays at its pace and is told by INFO to hold, to go on, to jump, and how fast (§8.4)."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cambus.client.errors import BusError
from cambus.connector.ending import end
from cambus.connector.publisher import FramePublisher
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_gb28181.mapping.recordings import Span
from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.gb28181.errors import GbError
from cambus.gb28181.media_session import MediaSession
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.stamps import PlaybackStamps
from cambus.media.unit_frames import FrameMaker
from cambus.schemas.errors import BadRequest, NotFound, Unsupported

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 5.0
"""While nothing is shown, whoever relays is told so often that the playback is still there."""
QUIET_S: Final = 0.3
"""What a device sent before it said that it is over has come when nothing more comes for so long."""


@dataclass(frozen=True, slots=True)
class Show:
    """What is to be played.

    Attributes:
        channel: counted from 0.
        stream: as the bus calls it.
        span: from when, until when.
        ttl_s: it ends when it is not touched for so long.
        on_touch: nothing is published before the first touch.
    """

    channel: int
    stream: str
    span: Span
    ttl_s: float
    on_touch: bool = False


class PlaybackSession:
    """One playback under way.

    Args:
        session: the device's session.
        name: of this playback.
        show: what is played.
        media: its media session.
        units: what has come of it.
        publisher: where the frames go.

    Attributes:
        name: see above.
        speed: the speed the device says it plays at.
    """

    def __init__(
        self,
        session: "GbSession",
        name: str,
        show: Show,
        media: MediaSession,
        units: UnitQueue,
        publisher: FramePublisher,
    ) -> None:
        self.name = name
        self.speed = 1.0
        self._session = session
        self._show = show
        self._media = media
        self._units = units
        self._publisher = publisher
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + show.ttl_s
        self._stamps = PlaybackStamps()
        self._maker = FrameMaker(self._stamps, audio=session.device.options.audio)
        self._clock = SteadyClock()
        self._turn = asyncio.Lock()
        self._touched = asyncio.Event()
        if not show.on_touch:
            self._touched.set()

    # --- life -------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """It is still wanted."""
        self._until = self._loop.time() + self._show.ttl_s
        self._touched.set()

    async def run(self) -> None:
        """Play until the recording is over, nobody wants it any more, or the device is lost."""
        pump = asyncio.create_task(self._pump(), name=f"playback {self._session.device.id}")
        over = asyncio.create_task(self._media.run(), name=f"media {self._session.device.id}")
        try:
            while (left_s := self._until - self._loop.time()) > 0 and not pump.done():
                await asyncio.wait({over}, timeout=min(left_s, HEARTBEAT_S))
                if over.done():
                    await self._drain(pump)
                    self._say(over.exception())
                    break
                if self._media.paused:
                    await self._heartbeat()
        finally:
            failures = await end(pump, over)
            await self._publisher.end()
            await self._media.close()
        if pump.done() and failures and not isinstance(failures[0], GbError):
            raise failures[0]

    async def _drain(self, pump: asyncio.Task[None]) -> None:
        """Let what came before the end be shown."""
        while not pump.done() and self._until > self._loop.time():
            came_at = self._media.media.last_at or 0.0
            if not len(self._units) and self._loop.time() - came_at > QUIET_S:
                return
            await asyncio.wait({pump}, timeout=QUIET_S / 4)

    def _say(self, error: BaseException | None) -> None:
        if isinstance(error, GbError):
            extra = {"device": self._session.device.id, "reason": error.text}
            logger.info("playback broke off", extra=extra)

    async def _heartbeat(self) -> None:
        pts = self._publisher.last_pts or 0
        frame = Frame(Kind.DATA, Codec.OPAQUE, Flag.NONE, 0, pts, pts, self._clock.now_us(), b"")
        with contextlib.suppress(BusError):
            await self._publisher.publish(frame)

    async def _pump(self) -> None:
        await self._touched.wait()
        while True:
            unit = await self._units.get()
            for frame in self._maker.frames(unit, self._clock.now_us()):
                if self.speed == 1 or frame.kind is Kind.VIDEO:  # sound at another speed is noise
                    await self._publisher.publish(frame)

    # --- what viewers ask for ---------------------------------------------------------------------------

    async def pause(self) -> None:
        """Hold it. Raises GbError."""
        async with self._turn:
            await self._media.pause()

    async def resume(self) -> None:
        """Go on with it. Raises GbError."""
        async with self._turn:
            await self._media.resume()

    async def seek(self, at: datetime) -> None:
        """Go on from another instant.

        Raises:
            BadRequest: it is before what is played.
            NotFound: it is behind it.
            GbError: the device refused; the playback goes on as before.
        """
        position_s = self._position("at", at)
        if at.timestamp() >= self._show.span.end:
            raise _beyond_the_end()
        async with self._turn:
            self._jump()
            await self._media.seek(position_s)
            self._jumped()

    async def set_speed(self, speed: float) -> float:
        """Play faster, slower or backwards from now on; the speed the device says it plays at.

        Raises:
            BadRequest: it is none.
            Unsupported: the edition the device speaks plays forwards only.
            GbError: the device refused; the playback goes on as before.
        """
        if speed == 0:
            raise BadRequest("speed: wanted one that is not 0; recording.pause holds a playback")
        if speed < 0:
            self._check_backwards()
        async with self._turn:
            turned = (speed < 0) != (self.speed < 0)
            if turned:
                self._jump()
            self.speed = self._stamps.speed = await self._media.set_speed(speed)
            if turned:
                self._jumped()
            return self.speed

    async def reverse(
        self, speed: float, at: datetime | None, until: datetime | None
    ) -> tuple[float, datetime | None, datetime | None]:
        """Play backwards from one instant to an earlier one (GB-132).

        Args:
            speed: below 0.
            at: from when; None for where it is.
            until: to when; None for the begin of what is played.

        Returns:
            the speed the device says it plays at, and from when to when; None for what it does not say.

        Raises:
            BadRequest: it is not backwards, or before what is played, or the instants are in the wrong order.
            NotFound: an instant is behind what is played.
            Unsupported: the edition the device speaks plays forwards only.
            GbError: the device refused; the playback goes on as before.
        """
        if speed >= 0:
            raise BadRequest("at, until: wanted a speed below 0; recording.seek goes on from elsewhere")
        from_s = self._position("at", at) if at is not None else None
        to_s = self._position("until", until) if until is not None else None
        if from_s is not None and to_s is not None and to_s >= from_s:
            raise BadRequest("until: wanted an instant before at")
        self._check_backwards()
        async with self._turn:
            self._jump()
            self.speed = self._stamps.speed = await self._media.reverse(from_s, to_s, speed)
            self._jumped()
            begin, end_ = (self._instant(each) for each in self._media.control.span)
            return self.speed, begin, end_

    def _check_backwards(self) -> None:
        if not self._session.remote.version.is_2022:
            raise Unsupported("devices before the edition of 2022 play forwards only")

    def _position(self, name: str, at: datetime) -> float:
        """An instant in seconds from the begin of what is played. Raises BadRequest, NotFound."""
        if at.timestamp() < self._show.span.start:
            raise BadRequest(f"{name}: wanted an instant that is played")
        if at.timestamp() > self._show.span.end:
            raise _beyond_the_end()
        return at.timestamp() - self._show.span.start

    def _instant(self, position_s: float | None) -> datetime | None:
        """The same the other way round; None for what is not said or is not played."""
        span = self._show.span
        if position_s is None or position_s > span.end - span.start:
            return None
        return datetime.fromtimestamp(span.start + position_s, UTC)

    def _jump(self) -> None:
        """What has come before is not shown any more; what comes is, from its next keyframe on."""
        self._units.clear()
        self._maker.wait_for_keyframe()

    def _jumped(self) -> None:
        self._stamps.jump()
        self._publisher.mark_discontinuity()


def _beyond_the_end() -> NotFound:
    return NotFound("nothing that is played is as late as that", reason="beyond-the-end")
