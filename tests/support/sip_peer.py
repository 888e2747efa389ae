"""SIP as a device would write it: messages as text, and a peer on loopback that says them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Any, Self

from cambus.sip.framing import StreamReader, read_datagram
from cambus.sip.message import Message, Request, Response

DEVICE = "34020000001320000001"
PLATFORM = "34020000002000000001"
DOMAIN = "3402000000"
BRANCH = "z9hG4bK-one"


def request_text(
    method: str = "MESSAGE",
    *,
    uri: str = f"sip:{PLATFORM}@{DOMAIN}",
    via: Iterable[str] = (f"SIP/2.0/UDP 192.0.2.7:5060;rport;branch={BRANCH}",),
    from_: str = f"<sip:{DEVICE}@{DOMAIN}>;tag=from-1",
    to: str = f"<sip:{PLATFORM}@{DOMAIN}>",
    call_id: str = "call-1",
    cseq: str | None = None,
    headers: Iterable[str] = (),
    body: bytes = b"",
    length: str | None = "",
    eol: str = "\r\n",
) -> bytes:
    """A request; `length` is the Content-Length as text, "" for the right one, None for none."""
    lines = [f"{method} {uri} SIP/2.0", *(f"Via: {hop}" for hop in via)]
    lines += [f"From: {from_}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {cseq or f'20 {method}'}"]
    lines += ["Max-Forwards: 70", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return (eol.join(lines) + eol * 2).encode("utf-8", "surrogateescape") + body


def request(method: str = "MESSAGE", **changes: Any) -> Request:
    """The same, read."""
    read = read_datagram(request_text(method, **changes))
    assert isinstance(read, Request)
    return read


def answer_text(
    to: Request, status: int, *, tag: str = "to-1", headers: Iterable[str] = (), body: bytes = b""
) -> bytes:
    """A response to a request of ours, as a device writes it."""
    echoed = [f"{name}: {value}" for name, value in to.headers if name in {"Via", "From", "Call-ID", "CSeq"}]
    asked = to.headers.get("To") or ""
    lines = [f"SIP/2.0 {status} Whatever", *echoed]
    lines.append(f"To: {asked}" if not tag or "tag=" in asked else f"To: {asked};tag={tag}")
    lines += [*headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def answer(to: Request, status: int, **changes: Any) -> Response:
    """The same, read."""
    read = read_datagram(answer_text(to, status, **changes))
    assert isinstance(read, Response)
    return read


class UdpDevice(asyncio.DatagramProtocol):
    """A device on UDP: all it hears is in `heard`; `lose` says of each datagram whether the network loses it."""

    def __init__(self, lose: Callable[[bytes], bool] = lambda _: False, *, host: str = "127.0.0.1") -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.lost = 0
        self._lose = lose
        self._host = host
        self._gone = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self._host, 0)
        )
        self.address: tuple[str, int] = self.transport.get_extra_info("sockname")[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.close()
        await self._gone.wait()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._lose(data):
            self.lost += 1
            return
        read = read_datagram(data)
        assert isinstance(read, Message)
        self.heard.put_nowait(read)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()

    def say(self, data: bytes, port: int) -> None:
        """Send a datagram to the platform, which is on the usual loopback address wherever we are."""
        self.transport.sendto(data, ("::1" if ":" in self.address[0] else "127.0.0.1", port))

    async def hears(self) -> Message:
        """The next message."""
        return await asyncio.wait_for(self.heard.get(), 20)


class TcpDevice:
    """A device on TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._framer = StreamReader()
        self._framed: list[Any] = []

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1", **options: Any) -> Self:
        """Connect to the platform."""
        return cls(*await asyncio.open_connection(host, port, **options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):  # the platform was first
            await self._writer.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        """Our own address and port."""
        host, port = self._writer.get_extra_info("sockname")[:2]
        return host, port

    def say(self, data: bytes) -> None:
        """Write."""
        self._writer.write(data)

    async def reads(self, size: int) -> bytes:
        """So many bytes as they came."""
        return await asyncio.wait_for(self._reader.readexactly(size), 20)

    async def hears(self) -> Message:
        """The next message."""
        while not self._framed:
            data = await asyncio.wait_for(self._reader.read(65536), 20)
            assert data, "the platform closed the connection"
            self._framed += self._framer.receive_data(data)
        read = self._framed.pop(0)
        assert isinstance(read, Message)
        return read

    async def is_closed(self) -> bytes:
        """Wait until the platform closes; what it said before."""
        try:
            return await asyncio.wait_for(self._reader.read(-1), 20)
        except ConnectionResetError:
            return b""


def black_hole() -> tuple[socket.socket, list[socket.socket]]:
    """A port on which nobody answers a SYN any more; what has to be closed in the end."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(4):
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(listening.getsockname())
        waiting.append(caller)
    return listening, [*waiting, listening]
