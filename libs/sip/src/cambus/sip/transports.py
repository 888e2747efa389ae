"""The sockets of one SIP address: UDP and TCP on one port, or TLS (RFC 3261 §18).

A TCP peer is written to on the connection it made. Nothing ever waits for a write: a peer that does not read is
dropped at `MAX_UNSENT_BYTES`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from cambus.sip.connections import MAX_UNSENT_BYTES, Connection, Datagrams, Limits, Receiver
from cambus.sip.errors import TransportError
from cambus.sip.framing import Framed
from cambus.sip.peer import Peer

CONNECT_TIMEOUT_S: Final = 3.0
_SWEEP_S: Final = 5.0
_RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Room for the datagrams of a storm while we are at something else; the kernel may give less."""


class Transports(Receiver):
    """UDP and TCP on one port.

    Args:
        take: takes a message; says whether its connection can go on.
        pump: does what follows from what was taken.
        on_lost: hears of connections that are gone.
        limits: what a peer may do.
        counts: where what was dropped is counted.
        tls: with it, the port speaks TLS and nothing else.
    """

    def __init__(
        self,
        *,
        take: Callable[[Framed, Peer], bool],
        pump: Callable[[], None],
        on_lost: Callable[[Peer], None],
        limits: Limits,
        counts: Counter[str],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits
        self.counts = counts
        self._take = take
        self._pump = pump
        self._on_lost = on_lost
        self._tls = tls
        self._udp: asyncio.DatagramTransport | None = None
        self._datagrams = Datagrams(self)
        self._server: asyncio.Server | None = None
        self._connections: dict[int, Connection] = {}
        self._hosts: Counter[str] = Counter()
        self._numbers = 0
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    # --- life -------------------------------------------------------------------------------------------

    async def open(self, host: str, port: int) -> int:
        """Listen; the port. Raises TransportError if it cannot be had for both."""
        attempts = 1 if port else 20
        for attempt in range(attempts):
            try:
                listening = await self._listen(host, port)
            except OSError as error:
                if attempt == attempts - 1:
                    text = f"cannot listen on {host}:{port} ({error.strerror or error})"
                    raise TransportError(text) from None
            else:
                break
        self._sweeper = asyncio.create_task(self._sweep(), name="sip sweeper")
        return listening

    async def _listen(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        stream = _bound(socket.SOCK_STREAM, host, port)
        number: int = stream.getsockname()[1]
        try:
            if self._tls is None:
                datagram = _bound(socket.SOCK_DGRAM, host, number)
                self._datagrams.socket = datagram
                self._udp, _ = await loop.create_datagram_endpoint(lambda: self._datagrams, sock=datagram)
            self._server = await loop.create_server(
                lambda: Connection(self, accepted=True),
                sock=stream,
                ssl=self._tls,
                ssl_handshake_timeout=self.limits.message_timeout_s if self._tls else None,
            )
        except BaseException:
            stream.close()
            if self._udp is not None:
                self._udp.close()
            raise
        return number

    async def close(self) -> None:
        """Close everything."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        if self._server is not None:
            self._server.close()
        connections = list(self._connections.values())
        for connection in connections:
            connection.transport.abort()
        if self._udp is not None:
            self._udp.close()
            await self._datagrams.gone.wait()
        for connection in connections:
            await connection.gone.wait()

    # --- out --------------------------------------------------------------------------------------------

    def write(self, peer: Peer, data: bytes) -> None:
        """Send, or count what could not be sent."""
        if peer.transport == "udp":
            if self._udp is None or self._udp.is_closing():
                self.counts["unsent"] += 1
            elif _unsent_bytes(self._udp) + len(data) > MAX_UNSENT_BYTES:
                self.counts["udp-congested"] += 1
            else:
                self._udp.sendto(data, (peer.host, peer.port))
            return
        connection = self._connections.get(peer.connection)
        if connection is None:
            self.counts["unsent"] += 1
        else:
            connection.write(data)

    async def connect(
        self, host: str, port: int, *, timeout_s: float = CONNECT_TIMEOUT_S, tls: ssl.SSLContext | None = None
    ) -> Peer:
        """Open a TCP or TLS connection. Raises TransportError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(lambda: Connection(self), host, port, ssl=tls)
        except (OSError, TimeoutError) as error:
            why = str(error) or "no answer"
            raise TransportError(f"cannot connect to {host}:{port} ({why})") from None
        if connection.peer is None:
            raise TransportError(f"no further connection to {host} is allowed")
        return connection.peer

    def disconnect(self, peer: Peer) -> None:
        """Close a connection."""
        connection = self._connections.get(peer.connection)
        if connection is not None:
            connection.transport.abort()

    def check(self, peer: Peer) -> None:
        """Raise TransportError where nothing can be sent to a peer."""
        if peer.transport != "udp":
            if peer.connection not in self._connections:
                raise TransportError(f"no connection to {peer}")
        elif self._udp is None or not _is_address(peer.host) or not 0 < peer.port < 0x10000:
            raise TransportError(f"{peer} cannot be sent to")

    def is_connected(self, peer: Peer) -> bool:
        """Whether something can be sent to a peer: always on UDP."""
        return peer.transport == "udp" or peer.connection in self._connections

    def local_host(self, peer: Peer) -> str:
        """Our address towards a peer. Raises TransportError where no route leads there."""
        connection = self._connections.get(peer.connection)
        if connection is not None:
            host: str = connection.transport.get_extra_info("sockname")[0]
            return host
        try:
            return _local_host_towards(peer.host)
        except OSError as error:
            raise TransportError(f"no route to {peer} ({error.strerror or error})") from None

    # --- in: what connections and datagrams call --------------------------------------------------------

    def take(self, framed: Framed, peer: Peer) -> bool:
        """Hand a message over."""
        return self._take(framed, peer)

    def pump(self) -> None:
        """Let what follows be done."""
        self._pump()

    def joined(self, connection: Connection) -> Peer | None:
        """Name a connection, unless its host has too many."""
        host, port = connection.remote
        if self._closed or not host:
            return None
        if self._hosts[host] >= self.limits.connections_per_host:
            self.counts["connection-limit"] += 1
            return None
        self._numbers += 1
        self._hosts[host] += 1
        self._connections[self._numbers] = connection
        secure = connection.transport.get_extra_info("ssl_object") is not None
        return Peer("tls" if secure else "tcp", host, port, self._numbers)

    def left(self, peer: Peer) -> None:
        """Forget a connection."""
        self._connections.pop(peer.connection, None)
        self._hosts[peer.host] -= 1
        if not self._hosts[peer.host]:
            del self._hosts[peer.host]
        self._on_lost(peer)

    async def _sweep(self) -> None:
        """Close connections that began a message and never end it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_SWEEP_S, self.limits.message_timeout_s))
            oldest = loop.time() - self.limits.message_timeout_s
            for connection in list(self._connections.values()):
                if connection.waiting_since is not None and connection.waiting_since < oldest:
                    self.counts["message-timeout"] += 1
                    connection.transport.abort()


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    """A socket of its own for IPv4 and for IPv6, so that two endpoints may share a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if family is socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind is socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _unsent_bytes(udp: asyncio.DatagramTransport) -> int:
    size: int = udp.get_write_buffer_size()  # type: ignore[attr-defined]  # both asyncio and uvloop have it
    return size


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    """Whether it is an address: a name would be looked up, and everybody would wait."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _local_host_towards(host: str) -> str:
    """The address the kernel would send from; nothing is sent."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        local: str = probe.getsockname()[0]
    return local
