"""TCP connections and datagrams as asyncio sees them: bytes in, framed messages out (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cambus.sip.framing import MAX_BODY_BYTES, Framed, Ping, StreamReader, read_datagram
from cambus.sip.message import Message, Request
from cambus.sip.peer import Peer

logger = logging.getLogger(__name__)

MAX_UNSENT_BYTES: Final = 1024 * 1024
MAX_CONNECTIONS_PER_HOST: Final = 2000
MESSAGE_TIMEOUT_S: Final = 30.0
"""How long a TCP peer may take for its first head, and for one it has begun, or be silent within a body (GB-275)."""
_AT_ONCE: Final = 64
"""Datagrams read before anything else gets its turn."""
_MAX_DATAGRAM: Final = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may do.

    Attributes:
        body_bytes: the largest body of a peer; unknown ones get little (GB-011).
        connections_per_host: TCP connections one address may hold.
        message_timeout_s: how long the head of a message on TCP may take, the first one since the connection was
            made, and a pause in its body.
        admits: asked about every request, also a repeated or broken one; what it does not admit is dropped without a
            word.
        screen: asked about every new request: None to take it, else the status it is refused with at once, for which
            nothing is remembered.
        answer_bytes: how long an answer to a request may be, None for as long as it is. Header fields are left out
            for that, the last ones first; one that is too long all the same is not sent.
    """

    body_bytes: Callable[[Peer], int] = lambda _: MAX_BODY_BYTES
    connections_per_host: int = MAX_CONNECTIONS_PER_HOST
    message_timeout_s: float = MESSAGE_TIMEOUT_S
    admits: Callable[[Request, Peer], bool] = lambda _request, _peer: True
    screen: Callable[[Request, Peer], int | None] = lambda _request, _peer: None
    answer_bytes: Callable[[Request, Peer], int | None] = lambda _request, _peer: None


class Receiver(Protocol):
    """Who takes what comes in."""

    limits: Limits
    counts: Counter[str]

    def take(self, framed: Framed, peer: Peer) -> bool:
        """Take what was read; whether the connection can go on."""

    def pump(self) -> None:
        """Do what follows from what was taken."""

    def joined(self, connection: Connection) -> Peer | None:
        """A connection is there; its name, None where it is not wanted."""

    def left(self, peer: Peer) -> None:
        """A connection is gone."""


class Datagrams(asyncio.DatagramProtocol):
    """The UDP socket.

    Attributes:
        socket: the socket itself, once there is one: a loop wakes us for each datagram, and waking costs more than
            reading.
        gone: set once it is closed.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.socket: socket.socket | None = None
        self.gone = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Frame it and hand it over, and those behind it."""
        self._take(data, addr)
        for _ in range(_AT_ONCE - 1):
            if self.socket is None or self.socket.fileno() < 0:
                return
            try:
                data, addr = self.socket.recvfrom(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.error_received(error)
                return
            self._take(data, addr)

    def _take(self, data: bytes, addr: tuple[Any, ...]) -> None:
        peer = Peer("udp", addr[0], addr[1])
        framed = read_datagram(data, max_body_bytes=self._receiver.limits.body_bytes(peer))
        self._receiver.take(framed, peer)
        self._receiver.pump()

    def error_received(self, exc: Exception) -> None:
        """Somebody we wrote to is not there; his transaction will time out."""
        self._receiver.counts["icmp"] += 1
        logger.debug("a datagram was refused", extra={"reason": str(exc)})

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        """The socket is closed."""
        self.gone.set()


class Connection(asyncio.Protocol):
    """One TCP or TLS connection, ours or the peer's.

    Attributes:
        transport: its socket.
        peer: its name, None before it has one, or where it was refused.
        waiting_since: when what is incomplete began, or the last of a body came; None between messages. One that the
            peer made waits from the beginning.
        gone: set once it is closed.
    """

    transport: asyncio.Transport

    def __init__(self, receiver: Receiver, *, accepted: bool = False) -> None:
        self._receiver = receiver
        self._accepted = accepted
        self._has_spoken = not accepted
        self._reader = StreamReader()
        self.peer: Peer | None = None
        self.waiting_since: float | None = None
        self.gone = asyncio.Event()

    @property
    def remote(self) -> tuple[str, int]:
        """Address and port of the peer; empty where it went away while it was accepted."""
        address = self.transport.get_extra_info("peername") or ("", 0)
        return address[0], address[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, or close it at once."""
        self.transport = transport  # type: ignore[assignment]  # what a TCP server and client get
        self.peer = self._receiver.joined(self)
        if self.peer is None:
            self.transport.abort()
        elif self._accepted:
            self.waiting_since = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        """Cut it into messages and hand them over."""
        if self.peer is None:
            return
        self._reader.max_body_bytes = self._receiver.limits.body_bytes(self.peer)
        found = self._reader.receive_data(data)
        for framed in found:
            if isinstance(framed, Ping):
                self.write(b"\r\n")
            elif not self._receiver.take(framed, self.peer):
                self._receiver.pump()
                self.transport.close()
                return
            self._receiver.pump()
        completed = any(isinstance(each, Message) for each in found)
        self._has_spoken |= completed
        self._note_time(completed)

    def _note_time(self, completed: bool) -> None:
        if self._reader.in_body:
            self.waiting_since = asyncio.get_running_loop().time()
        elif not self._reader.in_head:
            self.waiting_since = None if self._has_spoken else self.waiting_since
        elif completed or self.waiting_since is None:
            self.waiting_since = asyncio.get_running_loop().time()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        """Tell that it is gone."""
        self.gone.set()
        if self.peer is not None:
            self._receiver.left(self.peer)

    def write(self, data: bytes) -> None:
        """Write, or drop the peer that does not read; who has read everything is sent a message of any length."""
        if self.transport.is_closing():
            return
        unread = self.transport.get_write_buffer_size()
        if unread and unread + len(data) > MAX_UNSENT_BYTES:
            self._receiver.counts["peer-does-not-read"] += 1
            self.transport.abort()
        else:
            self.transport.write(data)
