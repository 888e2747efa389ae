"""Live pictures over HTTP and WebSocket: aiohttp speaks the protocol, the media goes straight to the socket."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from aiohttp import WSMsgType, web
from aiohttp.http import HttpVersion11

from cambus.media_relay.access import Access
from cambus.media_relay.framing import websocket_pong
from cambus.media_relay.http_errors import error_body
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.output import Output, http_output, websocket_output
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.streams import Streams
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits
from cambus.media_relay.wire import take_wire
from cambus.schemas.errors import CambusError

_CONTENT_TYPES: Final = {"flv": "video/x-flv", "mp4": "video/mp4", "ts": "video/mp2t"}
_MAX_MESSAGE_BYTES: Final = 4096
_CLOSE_CODES_FROM: Final = 4000
"""WebSocket close codes for applications begin here (RFC 6455 §7.4.2): 4503 says what 503 says over HTTP."""


class LiveHandlers:
    """Answers `/live/<device>/<channel>/<stream>.flv|.mp4|.ts` and `/ws/<device>/<channel>/<stream>`, `.flv` behind it.

    Args:
        streams: what can be watched.
        access: who may watch.
        metrics: counts starts, refusals and departures.
        viewer_limits: how far behind a viewer may fall.
        start_timeout_s: how long a viewer waits for the first picture.
        send_buffer_bytes: the kernel's send buffer of a viewer, 0 for its own choice.
    """

    def __init__(
        self,
        streams: Streams,
        access: Access,
        metrics: RelayMetrics,
        *,
        viewer_limits: ViewerLimits,
        start_timeout_s: float,
        send_buffer_bytes: int = 0,
    ) -> None:
        self._streams = streams
        self._access = access
        self._metrics = metrics
        self._viewer_limits = viewer_limits
        self._start_timeout_s = start_timeout_s
        self._send_buffer_bytes = send_buffer_bytes

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get(r"/live/{device}/{channel}/{stream}.{suffix:flv|mp4|ts}", self.http, allow_head=False),
            web.get(
                r"/ws/{device}/{channel}/{stream:[^/.]+}{suffix:(\.(mp4|flv))?}",
                self.websocket,
                allow_head=False,
            ),
        ]

    async def http(self, request: web.Request) -> web.StreamResponse:
        """FLV, fMP4 or a transport stream, without end."""
        suffix = request.match_info["suffix"]
        headers = {"Content-Type": _CONTENT_TYPES[suffix], "Cache-Control": "no-store", "Connection": "close"}
        with ExitStack() as place:
            async with await self._access.admit(request, partial(_key, request)):
                asked_at, sound = time.monotonic(), request.query.get("audio")
                output = http_output(suffix, sound, chunked=request.version >= HttpVersion11)
                stream = place.enter_context(self._streams.watch(_key(request)))
                await stream.ready(self._start_timeout_s)
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            await self._serve(request, stream, output, asked_at, _until_gone)
        return response

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """Fragmented MP4 for Media Source Extensions, or FLV.

        A page cannot see why an upgrade was refused, so everything but a refused access is said inside: in a text
        message, which players of FLV do not take, and with the close code.
        """
        admission = await self._access.admit(request, partial(_key, request))
        asked_at = time.monotonic()
        socket = web.WebSocketResponse(
            autoping=False, autoclose=False, compress=False, max_msg_size=_MAX_MESSAGE_BYTES
        )
        await socket.prepare(request)
        suffix = request.match_info["suffix"].removeprefix(".")
        try:
            with ExitStack() as place:
                async with admission:
                    output = websocket_output(suffix, request.query.get("audio"))
                    stream = place.enter_context(self._streams.watch(_key(request)))
                    await stream.ready(self._start_timeout_s)
                await self._serve(request, stream, output, asked_at, _Listener(socket))
        except CambusError as error:
            self._metrics.refused(str(int(error.code))).inc()
            await _say_and_close(socket, error, in_text=suffix != "flv")
        return socket

    async def _serve(
        self,
        request: web.Request,
        stream: RelayedStream,
        output: Output,
        asked_at: float,
        attend: Callable[[Viewer, asyncio.Future[None]], Awaitable[None]],
    ) -> None:
        """Let the peer of a request watch until it goes or is closed. `attend` waits for that."""
        transport = request.transport
        if transport is None:
            return
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_closed(viewer: Viewer, reason: Closed) -> None:
            del viewer, reason
            if not gone.done():
                gone.set_result(None)

        try:
            wire = await take_wire(transport, send_buffer_bytes=self._send_buffer_bytes)
        except ConnectionResetError:
            return
        viewer = Viewer(wire, self._viewer_limits, on_closed)
        try:
            await stream.prepare(output)
            stream.hub.join(output, viewer)
            self._metrics.start(output.name).observe(time.monotonic() - asked_at)
            await attend(viewer, gone)
        finally:
            viewer.close(Closed.LEFT)
            stream.hub.leave(viewer)
            self._metrics.viewer_left(output.name, viewer)


async def _until_gone(viewer: Viewer, gone: asyncio.Future[None]) -> None:
    del viewer
    await gone


class _Listener:
    """Reads what a WebSocket viewer sends: pings, which are answered, and the close."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def __call__(self, viewer: Viewer, gone: asyncio.Future[None]) -> None:
        del gone  # a closed viewer's connection is aborted, which ends the reading
        while viewer.closed is None:
            message = await self._socket.receive()
            if message.type is WSMsgType.PING:
                viewer.write(websocket_pong(message.data))
            elif message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
                return


async def _say_and_close(socket: web.WebSocketResponse, error: CambusError, *, in_text: bool) -> None:
    """Say why there is no picture, in a text message if that is wanted, and close."""
    body = {"type": "error", **error_body(error)}
    try:
        if in_text:
            await socket.send_str(json.dumps(body))
        await socket.close(code=_CLOSE_CODES_FROM + int(error.code), message=error.reason.encode())
    except (ConnectionError, RuntimeError):
        return  # the peer was faster


def _key(request: web.Request) -> StreamKey:
    parts = request.match_info
    return parse_key(parts["device"], parts["channel"], parts["stream"])
