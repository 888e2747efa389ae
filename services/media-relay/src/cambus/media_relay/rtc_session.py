"""One WebRTC viewer from his offer to his leaving: ICE, DTLS, then a place among the viewers of a stream."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from aiortc import RTCIceParameters, RTCIceTransport

from cambus.media.frame import Frame
from cambus.media_relay.format_rtp import AUDIO_TRACK, RtpFormat
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.output import Output, Sound, webrtc_output
from cambus.media_relay.pacer import Pacer, Pacing
from cambus.media_relay.rtc_answer import LocalTransport, build_answer
from cambus.media_relay.rtc_dtls import DtlsTransport
from cambus.media_relay.rtc_feedback import parse_feedback
from cambus.media_relay.rtc_ice import Gatherer, RelayIce, candidate_lines
from cambus.media_relay.rtc_offer import Candidate, Offer
from cambus.media_relay.rtc_tracks import Track
from cambus.media_relay.rtc_wire import Lane, RtcWire
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits

log = logging.getLogger(__name__)

VIDEO_CHANNEL: Final = 0
AUDIO_CHANNEL: Final = 2
LIVE_QUEUE_BYTES: Final = 1 << 20
"""What may wait for a viewer who is up to date: two seconds of 4 Mbit/s. Who chose WebRTC rather skips than lags."""
_TICKS_PER_S: Final = 90_000


def output_with(sound: Sound) -> Output:
    """The output of a session with this sound."""
    return webrtc_output(VIDEO_CHANNEL, None if sound is Sound.NONE else AUDIO_CHANNEL, sound=sound)


class RtcSession:
    """A viewer of one stream.

    Args:
        stream: ready to be joined, and held for as long as the session runs.
        offer: the viewer's.
        video: what he is sent as picture.
        sound: what he is sent as sound, and in which form; None for none.
        ice: the session's connection, not gathered yet.
        limits: how far behind he may fall; tightened once he is up to date.
        pacer, pacing: how fast he is sent to.
        metrics: counts.
    """

    def __init__(
        self,
        stream: RelayedStream,
        offer: Offer,
        video: Track,
        sound: tuple[Track, Sound] | None,
        ice: RelayIce,
        *,
        limits: ViewerLimits,
        pacer: Pacer,
        pacing: Pacing,
        metrics: RelayMetrics,
    ) -> None:
        self._stream = stream
        self._offer = offer
        self._limits = limits
        self._pacer = pacer
        self._pacing = pacing
        self._metrics = metrics
        self._asked_at = time.monotonic()
        self._lanes = {VIDEO_CHANNEL: Lane(video.codec.payload_type)}
        self._tracks = [(video, self._lanes[VIDEO_CHANNEL].ssrc)]
        self._output = output_with(Sound.NONE)
        if sound is not None:
            track, form = sound
            self._output = output_with(form)
            self._lanes[AUDIO_CHANNEL] = Lane(track.codec.payload_type)
            self._tracks.append((track, self._lanes[AUDIO_CHANNEL].ssrc))
        self.ice = ice
        self._gatherer = Gatherer(ice)
        self._ice_transport = RTCIceTransport(self._gatherer)
        self._dtls = DtlsTransport(self._ice_transport, self._on_rtcp, passive=offer.setup == "active")
        self._gone = asyncio.Event()
        self._wire: RtcWire | None = None
        self._viewer: Viewer | None = None

    @property
    def remote_username(self) -> str:
        """The ICE user name of the viewer's side."""
        return self._offer.username

    @property
    def wire(self) -> RtcWire | None:
        """The way to the viewer, once he is connected."""
        return self._wire

    async def answer(self, advertised: Sequence[str]) -> str:
        """Gather candidates and answer the offer."""
        await self._gatherer.gather()
        setup = "passive" if self._offer.setup == "active" else "active"
        transport = LocalTransport(
            username=self.ice.local_username,
            password=self.ice.local_password,
            fingerprint=self._dtls.fingerprint,
            setup=setup,
            candidates=candidate_lines(self.ice.local_candidates, advertised),
        )
        return build_answer(self._offer, transport, self._tracks)

    async def trickle(self, candidates: Sequence[Candidate]) -> None:
        """Take further addresses of the viewer."""
        await self.ice.offer_candidates(candidates)

    def leave(self) -> None:
        """End the session: its viewer asked for it, or the relay stops."""
        self._gone.set()

    async def run(self, connect_timeout_s: float) -> str:
        """Connect and send until either side has enough; says how it ended, as the metric has it."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.close)
            connecting = asyncio.create_task(self._connect(), name="webrtc connect")
            leaving = asyncio.create_task(self._gone.wait(), name="webrtc leave")
            try:
                await asyncio.wait(
                    {connecting, leaving}, timeout=connect_timeout_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not connecting.done():
                    return "left" if leaving.done() else "timeout"
                if (error := connecting.exception()) is not None:
                    log.info("a WebRTC viewer could not be connected", extra={"error": str(error)})
                    return "failed"
                await self._join()
                await leaving
                return "connected"
            finally:
                connecting.cancel()
                leaving.cancel()
                await asyncio.gather(connecting, leaving, return_exceptions=True)

    async def close(self) -> None:
        """Leave the stream and give the transport up; for a session that never ran, too."""
        if self._viewer is not None:
            self._viewer.close(Closed.LEFT)
        await self._dtls.stop()
        await self._ice_transport.stop()
        await self.ice.close()

    async def _connect(self) -> None:
        await self.ice.offer_candidates(self._offer.candidates)
        for transport in (self._ice_transport, self._dtls):
            transport.on("statechange", self._on_state)
        await self._ice_transport.start(RTCIceParameters(self._offer.username, self._offer.password))
        if self._ice_transport.state != "completed":
            raise ConnectionError("no way to the viewer was found")
        await self._dtls.connect(self._offer)

    async def _join(self) -> None:
        """Become a viewer: from here on the hub delivers."""
        await self._stream.prepare(self._output)
        self._wire = RtcWire(
            self._lanes,
            protect=self._dtls.protect,
            protect_rtcp=self._dtls.protect_rtcp,
            transmit=self.ice.send_run,
            on_drained=self._tighten,
            on_close=self._gone.set,
            pacer=self._pacer,
            pacing=self._pacing,
        )
        viewer = self._viewer = Viewer(self._wire, self._limits, self._on_closed)
        hub = self._stream.hub
        if self._stream.closing:
            viewer.close(Closed.ENDED)
            return
        self._leave_past_sound_out(hub.rendition(self._output).form, hub.group)
        hub.join(self._output, viewer)
        if not viewer.queued_bytes:
            self._tighten()
        self._metrics.start(self._output.name).observe(time.monotonic() - self._asked_at)

    def _tighten(self) -> None:
        """The viewer is up to date; from now on he is not to fall far behind again."""
        if self._viewer is not None:
            queue_bytes = min(self._limits.queue_bytes, LIVE_QUEUE_BYTES)
            self._viewer.limits = replace(self._limits, queue_bytes=queue_bytes)

    def _leave_past_sound_out(self, form: object, group: Sequence[Frame]) -> None:
        """Of the cached group the pictures are needed to decode what follows; its sound would only come too late."""
        lane = self._lanes.get(AUDIO_CHANNEL)
        if lane is None or not isinstance(form, RtpFormat) or not group:
            return
        span = group[-1].dts - group[0].pts
        for info in form.rtp_info():
            if info.track == AUDIO_TRACK:
                ticks = span * form.clock_rate(AUDIO_TRACK) // _TICKS_PER_S
                lane.live_from = (info.rtptime + ticks) & 0xFFFFFFFF

    def _on_rtcp(self, data: bytes) -> None:
        wire = self._wire
        if wire is None:
            return
        feedback = parse_feedback(data)
        for ssrc, missing in feedback.missing.items():
            for sequence in missing:
                wire.resend(ssrc, sequence)
        if self._lanes[VIDEO_CHANNEL].ssrc in feedback.lost:
            wire.report_loss(feedback.lost[self._lanes[VIDEO_CHANNEL].ssrc])
        if feedback.keyframe:
            self._stream.ask_keyframe()

    def _on_state(self) -> None:
        if self._ice_transport.state in {"failed", "closed"} or self._dtls.state in {"failed", "closed"}:
            self._gone.set()

    def _on_closed(self, viewer: Viewer, reason: Closed) -> None:
        del reason
        self._gone.set()
        self._stream.hub.leave(viewer)
        self._metrics.viewer_left(self._output.name, viewer)
