"""One live stream of the device, from its socket to the sink."""

from collections import Counter
from typing import TYPE_CHECKING, Final

from cambus.connector.driver import FrameSink
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_dvrip.mapping.errors import end_of_session
from cambus.connector_dvrip.media import FrameMaker
from cambus.dvrip.errors import DvripError
from cambus.dvrip.live import LiveStream
from cambus.media.frame import Frame, Kind
from cambus.schemas.alarms import Severity

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession

_DROPS: Final = {
    "dropped": "queue",
    "waiting": "waiting",
    "service_blocks": "service-block",
    "oversize": "oversize",
}
"""Counters of the protocol library, as reasons for frames left out."""

_FAULTS: Final = ("resyncs", "skipped_bytes", "foreign_channel", "opaque_audio")


class DvripStream:
    """A live stream that the device has begun to send.

    Args:
        session: whose stream it is.
        channel: counted from 0.
        stream: as the bus calls it.
        live: the stream of the protocol library.
        sink: where the frames go.
    """

    route: Final = ""  # nothing is below such a device

    def __init__(
        self, session: "DvripSession", channel: int, stream: str, live: LiveStream, sink: FrameSink
    ) -> None:
        self._session = session
        self._channel = channel
        self._stream = stream
        self._live = live
        self._sink = sink
        self._maker = FrameMaker(session.zone, audio=session.device.options.audio)
        self._clock = SteadyClock()
        self._counted: Counter[str] = Counter()
        self._jump_s: float | None = None

    async def run(self) -> None:
        """Feed the sink until the stream ends, and say why it did."""
        try:
            async for media in self._live:
                for frame in self._maker.frames(media, self._clock.now_us()):
                    await self._sink(frame)
                    if frame.kind is Kind.VIDEO and frame.keyframe:
                        await self._at_keyframe(frame)
        except DvripError as error:
            raise end_of_session(error) from None
        finally:
            self._count()
        raise end_of_session(None)

    async def request_keyframe(self) -> None:
        """Ask the encoder for a keyframe; devices that do not know the message are not minded (DVRIP §7.7)."""
        self._session.client.force_key_frame(self._channel, self._live.stream)

    async def close(self) -> None:
        """Tell the device to stop and give its connection back."""
        try:
            await self._live.stop()
        except DvripError as error:
            self._session.log.debug("stream not stopped cleanly", extra={"reason": str(error)})

    async def _at_keyframe(self, frame: Frame) -> None:
        """What is looked at once in a group of pictures."""
        self._session.taps.offer(self._channel, self._stream, frame)
        self._count()
        maker = self._maker
        if maker.drift_s is not None:
            await self._session.device.seen_drift(maker.drift_s)
        if maker.format_changes:
            maker.format_changes = 0
            await self._session.device.context.events.exception(
                "format-changed",
                "codec or picture size changed in mid-stream",
                severity=Severity.INFO,
                channel=self._channel,
                stream=self._stream,
                codec=frame.codec.name.lower(),
            )
        if maker.clock_jump_s is not None and maker.clock_jump_s != self._jump_s:
            self._jump_s = maker.clock_jump_s
            await self._session.device.clock_jumped(maker.clock_jump_s)

    def _count(self) -> None:
        """Move what the protocol library has counted since the last time into the metrics."""
        counters = self._live.counters
        new = counters - self._counted
        self._counted = Counter(counters)
        media, metrics = self._session.device.context.media, self._session.device.metrics
        for name, reason in _DROPS.items():
            if new[name]:
                media.dropped(Kind.VIDEO, reason, new[name])
        for name in _FAULTS:
            if new[name]:
                metrics.media_fault(name, new[name])
