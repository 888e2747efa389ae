"""One client of a simulated RTSP camera: its requests answered, its media sent."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from cambus.rtsp.errors import FramingError, ProtocolError
from cambus.rtsp.message import ENCODING, Request, Response
from cambus.rtsp.parser import MessageParser
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower, Transport, choose_transport
from cambus.simulators.rtsp.door import Door
from cambus.simulators.rtsp.source import Sent, StreamSource

if TYPE_CHECKING:
    from cambus.simulators.rtsp.simulator import RtspSimulator

MOST_UNSENT: Final = 1 << 20
_PATH: Final = re.compile(r"rtsps?://[^/]+/ch(\d{1,3})/(main|sub)(?:/track(\d))?/?")
_STRAY_CHANNEL: Final = 200
_PUBLIC: Final = "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER"
_LOWERS: Final = {"any": (Lower.TCP, Lower.UDP), "tcp": (Lower.TCP,), "udp": (Lower.UDP,)}

Headers = list[tuple[str, str]]


class CameraConnection(asyncio.Protocol):
    """A client.

    Args:
        camera: whose client.

    Attributes:
        methods: its requests, in order, those that were not let in too.
        session: its session, empty before the first SETUP.
        transports: how each track is sent.
        playing: whether media is sent.
    """

    def __init__(self, camera: "RtspSimulator") -> None:
        self.camera = camera
        self.methods: list[str] = []
        self.session = ""
        self.transports: dict[int, Transport] = {}
        self.playing = False
        self.door = Door(camera.user, camera.password, camera.quirks)
        self._parser = MessageParser()
        self._transport: asyncio.Transport | None = None
        self._ports: dict[int, list[asyncio.DatagramTransport]] = {}
        self._source: StreamSource | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._work: asyncio.Queue[Request] = asyncio.Queue(64)

    # --- the transport's calls --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody calls."""
        self._transport = cast(asyncio.Transport, transport)
        self.camera.joined(self)
        self._task = asyncio.create_task(self._serve(), name="rtsp camera")

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._parser.feed(data)
        try:
            while (message := self._parser.next_message()) is not None:
                self._heard_at = self._loop.time()
                if isinstance(message, Request):
                    self._work.put_nowait(message)
        except (FramingError, asyncio.QueueFull):
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        del exc
        self.camera.left(self)
        if self._task is not None:
            self._task.cancel()
        for pair in self._ports.values():
            for each in pair:
                each.close()

    def hang_up(self) -> None:
        """Close the connection, now."""
        if self._transport is not None:
            self._transport.abort()

    async def ended(self) -> None:
        """Wait until nothing of it runs."""
        if self._task is not None:
            await asyncio.wait({self._task})

    # --- requests ---------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Answer requests and send media, until the connection ends."""
        media: asyncio.Task[None] | None = None
        try:
            while True:
                request = await self._work.get()
                await self._answer(request)
                if self.playing and media is None:
                    media = asyncio.create_task(self._play(), name="rtsp media")
        finally:
            if media is not None:
                media.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await media

    async def _answer(self, request: Request) -> None:
        quirks = self.camera.quirks
        self.methods.append(request.method)
        if quirks.silent:
            return
        if request.method == "OPTIONS" and not self.playing:
            self._reply(request, quirks.options, [("Public", _PUBLIC)] if quirks.options == 200 else [])
            return
        if not self.door.lets_in(request):
            self._reply(request, Status.UNAUTHORIZED, self.door.challenges())
            return
        try:
            await self._METHODS.get(request.method, CameraConnection._unknown)(self, request)
        except ProtocolError as error:
            self._reply(request, error.status)

    async def _describe(self, request: Request) -> None:
        quirks = self.camera.quirks
        if quirks.redirect:
            self._reply(request, 302, [("Location", quirks.redirect)])
            return
        found = _PATH.fullmatch(request.url)
        if quirks.refuse or found is None or not 1 <= int(found[1]) <= self.camera.channels:
            self._reply(request, quirks.refuse or Status.NOT_FOUND)
            return
        loop = await self.camera.loop(int(found[1]), found[2])
        self._source = StreamSource(loop, quirks)
        base = request.url.rstrip("/") + "/"
        body = self.camera.described(self._source, base)
        self._reply(request, Status.OK, [("Content-Base", base), ("Content-Type", "application/sdp")], body)

    async def _set_up(self, request: Request) -> None:
        quirks = self.camera.quirks
        found = _PATH.fullmatch(request.url)
        if found is None or found[3] is None or self._source is None:
            raise ProtocolError("no such track", status=Status.NOT_FOUND)
        track = int(found[3])
        transport = choose_transport(request.headers.get("transport", ""), _LOWERS[quirks.transport])
        if transport.lower is Lower.UDP:
            self._ports[track] = [await self._port(), await self._port()]
            first, second = (each.get_extra_info("sockname")[1] for each in self._ports[track])
            answer = Transport(Lower.UDP, client_ports=transport.client_ports, server_ports=(first, second))
        else:
            first = 2 * track if transport.channels is None else transport.channels[0]
            first = quirks.channels_from + 2 * track if quirks.channels_from >= 0 else first
            answer = Transport(Lower.TCP, channels=(first, first + 1))
        self.transports[track] = answer
        self.session = self.session or secrets.token_hex(8)
        self._reply(request, Status.OK, [("Transport", answer.serialize())])

    async def _port(self) -> asyncio.DatagramTransport:
        host = self.camera.host
        transport, _ = await self._loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(host, 0)
        )
        return transport

    async def _start(self, request: Request) -> None:
        if not self.transports:
            raise ProtocolError("nothing is set up", status=Status.METHOD_NOT_VALID)
        self.playing = True
        self._reply(request, Status.OK, [("Range", "npt=0.000-")])

    async def _live(self, request: Request) -> None:
        quirks = self.camera.quirks
        if quirks.signs_of_life == "unanswered":
            return
        known = request.method == "OPTIONS" or quirks.signs_of_life == "any"
        self._reply(request, Status.OK if known else Status.METHOD_NOT_ALLOWED)

    async def _tear_down(self, request: Request) -> None:
        self.playing = False
        self._reply(request, Status.OK)

    async def _unknown(self, request: Request) -> None:
        self._reply(request, Status.NOT_IMPLEMENTED)

    _METHODS: Final[dict[str, Callable[["CameraConnection", Request], Any]]] = {
        "DESCRIBE": _describe,
        "SETUP": _set_up,
        "PLAY": _start,
        "OPTIONS": _live,
        "GET_PARAMETER": _live,
        "TEARDOWN": _tear_down,
    }

    def _reply(
        self, request: Request, status: int, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        quirks = self.camera.quirks
        lines: Headers = [] if quirks.no_cseq else [("CSeq", request.headers.get("cseq", "0"))]
        lines.append(("Server", "Simulated camera"))
        if self.session:
            lines.append(("Session", f"{self.session};timeout={quirks.session_s}"))
        lines += headers or []
        if status in list(Status):
            self._write(Response(Status(status), lines, body).serialize())
            return
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        self._write(f"RTSP/1.0 {status} Something\r\n{head}\r\n".encode(ENCODING))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # --- media ------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        """Send media in its time, until the client or a quirk has it end."""
        source, quirks, began = self._source, self.camera.quirks, self._loop.time()
        while source is not None and self.playing:
            sent = source.next()
            for due in {each.at_s for each in sent}:
                await asyncio.sleep(max(began + due - self._loop.time(), 0))
            now = self._loop.time()
            if quirks.drop_after_s and now - began >= quirks.drop_after_s:
                self.hang_up()
                return
            if now - self._heard_at > quirks.session_s:
                self.camera.expired += 1
                self.hang_up()
                return
            if not (quirks.stall_after_s and now - began >= quirks.stall_after_s):
                self._send(sent)

    def _send(self, packets: list[Sent]) -> None:
        if self._transport is None or self._transport.get_write_buffer_size() > MOST_UNSENT:
            return
        if self.camera.quirks.stray_frames:
            self._write(b"$" + bytes((_STRAY_CHANNEL, 0, 4)) + b"stray"[:4])
        for each in packets:
            transport = self.transports.get(each.track)
            if transport is None:
                continue
            if transport.channels is not None:
                channel = transport.channels[each.rtcp]
                self._write(b"$" + bytes((channel,)) + len(each.data).to_bytes(2, "big") + each.data)
            elif transport.client_ports is not None:
                peer = self._transport.get_extra_info("peername")[0]
                self._ports[each.track][each.rtcp].sendto(
                    each.data, (peer, transport.client_ports[each.rtcp])
                )
