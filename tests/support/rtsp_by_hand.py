"""An RTSP client that writes every request by hand and shows whatever comes back."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

Header = tuple[str, str]
Reply = tuple[int, list[Header], str]


class Rtsp:
    """Sends requests and reads whole replies; interleaved data before a reply is skipped."""

    def __init__(self, port: int, host: str = "127.0.0.1", *, local: str | None = None) -> None:
        self.port = port
        self._host = host
        self._local = (local, 0) if local is not None else None
        self.session: str | None = None
        self._cseq = 0

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            self._host, self.port, local_addr=self._local
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def ask(self, method: str, path: str, **headers: str) -> Reply:
        """Send a request and read its reply; `path` may be a whole URL or `*`."""
        self.say(method, path, **headers)
        return await self.reply()

    def say(self, method: str, path: str, **headers: str) -> None:
        """Send a request. Underscores in header names stand for dashes; an empty value leaves the header out."""
        self._cseq += 1
        url = f"rtsp://{self._host}:{self.port}{path}" if path.startswith("/") else path
        named = {"CSeq": str(self._cseq)}
        if self.session:
            named["Session"] = self.session
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {url} RTSP/1.0", *(f"{name}: {value}" for name, value in named.items() if value)]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def reply(self) -> Reply:
        """The next reply: status, headers, body."""
        async with asyncio.timeout(20):
            while (first := await self.reader.readexactly(1)) == b"$":
                await self.packet(rest=True)
            head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *fields = head.strip().split("\r\n")
            headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
            length = int(dict(headers).get("Content-Length", 0))
            body = (await self.reader.readexactly(length)).decode()
        self.session = dict(headers).get("Session", self.session or "").partition(";")[0] or None
        return int(status.split()[1]), headers, body

    async def packet(self, *, rest: bool = False) -> tuple[int, bytes]:
        """The next interleaved packet: channel and data."""
        async with asyncio.timeout(20):
            if not rest:
                assert await self.reader.readexactly(1) == b"$"
            head = await self.reader.readexactly(3)
            return head[0], await self.reader.readexactly(int.from_bytes(head[1:]))


class UdpTrack:
    """The client's pair of ports for one track."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._sockets = rtp, rtcp
        self.ports = rtp.getsockname()[1], rtcp.getsockname()[1]

    @property
    def offer(self) -> str:
        """The `Transport` header that asks for it."""
        return f"RTP/AVP;unicast;client_port={self.ports[0]}-{self.ports[1]}"

    async def rtp(self) -> tuple[bytes, tuple[str, int]]:
        """The next datagram at the RTP port, and where it is from."""
        return await self._receive(self._sockets[0])

    async def rtcp(self) -> tuple[bytes, tuple[str, int]]:
        """The next datagram at the RTCP port, and where it is from."""
        return await self._receive(self._sockets[1])

    def report(self, data: bytes, port: int) -> None:
        """Send something from the RTCP port."""
        self._sockets[1].sendto(data, ("127.0.0.1", port))

    @staticmethod
    async def _receive(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
        async with asyncio.timeout(20):
            return await asyncio.get_running_loop().sock_recvfrom(sock, 65536)


@asynccontextmanager
async def udp_tracks(count: int, host: str = "127.0.0.1") -> AsyncIterator[Sequence[UdpTrack]]:
    """Pairs of free ports on the loopback."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2 * count)]
    try:
        for each in sockets:
            each.setblocking(False)
            each.bind((host, 0))
        yield [UdpTrack(*sockets[at : at + 2]) for at in range(0, 2 * count, 2)]
    finally:
        for each in sockets:
            each.close()
