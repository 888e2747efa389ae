"""One RTSP client: what its requests mean for a stream, and where the media goes."""

import asyncio
import logging
import math
from contextlib import ExitStack
from typing import Final, cast

from cambus.media_relay.format_rtp import AUDIO_TRACK, VIDEO_TRACK, RtpFormat, describe
from cambus.media_relay.key import StreamKey
from cambus.media_relay.output import Carrier, Output, Sound, rtsp_output, rtsp_sound
from cambus.media_relay.rtsp_access import Request, RtspAccess, key_of
from cambus.media_relay.rtsp_playing import Losses, Playing, datagram_viewer, output_of, start_of
from cambus.media_relay.rtsp_server import RtspServer
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.viewer import Closed as Gone
from cambus.media_relay.viewer import Viewer
from cambus.media_relay.wire import SocketWire
from cambus.rtsp import (
    ClockRange,
    Closed,
    Described,
    InterleavedData,
    Lower,
    Pause,
    Play,
    Response,
    RtspServerConnection,
    SetUp,
    Status,
    Teardown,
)
from cambus.schemas.errors import CambusError, ErrorCode, Internal, NotFound

log = logging.getLogger(__name__)

MAX_QUEUED_REPLIES: Final = 256 * 1024
"""Bytes of replies a client may leave unread while it does not play."""

MAX_FAILURES: Final = 8
"""Wrong credentials a client may show before he has to connect anew."""

_CHANNELS: Final = tuple((first, first + 1) for first in (0, 2, 4, 6))
"""The interleaved channels served: few, so that clients share the serialised packets. Whoever asks for others is
given one of these; players go by the answer."""

_STATUS: Final = {
    ErrorCode.BAD_REQUEST: Status.BAD_REQUEST,
    ErrorCode.FORBIDDEN: Status.FORBIDDEN,
    ErrorCode.NOT_FOUND: Status.NOT_FOUND,
    ErrorCode.OVERLOADED: Status.NOT_ENOUGH_BANDWIDTH,
    ErrorCode.UNSUPPORTED: Status.NOT_ACCEPTABLE,
    ErrorCode.INTERNAL: Status.INTERNAL_ERROR,
    ErrorCode.DEADLINE: Status.GATEWAY_TIMEOUT,
}
"""Everything else, above all an offline device, is 503."""


class RtspConnection(asyncio.Protocol):
    """Feeds the sans-IO core from a socket; decides what it asks; writes through a `Viewer`.

    Attributes:
        address: where the client is.
    """

    def __init__(self, server: RtspServer) -> None:
        self.address = ""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._rtsp = RtspServerConnection(
            self._loop.time(),
            transports=(Lower.TCP,) if server.udp is None else (Lower.TCP, Lower.UDP),
            session_timeout_s=server.session_timeout_s,
        )
        self._access = RtspAccess(server.access)
        self._place = ExitStack()
        self._key: StreamKey | None = None
        self._stream: RelayedStream | None = None
        self._playing: Playing | None = None
        self._sound = Sound.ANY
        self._asked_at = self._loop.time()
        self._due_at = self._asked_at
        self._viewer: Viewer | None = None
        self._transport: asyncio.Transport | None = None

    # --- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, or refuse it when there are too many."""
        stream_transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._server.admit(self):
            reason = ("X-Cambus-Reason", "too-many-connections")
            stream_transport.write(Response(Status.NOT_ENOUGH_BANDWIDTH, (reason,)).serialize())
            stream_transport.close()
            return
        self._transport = stream_transport
        wire = SocketWire(stream_transport, send_buffer_bytes=self._server.send_buffer_bytes)
        self._viewer = Viewer(wire, self._server.viewer_limits, self._on_gone)

    def data_received(self, data: bytes) -> None:
        """Requests and RTCP of the client."""
        if self._viewer is None:
            return  # refused, and on the way out
        self._rtsp.receive_data(data, self._loop.time())
        self._pump()

    def eof_received(self) -> bool:
        """A client that sends no more may go on reading; a dead one shows as a failing write, but not over UDP."""
        return self._playing is not None and self._playing.output.carrier is Carrier.INTERLEAVED

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        del exc
        if self._viewer is not None:
            self._viewer.close(Gone.LEFT)

    # --- the door's calls

    @property
    def closed(self) -> bool:
        """Whether the client has gone, or was refused."""
        return self._viewer is None or self._viewer.closed is not None

    def greet(self, data: bytes) -> None:
        """Write something before all replies."""
        if self._viewer is not None:
            self._viewer.write(data)

    def heard(self) -> None:
        """The client is there, though it says nothing here."""
        self._rtsp.heard(self._loop.time())

    # --- the server's calls

    def check(self) -> None:
        """Close a client that is silent or stalled; called about once a second. The hub looks after who plays."""
        viewer = self._viewer
        if viewer is None:
            return
        if viewer.queued_bytes:
            viewer.check()
        now = self._loop.time()
        if now >= self._due_at:
            self._rtsp.handle_timeout(now)
            self._pump(closing=Gone.SILENT)

    def close(self, reason: Gone) -> None:
        """End the connection."""
        if self._viewer is not None:
            self._viewer.close(reason)

    # --- inside

    def _pump(self, *, closing: Gone = Gone.ENDED) -> None:
        """Work off what the core has for us, then write what it has for the client; `closing` if it is done."""
        viewer = self._viewer
        if viewer is None or viewer.closed is not None:
            return
        for event in self._rtsp.events_received():
            if isinstance(event, Teardown):
                self._stop()
            elif isinstance(event, Described | SetUp | Play | Pause):
                self._server.spawn(self, self._answer(event))
            elif isinstance(event, Closed):
                log.debug("RTSP client closed", extra={"reason": event.reason})
            elif isinstance(event, InterleavedData):
                assert_ignored(event)
        self._flush(viewer)
        if self._rtsp.closed:
            viewer.close(closing)
        elif self._access.failures >= MAX_FAILURES:
            viewer.finish()
        elif self._playing is None and viewer.queued_bytes > MAX_QUEUED_REPLIES:
            viewer.close(Gone.OVERFLOW)
        due_at = self._rtsp.next_timeout()
        self._due_at = math.inf if due_at is None else due_at

    def _flush(self, viewer: Viewer) -> None:
        for chunk in self._rtsp.data_to_send():
            viewer.write(chunk)

    async def _answer(self, event: Request) -> None:
        try:
            challenge = await self._access.challenge(event, self._loop.time(), self.address)
            if challenge is None:
                await self._decide(event)
                self._access.settle()
            else:
                self._rtsp.reject(Status.UNAUTHORIZED, challenge)
                self._server.metrics.refused("401").inc()
        except CambusError as error:
            await self._access.give_back()
            self._refuse(error)
        self._pump()

    async def _decide(self, event: Request) -> None:
        if isinstance(event, Described):
            stream = await self._hold(event)
            hub = stream.hub
            if hub.video is None:  # never once ready
                raise Internal
            sound = hub.sound(rtsp_output(None, None, sound=self._sound))
            self._rtsp.accept_describe(describe(hub.video, sound, str(stream.key)))
        elif isinstance(event, SetUp):
            await self._set_up(event)
        elif isinstance(event, Play):
            await self._play(event)
        else:
            self._stop()
            self._rtsp.accept_pause()

    async def _hold(self, event: Described | SetUp) -> RelayedStream:
        """The stream of a URL, running and known; held until the connection asks for another or ends."""
        key = key_of(event.url)
        if isinstance(event, Described) or "audio" in event.url.query:
            # SETUP usually comes without the query: the content base is the presentation's URL without it.
            self._sound = rtsp_sound(event.url.query.get("audio"))
        if self._stream is None or key != self._key or self._stream.closing:
            self._stop()
            self._place.close()
            self._stream = None
            self._asked_at = self._loop.time()
            stream = self._place.enter_context(self._server.streams.watch(key))
            self._key, self._stream = key, stream
        stream = self._stream
        try:
            await stream.ready(self._server.start_timeout_s)
        except CambusError:
            self._place.close()
            self._stream = None
            raise
        return stream

    async def _set_up(self, event: SetUp) -> None:
        stream = await self._hold(event)
        sound = stream.hub.sound(rtsp_output(None, None, sound=self._sound))
        tracks = (VIDEO_TRACK, AUDIO_TRACK) if sound is not None else (VIDEO_TRACK,)
        if event.track not in tracks:
            raise NotFound("no such track", reason="no-such-track")
        udp = self._server.udp
        if event.transport.lower is Lower.UDP and udp is not None:
            self._rtsp.accept_setup(server_ports=udp.numbers, source=udp.source)
            return
        agreed = self._rtsp.tracks.items()
        taken = {each.channels for track, each in agreed if track != event.track}
        free = [pair for pair in _CHANNELS if pair not in taken]  # of four pairs, for two tracks
        wanted = event.transport.channels
        self._rtsp.accept_setup(channels=wanted if wanted in free else free[0])

    async def _play(self, event: Play) -> None:
        stream, viewer = self._stream, self._viewer
        if stream is None or stream.closing or viewer is None:
            raise NotFound("the stream has ended", reason="stream-ended")
        if isinstance(event.range, ClockRange):
            self._rtsp.reject(Status.INVALID_RANGE, (("X-Cambus-Reason", "live"),))
            return
        if self._playing is not None:
            self._rtsp.accept_play()
            return
        output = output_of(self._rtsp.tracks, self._sound)
        await stream.prepare(output)
        if stream.closing:
            raise NotFound("the stream has ended", reason="stream-ended")
        start = start_of(stream.hub, output)
        media = viewer if output.carrier is Carrier.INTERLEAVED else self._datagram_viewer(stream, output)
        self._rtsp.accept_play(start)
        self._flush(viewer)
        self._playing = Playing(stream.hub, output, media, self._server.metrics)
        self._playing.start()
        self._server.metrics.start(output.name).observe(self._loop.time() - self._asked_at)

    def _datagram_viewer(self, stream: RelayedStream, output: Output) -> Viewer:
        server = self._server
        if server.udp is None or self._transport is None:  # SETUP gave no such transport then
            raise Internal
        form = cast(RtpFormat, stream.hub.rendition(output).form)
        losses = Losses(form.ssrcs)

        def heard(report: bytes) -> None:
            self.heard()
            server.metrics.lost().inc(losses.heard(report))

        return datagram_viewer(
            server.udp,
            self._transport,
            self._rtsp.tracks,
            server.viewer_limits,
            form=form,
            heard=heard,
            closed=self._on_datagrams_end,
        )

    def _on_datagrams_end(self, reason: Gone) -> None:
        if self._playing is not None:  # else we ended them ourselves, and the connection goes on
            self.close(reason)

    def _stop(self, reason: Gone = Gone.LEFT) -> None:
        """No more media; the connection goes on."""
        playing, self._playing = self._playing, None
        if playing is not None:
            playing.end(reason)

    def _refuse(self, error: CambusError) -> None:
        status = _STATUS.get(error.code, Status.SERVICE_UNAVAILABLE)
        if self._rtsp.awaiting_reply:
            self._rtsp.reject(status, (("X-Cambus-Reason", error.reason),))
        self._server.metrics.refused(str(int(error.code))).inc()

    def _on_gone(self, viewer: Viewer, reason: Gone) -> None:
        del viewer
        self._stop(reason)
        self._place.close()
        self._server.forget(self)


def assert_ignored(event: InterleavedData) -> None:
    """RTCP of the client: receiver reports, of which TCP leaves nothing to learn."""
    del event
