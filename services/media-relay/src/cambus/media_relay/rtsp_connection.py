"""One RTSP client: what its requests mean for a stream, and the interleaved media behind the replies."""

import asyncio
import logging
from contextlib import ExitStack
from typing import Final, cast

from cambus.media_relay.format_rtp import AUDIO_TRACK, VIDEO_TRACK, RtpFormat, describe, rtp_sound
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.output import Output, rtsp_output
from cambus.media_relay.rtsp_server import RtspServer
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.viewer import Closed as Gone
from cambus.media_relay.viewer import Viewer
from cambus.media_relay.wire import SocketWire
from cambus.rtsp import (
    Authenticator,
    Closed,
    Described,
    InterleavedData,
    Pause,
    Play,
    RtspServerConnection,
    SetUp,
    Status,
    Teardown,
)
from cambus.schemas.errors import CambusError, ErrorCode, Internal, NotFound

log = logging.getLogger(__name__)

REALM: Final = "Cambus"
MAX_QUEUED_REPLIES: Final = 256 * 1024
"""Bytes of replies a client may leave unread while it does not play."""

_CHANNELS: Final = frozenset((first, first + 1) for first in (0, 2, 4, 6))
"""The interleaved channels served: few, so that clients share the serialised packets."""

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

Request = Described | SetUp | Play | Pause


class RtspConnection(asyncio.Protocol):
    """Feeds the sans-IO core from a socket; decides what it asks; writes through a `Viewer`."""

    def __init__(self, server: RtspServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._rtsp = RtspServerConnection(self._loop.time(), session_timeout_s=server.session_timeout_s)
        self._auth = Authenticator(REALM, server.access.password_of, basic=True)
        self._authorised = server.access.open
        self._place = ExitStack()
        self._key: StreamKey | None = None
        self._stream: RelayedStream | None = None
        self._output: Output | None = None
        self._asked_at = self._loop.time()
        self._viewer: Viewer | None = None

    # --- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, or refuse it when there are too many."""
        stream_transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            stream_transport.abort()
            return
        wire = SocketWire(stream_transport, send_buffer_bytes=self._server.send_buffer_bytes)
        self._viewer = Viewer(wire, self._server.viewer_limits, self._on_gone)

    def data_received(self, data: bytes) -> None:
        """Requests and RTCP of the client."""
        self._rtsp.receive_data(data, self._loop.time())
        self._pump()

    def eof_received(self) -> bool:
        """A client that sends no more may go on reading: TEARDOWN then comes as the end of the connection."""
        return self._output is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        del exc
        if self._viewer is not None:
            self._viewer.close(Gone.LEFT)

    # --- the server's calls

    def check(self) -> None:
        """Close a client that is silent or stalled; called about once a second."""
        if self._viewer is not None:
            self._rtsp.handle_timeout(self._loop.time())
            self._pump()
            self._viewer.check()

    def close(self, reason: Gone) -> None:
        """End the connection."""
        if self._viewer is not None:
            self._viewer.close(reason)

    # --- inside

    def _pump(self) -> None:
        """Work off what the core has for us, then write what it has for the client."""
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
            else:
                assert_ignored(event)
        self._flush(viewer)
        if self._rtsp.closed:
            viewer.close(Gone.ENDED)
        elif self._output is None and viewer.queued_bytes > MAX_QUEUED_REPLIES:
            viewer.close(Gone.OVERFLOW)

    def _flush(self, viewer: Viewer) -> None:
        for chunk in self._rtsp.data_to_send():
            viewer.write(chunk)

    async def _answer(self, event: Request) -> None:
        try:
            if not self._authorise(event):
                challenges = self._auth.challenges(self._loop.time())
                self._rtsp.reject(Status.UNAUTHORIZED, challenges)
                self._server.metrics.refused("401").inc()
            else:
                await self._decide(event)
        except CambusError as error:
            self._refuse(error)
        self._pump()

    async def _decide(self, event: Request) -> None:
        if isinstance(event, Described):
            stream = await self._hold(event)
            hub = stream.hub
            if hub.video is None:  # never once ready
                raise Internal
            self._rtsp.accept_describe(describe(hub.video, hub.audio, str(stream.key)))
        elif isinstance(event, SetUp):
            await self._set_up(event)
        elif isinstance(event, Play):
            self._play()
        else:
            self._stop()
            self._rtsp.accept_pause()

    async def _hold(self, event: Described | SetUp) -> RelayedStream:
        """The stream of a URL, running and known; held until the connection asks for another or ends."""
        parts = event.url.path.strip("/").split("/")
        if len(parts) == 4 and parts[0] == "live":
            parts = parts[1:]
        if len(parts) != 3:
            raise NotFound("wanted rtsp://HOST/<device>/<channel>/<stream>", reason="no-such-path")
        key = parse_key(*parts)
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
        tracks = (VIDEO_TRACK, AUDIO_TRACK) if rtp_sound(stream.hub.audio) is not None else (VIDEO_TRACK,)
        if event.track not in tracks:
            raise NotFound("no such track", reason="no-such-track")
        if event.transport.channels not in _CHANNELS:
            self._rtsp.reject(Status.UNSUPPORTED_TRANSPORT)
            return
        self._rtsp.accept_setup()

    def _play(self) -> None:
        stream, viewer = self._stream, self._viewer
        if stream is None or stream.closing or viewer is None:
            raise NotFound("the stream has ended", reason="stream-ended")
        if self._output is not None:
            self._rtsp.accept_play()
            return
        channels = {
            track: transport.channels[0]
            for track, transport in self._rtsp.tracks.items()
            if transport.channels is not None
        }
        output = rtsp_output(channels.get(VIDEO_TRACK), channels.get(AUDIO_TRACK))
        rendition = stream.hub.rendition(output)
        start = cast(RtpFormat, rendition.form).rtp_info() if rendition.group_bytes else ()
        self._rtsp.accept_play(start)
        self._flush(viewer)
        viewer.restart()
        self._output = output
        stream.hub.join(output, viewer)
        self._server.metrics.start(output.name).observe(self._loop.time() - self._asked_at)

    def _stop(self) -> None:
        """No more media; the connection goes on."""
        if self._output is not None and self._stream is not None and self._viewer is not None:
            self._stream.hub.leave(self._viewer)
        self._output = None

    def _refuse(self, error: CambusError) -> None:
        status = _STATUS.get(error.code, Status.SERVICE_UNAVAILABLE)
        if self._rtsp.awaiting_reply:
            self._rtsp.reject(status, (("X-Cambus-Reason", error.reason),))
        self._server.metrics.refused(str(int(error.code))).inc()

    def _authorise(self, event: Request) -> bool:
        """Once let in, a connection stays so: a nonce that expires must not stop a PAUSE."""
        if not self._authorised:
            token = event.url.query.get("token")
            by_token = token is not None and self._server.access.accepts(token)
            self._authorised = by_token or self._auth.check(event.request, self._loop.time()).user is not None
        return self._authorised

    def _on_gone(self, viewer: Viewer, reason: Gone) -> None:
        del reason
        if self._output is not None:
            self._server.metrics.viewer_left(self._output.name, viewer)
        self._stop()
        self._place.close()
        self._server.forget(self)


def assert_ignored(event: InterleavedData) -> None:
    """RTCP of the client: receiver reports, of which TCP leaves nothing to learn."""
    del event
