"""One live stream of a device, from its media session to the sink (§8.3, GB-149 to GB-151)."""

import asyncio
import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from cambus.connector.driver import DeviceStream, FrameSink
from cambus.connector.ending import end
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_gb28181.ordering import open_media, order_of
from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.gb28181.errors import GbError, MediaError
from cambus.gb28181.manscdp.control import keyframe
from cambus.gb28181.media_session import MediaSession
from cambus.media.frame import Frame, Kind
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.schemas.alarms import Severity
from cambus.schemas.errors import CambusError

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

KEYFRAME_PAUSE_S: Final = 2.0
"""A damaged stream asks for a keyframe no more often than this."""
_ENDS: Final = {
    "no-media": EndReason.TIMEOUT,
    "media-lost": EndReason.CONNECTION_LOST,
    "no-connection": EndReason.UNREACHABLE,
    "bye": EndReason.FORCED_LOGOUT,
    "device-offline": EndReason.CONNECTION_LOST,
    "unsupported-payload": EndReason.UNSUPPORTED,
    "closed": EndReason.HANDED_OVER,
}
_DROPS: Final = {"waiting": "waiting", "foreign": "corrupt"}


async def open_live(session: "GbSession", channel: int, stream: str, sink: FrameSink) -> DeviceStream:
    """Have a channel send a live stream; returns once media comes, for many a device agrees and sends none.

    Raises:
        CambusError: it has no such stream, is away, refuses, or sends nothing.
    """
    order = order_of(session, channel, stream)
    units = UnitQueue()
    media = await open_media(session, order, units.put)
    opened = GbStream(session, channel, stream, media, units, sink)
    try:
        await opened.started()
    except BaseException:
        await opened.close()
        raise
    return opened


class GbStream:
    """A live stream the device has agreed to send.

    Args:
        session: of the device.
        channel: as the bus counts.
        stream: as the bus calls it.
        media: its session.
        units: what has come of it.
        sink: where the frames go.
    """

    def __init__(
        self,
        session: "GbSession",
        channel: int,
        stream: str,
        media: MediaSession,
        units: UnitQueue,
        sink: FrameSink,
    ) -> None:
        self._session = session
        self._channel = channel
        self._stream = stream
        self._media = media
        self._units = units
        self._sink = sink
        self._maker = FrameMaker(LiveStamps(), audio=session.device.options.audio)
        self._clock = SteadyClock()
        self._counted: Counter[str] = Counter()
        self._asked_at = float("-inf")
        self._over = asyncio.create_task(media.run(), name=f"media {session.device.id}")

    @property
    def route(self) -> str:
        """By which lower platforms it comes, as they say."""
        return "-".join(self._media.route)

    async def started(self) -> None:
        """Wait for the first media. Raises CambusError."""
        first = asyncio.create_task(self._media.media.started())
        try:
            await asyncio.wait({first, self._over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(first)
        if self._over.done() and isinstance(error := self._over.exception(), GbError):
            raise self._session.failed(error) from error

    async def run(self) -> None:
        """Feed the sink until the stream ends, and say why it did."""
        pump = asyncio.create_task(self._pump(), name=f"frames {self._session.device.id}")
        try:
            await asyncio.wait({pump, self._over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failures = await end(pump)
            self._count()
        if failures:
            raise failures[0]
        raise await self._end()

    async def _end(self) -> SessionEnd:
        """Why it is over; told once, unless the device is gone, which is told anyway (GB-151)."""
        error = self._over.exception() or MediaError("bye", "the device ended the stream")
        if not isinstance(error, MediaError):
            raise error
        ended = SessionEnd(_ENDS.get(error.reason, EndReason.PROTOCOL_ERROR), error.text, error.reason)
        if error.reason not in {"device-offline", "closed"}:
            await self._session.device.context.events.exception(
                "stream-ended",
                error.text,
                severity=Severity.MINOR,
                channel=self._channel,
                stream=self._stream,
                reason=error.reason,
            )
        return ended

    async def _pump(self) -> None:
        while True:
            unit = await self._units.get()
            for frame in self._maker.frames(unit, self._clock.now_us()):
                await self._sink(frame)
                self._session.microphones.offer(self._channel, frame)
                if frame.kind is Kind.VIDEO:
                    self._seen(frame)

    def _seen(self, frame: Frame) -> None:
        if frame.keyframe:
            self._maker.damaged = False
            self._session.taps.offer(self._channel, self._stream, frame)
            self._count()
        elif self._maker.damaged:
            self._mend()

    def _mend(self) -> None:
        """Something is missing: a new keyframe shows a whole picture again, sooner than the next would."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at >= KEYFRAME_PAUSE_S:
            self._asked_at = now
            self._maker.damaged = False
            self._session.device.context.hooks.spawn(self._try_keyframe(), "keyframe")

    async def _try_keyframe(self) -> None:
        with contextlib.suppress(CambusError):
            await self.request_keyframe()

    async def request_keyframe(self) -> None:
        """Ask the encoder for a keyframe, as its edition spells that (GB-090)."""
        remote = self._session.remote
        try:
            await remote.control(keyframe(remote.version), self._media.order.channel)
        except GbError as error:
            raise self._session.failed(error) from error

    async def close(self) -> None:
        """Say BYE, unless the device has, and give everything back."""
        await end(self._over)
        await self._media.close()

    def _count(self) -> None:
        """Move what was left out since the last time into the metrics."""
        metrics = self._session.device.context.media
        now = Counter({"queue": self._units.dropped})
        for name, reason in _DROPS.items():
            now[reason] += self._maker.left_out[name]
        for reason, count in (now - self._counted).items():
            metrics.dropped(Kind.VIDEO, reason, count)
        self._counted = now
