"""TCP connections and datagrams as asyncio sees them: bytes in, framed messages out (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cambus.sip.framing import MAX_BODY_BYTES, Framed, Ping, StreamReader, read_datagram
from cambus.sip.peer import Peer

logger = logging.getLogger(__name__)

MAX_UNSENT_BYTES: Final = 1024 * 1024
MAX_CONNECTIONS_PER_HOST: Final = 2000
MESSAGE_TIMEOUT_S: Final = 30.0
"""How long a TCP peer may take to complete a head it has begun, or be silent within a body (GB-275)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may do.

    Attributes:
        body_bytes: the largest body of a peer; unknown ones get little (GB-011).
        connections_per_host: TCP connections one address may hold.
        message_timeout_s: how long the head of a message on TCP may take, and a pause in its body.
    """

    body_bytes: Callable[[Peer], int] = lambda _: MAX_BODY_BYTES
    connections_per_host: int = MAX_CONNECTIONS_PER_HOST
    message_timeout_s: float = MESSAGE_TIMEOUT_S


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
        gone: set once it is closed.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.gone = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Frame it and hand it over."""
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
        waiting_since: when what is incomplete began, or the last of a body came; None between messages.
        gone: set once it is closed.
    """

    transport: asyncio.Transport

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
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
        self._note_time(bool(found))
        self._receiver.pump()

    def _note_time(self, completed: bool) -> None:
        if self._reader.in_body:
            self.waiting_since = asyncio.get_running_loop().time()
        elif not self._reader.in_head:
            self.waiting_since = None
        elif completed or self.waiting_since is None:
            self.waiting_since = asyncio.get_running_loop().time()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        """Tell that it is gone."""
        self.gone.set()
        if self.peer is not None:
            self._receiver.left(self.peer)

    def write(self, data: bytes) -> None:
        """Write, or drop the peer that does not read."""
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() + len(data) > MAX_UNSENT_BYTES:
            self._receiver.counts["peer-does-not-read"] += 1
            self.transport.abort()
        else:
            self.transport.write(data)
