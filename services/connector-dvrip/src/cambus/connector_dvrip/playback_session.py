"""One playback: recordings one after the other on one subject, held, sought, slowed down and sped up.

The connector sets the pace itself, by reading slowly; that works on every device. Above real time it has the device
send as for a download, for Fast does nothing on many devices (DVRIP §10.1); that needs the device's one download.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cambus.client.errors import BusError
from cambus.connector.ending import end
from cambus.connector.publisher import FramePublisher
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_dvrip.media import FrameMaker
from cambus.connector_dvrip.pacing import Pacer
from cambus.connector_dvrip.walk import Clip
from cambus.dvrip.errors import DeviceError, DvripError
from cambus.dvrip.frames import MediaFrame, VideoFrame
from cambus.dvrip.playback import Playback
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.recorded_timeline import RecordedTimeline
from cambus.schemas.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession

SEEK: Final = ("OtherFunction", "SupportPlaybackLocate")
SLOWEST: Final = 0.1
ALL_FRAMES_UP_TO: Final = 4.0
"""Above this speed only keyframes are sent: no viewer decodes hundreds of pictures a second."""

HEARTBEAT_S: Final = 5.0
"""While nothing is shown, whoever relays is told so often that the playback is still there."""


@dataclass(frozen=True, slots=True)
class Show:
    """What is to be played, and how.

    Attributes:
        channel: counted from 0.
        clips: the recordings, in order; at least one.
        stream: 0 main, 1 extra.
        speed: media seconds for each second, above 0.
        ttl_s: it ends when it is not touched for so long.
        on_touch: it begins with the first touch.
    """

    channel: int
    clips: Sequence[Clip]
    stream: int
    speed: float
    ttl_s: float
    on_touch: bool = False


class PlaybackSession:
    """One playback under way.

    Args:
        session: the device's session.
        name: of this playback.
        show: what is played.
        playback: of the protocol library, started with the first clip.
        publisher: where the frames go.

    Attributes:
        name: see above.
        speed: the speed it plays at.
    """

    def __init__(
        self, session: "DvripSession", name: str, show: Show, playback: Playback, publisher: FramePublisher
    ) -> None:
        self.name = name
        self.speed = show.speed
        self._session = session
        self._show = show
        self._playback = playback
        self._publisher = publisher
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + show.ttl_s
        self._timeline = RecordedTimeline(show.speed)
        self._maker = FrameMaker(session.zone, audio=session.device.options.audio, timeline=self._timeline)
        self._clock = SteadyClock()
        self._pacer = Pacer()
        self._index = 0
        self._shown: datetime | None = None
        self._shown_at_s = 0.0
        self._skip_to: datetime | None = None
        self._turn = asyncio.Lock()
        self._touched = asyncio.Event()
        self._over = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        if not show.on_touch:
            self._touched.set()

    # --- life -------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """It is still wanted."""
        self._until = self._loop.time() + self._show.ttl_s
        self._touched.set()

    async def run(self) -> None:
        """Play until the last recording is over, nobody wants it any more, or the device is lost."""
        self._start_pump()
        try:
            while not self._over.is_set() and (left_s := self._until - self._loop.time()) > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, HEARTBEAT_S)):
                        await self._over.wait()
                if self._pacer.held:
                    await self._heartbeat()
        finally:
            await self._stop_pump()
            await self._publisher.end()
            await self._playback.close()

    async def _heartbeat(self) -> None:
        pts = self._publisher.last_pts or 0
        frame = Frame(Kind.DATA, Codec.OPAQUE, Flag.NONE, 0, pts, pts, self._clock.now_us(), b"")
        with contextlib.suppress(BusError):
            await self._publisher.publish(frame)

    # --- what viewers ask for ---------------------------------------------------------------------------

    async def pause(self) -> None:
        """Hold it. A device that can not is held back by not being read."""
        async with self._turn:
            self._pacer.hold()
            with contextlib.suppress(DeviceError):
                await self._playback.pause()

    async def resume(self) -> None:
        """Go on with it."""
        async with self._turn:
            with contextlib.suppress(DeviceError):
                await self._playback.resume()
            self._pacer.go()

    async def seek(self, at: datetime) -> None:
        """Go on from another time, device local; a time nothing was recorded at is the next recorded one.

        Raises:
            NotFound: nothing of it is as late as that.
            DvripError: the device refused; the playback is over.
        """
        async with self._turn:
            index = self._clip_at(at)
            await self._stop_pump()
            locate = self._session.facts.has(*SEEK) and index == self._index
            try:
                if locate and self._playback.outcome is None:
                    await self._playback.seek(at)
                    self._skip_to = None
                else:
                    await self._play_from(index, at)
            except BaseException:
                self._over.set()
                raise
            self._jumped()

    async def set_speed(self, speed: float) -> None:
        """Play at another speed from now on.

        Raises:
            BadRequest: it is none.
            Conflict: faster than real time needs the device's one download, which somebody else has.
            DvripError: the device refused; the playback is over.
        """
        if speed < SLOWEST:
            raise BadRequest(f"speed: wanted at least {SLOWEST}; recording.pause holds a playback")
        async with self._turn:
            fast = speed > 1
            if fast:
                self._session.slot.take(self.name, "playing faster")
            if fast != self._playback.is_download:
                await self._stop_pump()
                try:
                    await self._play_from(self._index, self._position(), download=fast)
                except BaseException:
                    self._over.set()
                    raise
            if not fast:
                self._session.slot.release(self.name)
            self.speed = self._timeline.speed = speed
            if self._pump is None:
                self._jumped()

    def _jumped(self) -> None:
        """What comes next does not continue what came before, and comes at once."""
        self._publisher.mark_discontinuity()
        self._pacer.go()
        self._start_pump()

    def _clip_at(self, at: datetime) -> int:
        for index, clip in enumerate(self._show.clips):
            if clip.end is None or at < clip.end:
                return index
        raise NotFound("nothing that is played is as late as that", reason="beyond-the-end")

    def _position(self) -> datetime | None:
        """What is shown now, by the device's clock, in whole seconds; None before the first keyframe."""
        if self._shown is None:
            return None
        return self._shown + timedelta(seconds=int(self._timeline.media_s - self._shown_at_s))

    # --- playing ----------------------------------------------------------------------------------------

    def _start_pump(self) -> None:
        self._pump = asyncio.create_task(self._play(), name=f"playback {self._session.device.id}")

    async def _stop_pump(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            await end(pump)

    async def _play_from(self, index: int, at: datetime | None, *, download: bool | None = None) -> None:
        """Have the device play a clip, from a time in it or from its beginning."""
        clip = self._show.clips[index]
        if at is not None and clip.begin is not None and at <= clip.begin:
            at = None
        if self._playback.outcome is None:
            await self._playback.stop()
        self._index = index
        self._skip_to = clip.cut_begin if at is None and index else None
        target = clip.target(self._playback.target.channel, self._show.stream, at)
        size = clip.length_kib if at is None else 0
        await self._playback.restart(target, size, download=download)

    async def _play(self) -> None:
        await self._touched.wait()
        try:
            while True:
                await self._play_clip(self._show.clips[self._index])
                if self._index + 1 >= len(self._show.clips):
                    break
                await self._play_from(self._index + 1, None)
        except DvripError as error:
            self._session.log.info("playback broke off", extra={"reason": str(error)})
        self._over.set()

    async def _play_clip(self, clip: Clip) -> None:
        async for media in self._playback:
            if isinstance(media, VideoFrame) and media.keyframe and media.device_time is not None:
                if clip.cut_end is not None and media.device_time >= clip.cut_end:
                    await self._playback.stop()
                    return
                if self._skip_to is not None and media.device_time >= self._skip_to:
                    self._skip_to = None
                self._shown, self._shown_at_s = media.device_time, self._timeline.media_s
            if self._skip_to is None:  # what another recording has shown already is not shown again
                await self._show_frame(media)

    async def _show_frame(self, media: MediaFrame) -> None:
        for frame in self._maker.frames(media, self._clock.now_us()):
            if self._is_wanted(frame):
                await self._pacer.wait(frame.pts)
                await self._publisher.publish(frame)

    def _is_wanted(self, frame: Frame) -> bool:
        if frame.kind in {Kind.AUDIO, Kind.AUDIO_CONFIG}:
            return self.speed == 1
        return frame.kind is not Kind.VIDEO or frame.keyframe or self.speed <= ALL_FRAMES_UP_TO
