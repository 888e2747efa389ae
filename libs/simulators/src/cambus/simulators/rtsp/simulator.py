"""A simulated RTSP camera as an object.

::

    async with RtspSimulator(user="admin", password=…) as camera:
        camera.url(1, "main")        # rtsp://127.0.0.1:…/ch1/main
        camera.quirks.marker = "never"
        camera.hang_up()
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from cambus.simulators.rtsp.connection import CameraConnection
from cambus.simulators.rtsp.quirks import Quirks
from cambus.simulators.rtsp.source import MediaPlan, StreamSource
from cambus.simulators.video_loop import LoopStore, VideoLoop
from cambus.simulators.watch import Watch

GONE_S: Final = 10.0
LOOK_S: Final = 0.02


class RtspSimulator:
    """A camera or an encoder of several channels.

    Args:
        user: who may watch.
        password: with what.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        channels: how many.
        media: what its streams look like.
        quirks: what it does wrong; mutable at any time.

    Attributes:
        connections: of clients that are there.
        past: of those that have gone.
        expired: sessions that ended for want of a sign of life.
    """

    def __init__(
        self,
        *,
        user: str,
        password: str,
        host: str = "127.0.0.1",
        port: int = 0,
        channels: int = 1,
        media: MediaPlan | None = None,
        quirks: Quirks | None = None,
    ) -> None:
        self.user = user
        self.password = password
        self.host = host
        self.port = port
        self.channels = channels
        self.media = media or MediaPlan()
        self.quirks = quirks if quirks is not None else Quirks()
        self.connections: list[CameraConnection] = []
        self.past: list[CameraConnection] = []
        self.expired = 0
        self._server: asyncio.Server | None = None
        self._watch = Watch()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; the port stays its own from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: CameraConnection(self), self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Go away: nobody is answered, and all connections break."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        gone = list(self.connections)
        self.hang_up()
        await asyncio.gather(*(each.ended() for each in gone))
        await self._watch.until(lambda: not self.connections, GONE_S, "the clients are gone")
        if server is not None:
            await server.wait_closed()

    async def prepare(self) -> None:
        """Encode what its streams show."""
        for channel in range(1, self.channels + 1):
            for stream in ("main", "sub"):
                await self.loop(channel, stream)

    def url(self, channel: int = 1, stream: str = "main") -> str:
        """Where a stream is."""
        return f"rtsp://{self.host}:{self.port}/ch{channel}/{stream}"

    def hang_up(self) -> None:
        """Close all connections."""
        for each in list(self.connections):
            each.hang_up()

    def reboot(self) -> None:
        """As far as clients can tell: all connections break."""
        self.hang_up()

    @property
    def playing(self) -> int:
        """How many clients are sent media."""
        return sum(each.playing for each in self.connections)

    @property
    def methods(self) -> list[str]:
        """The requests of all connections, those of past ones first."""
        return [method for each in (*self.past, *self.connections) for method in each.methods]

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until something holds; it is looked at whenever a client comes, goes or asks. Raises TimeoutError."""
        await self._watch.until(predicate, timeout_s, look_s=LOOK_S)

    def state(self) -> dict[str, Any]:
        """What is to be seen of it, for control."""
        return {
            "address": f"{self.host}:{self.port}",
            "channels": self.channels,
            "connections": len(self.connections),
            "playing": self.playing,
            "expired": self.expired,
            "quirks": self.quirks.as_json(),
        }

    # --- what connections ask for -----------------------------------------------------------------------

    def joined(self, connection: CameraConnection) -> None:
        """A client has come."""
        self.connections.append(connection)
        self._watch.changed()

    def left(self, connection: CameraConnection) -> None:
        """A client has gone."""
        self.connections.remove(connection)
        self.past = [*self.past, connection][-100:]
        self._watch.changed()

    async def loop(self, channel: int, stream: str) -> VideoLoop:
        """The pictures of a stream; a channel counts from 1."""
        return await asyncio.wrap_future(LoopStore.shared.future(self.media.spec(channel, stream)))

    def described(self, source: StreamSource, base: str) -> bytes:
        """The session description of a stream, as this camera writes it."""
        match self.quirks.sdp:
            case "garbage":
                return b"<html>please update your browser</html>"
            case "absolute":
                return source.description((f"{base}track0", f"{base}track1")).encode()
            case "bare":
                lines = source.description(("track0", "track1")).split("\r\n")
                return "\r\n".join(line for line in lines if not line.startswith("a=fmtp")).encode()
            case "odd":
                return odd(source.description(("track0", "track1")))
            case _:
                return source.description(("track0", "track1")).encode()


def odd(sdp: str) -> bytes:
    """A description as some cameras write it: other line ends, blanks, lines and tracks nobody can make sense of."""
    lines = [
        line for line in sdp.split("\r\n") if line and not line.startswith(("c=", "a=control:*", "a=range"))
    ]
    lines = [line.replace("a=fmtp:96 ", "a=fmtp:96  ").replace(";", "; ") for line in lines]
    more = ["", "x-unknown", "a=Media_header:MEDIAINFO=494D4B48;", "m=application 0 RTP/AVP 107"]
    more += ["a=control:track2", "a=rtpmap:107 vnd.onvif.metadata/90000", "m=", "a=rtpmap:abc"]
    return "\n".join([*lines, *more]).encode() + b"\n\n"
