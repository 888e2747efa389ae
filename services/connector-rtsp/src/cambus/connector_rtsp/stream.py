"""One live stream of a device, from its packets to the sink."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from cambus.connector.driver import FrameSink
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_rtsp.mapping.errors import command_error, end_of
from cambus.connector_rtsp.metrics import FAULTS
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.mpegps import StreamUnit
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.rtsp.client import open_pull
from cambus.rtsp.client_errors import ClientError
from cambus.rtsp.client_url import Source
from cambus.schemas.alarms import Severity
from cambus.schemas.errors import Unsupported

if TYPE_CHECKING:
    from cambus.connector_rtsp.driver import AnySession
    from cambus.connector_rtsp.session import RtspSession

FLOWING_S: Final = 5.0
"""A stream whose last media is older does not show that its channel is there."""
DRIFT_NEWS_S: Final = 2.0
"""By how much the device's clock has to differ from what is shown, to be shown anew."""
MOST_DRIFT_S: Final = 366 * 86400.0
"""A clock further off was never set: it counts from the device's start."""


async def open_live(
    session: "RtspSession", channel: int, stream: str, source: Source, sink: FrameSink
) -> "RtspStream":
    """Have a device send a stream; returns once a picture comes. Raises CambusError."""
    clock = SteadyClock()
    try:
        pull = await session.entrance.enter(
            source, partial(open_pull, source, session.login, session.device.settings, clock_us=clock.now_us)
        )
        try:
            first = await pull.units()
            while not any(unit.codec.is_video for unit in first):  # no longer than until it counts as stalled
                first += await pull.units()
        except BaseException:
            await pull.close()
            raise
    except ClientError as error:
        session.doubt()
        raise command_error(error) from error
    return RtspStream(session, channel, stream, pull, first, clock, sink)


class Feed(Protocol):
    """Where the media of a stream comes from: a stream that is fetched, or one that is published."""

    @property
    def sets(self) -> Sequence[tuple[bytes, Codec]]:
        """Parameter sets that were told beside the stream."""

    @property
    def sound(self) -> AudioConfig | None:
        """What the sound is; None while that is not known."""

    @property
    def counts(self) -> Counter[str]:
        """What was dropped, by reason."""

    @property
    def drift_s(self) -> float | None:
        """Seconds the device's clock is ahead of ours; None where it does not say."""

    async def units(self) -> list[StreamUnit]:
        """Wait for what comes next. Raises ClientError or SessionEnd."""

    async def close(self) -> None:
        """Nobody wants it any more; never raises, may be called twice."""


class RtspStream:
    """A live stream that comes.

    Args:
        session: of the device.
        channel: as the bus counts.
        stream: as the bus calls it.
        feed: where its media comes from.
        first: what has come of it.
        clock: frames are stamped with.
        sink: where they go.

    Attributes:
        channel: see above.
        route: empty: cameras do not say what is between.
    """

    route = ""

    def __init__(
        self,
        session: "AnySession",
        channel: int,
        stream: str,
        feed: Feed,
        first: list[StreamUnit],
        clock: SteadyClock,
        sink: FrameSink,
    ) -> None:
        self.channel = channel
        self._session = session
        self._stream = stream
        self._feed = feed
        self._first = first
        self._clock = clock
        self._sink = sink
        self._counted: Counter[str] = Counter()
        self._drift_s: float | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._maker = FrameMaker(LiveStamps(), described=feed.sound)
        self._sets: list[tuple[bytes, Codec]] = []
        self._learn_sets()

    @property
    def flowing(self) -> bool:
        """Whether media came a moment ago."""
        return self._loop.time() - self._heard_at < FLOWING_S

    async def run(self) -> None:
        """Feed the sink until the stream ends, and say why it did."""
        units, self._first = self._first, []
        try:
            while True:
                for unit in units:
                    await self._take(unit)
                units = await self._feed.units()
        except ClientError as error:
            self._session.doubt()
            ended = end_of(error)
            await self._session.device.context.events.exception(
                "stream-ended",
                error.text,
                severity=Severity.MINOR,
                channel=self.channel,
                stream=self._stream,
                reason=ended.reason.value,
            )
            raise ended from None
        finally:
            self._count()

    async def request_keyframe(self) -> None:
        """RTSP has no way to ask for one."""
        raise Unsupported("RTSP has no way to ask for a keyframe", reason="not-in-protocol")

    async def close(self) -> None:
        """Say TEARDOWN, and give everything back."""
        self._session.left(self)
        await self._feed.close()

    async def _take(self, unit: StreamUnit) -> None:
        self._heard_at = self._loop.time()
        if unit.codec.is_audio:
            self._maker.know_sound(self._feed.sound)
        else:
            self._learn_sets()
        for frame in self._maker.frames(unit, self._clock.now_us()):
            await self._sink(frame)
            if frame.kind is Kind.VIDEO and frame.keyframe:
                self._at_keyframe(frame)

    def _learn_sets(self) -> None:
        """Take parameter sets that are told beside the stream; publishers tell them with the first picture, or anew."""
        if self._feed.sets != self._sets:
            self._sets = list(self._feed.sets)
            for sets, codec in self._sets:
                self._maker.know_sets(sets, codec)

    def _at_keyframe(self, frame: Frame) -> None:
        """What is looked at once in a group of pictures."""
        self._session.taps.offer(self.channel, self._stream, frame)
        self._count()
        drift_s = self._feed.drift_s
        if drift_s is None or abs(drift_s) > MOST_DRIFT_S:
            return
        if self._drift_s is None or abs(drift_s - self._drift_s) >= DRIFT_NEWS_S:
            self._drift_s = drift_s
            self._session.device.context.hooks.drifted(round(drift_s, 3))

    def _count(self) -> None:
        """Move what was counted since the last time into the metrics."""
        now = Counter(self._feed.counts)
        now["waiting"] = self._maker.left_out["waiting"]
        device = self._session.device
        for what, count in (now - self._counted).items():
            if what in FAULTS:
                device.shared.metrics.fault(what, count)
            elif what in {"waiting", "queue"}:
                device.context.media.dropped(Kind.VIDEO, what, count)
        self._counted = now
