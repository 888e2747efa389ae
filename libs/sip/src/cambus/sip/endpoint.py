"""The sockets around a `SipLayer`: UDP and TCP on one port (RFC 3261 §18).

A TCP peer is answered, and asked, on the connection it made. A peer that does not read is dropped at
`MAX_UNSENT_BYTES`; nothing ever waits for a write.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from cambus.sip.dialog import Dialog
from cambus.sip.errors import TransactionTimeout, TransportError
from cambus.sip.events import (
    AckReceived,
    Arrival,
    Cancelled,
    Event,
    Failure,
    RequestReceived,
    ResponseReceived,
    TransactionFailed,
)
from cambus.sip.framing import MAX_BODY_BYTES, Broken, Framed, Noise, Ping, StreamReader, read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers
from cambus.sip.transactions import ClientTransaction, ServerTransaction

logger = logging.getLogger(__name__)

MAX_UNSENT_BYTES: Final = 1024 * 1024
MAX_CONNECTIONS_PER_HOST: Final = 2000
CONNECT_TIMEOUT_S: Final = 3.0
MESSAGE_TIMEOUT_S: Final = 30.0
"""How long a TCP peer may take to complete a message it has begun (GB-275)."""
_SWEEP_S: Final = 5.0
_LONGEST_SLEEP_S: Final = 3600.0

Incoming = RequestReceived | AckReceived | Cancelled | TransactionFailed
Handler = Callable[[Incoming], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may do.

    Attributes:
        body_bytes: the largest body of a peer; unknown ones get little (GB-011).
        connections_per_host: TCP connections one address may hold.
        message_timeout_s: how long a message on TCP may take.
    """

    body_bytes: Callable[[Peer], int] = lambda _: MAX_BODY_BYTES
    connections_per_host: int = MAX_CONNECTIONS_PER_HOST
    message_timeout_s: float = MESSAGE_TIMEOUT_S


class Invitation:
    """An INVITE under way, or what it has set up.

    Attributes:
        transaction: of the INVITE.
        response: its final response.
        dialog: what a 2xx has set up; None otherwise.
    """

    def __init__(self, transaction: ClientTransaction, response: Response) -> None:
        self.transaction = transaction
        self.response = response
        self.dialog = (
            Dialog.called(transaction.request, response, transaction.peer) if response.status < 300 else None
        )


class SipEndpoint:
    """One SIP address.

    Args:
        handler: called with every request, ACK, CANCEL and unacknowledged 2xx, in order; must not block.
        host: address to listen on.
        port: UDP and TCP; 0 takes one that is free for both, see `port`.
        advertised: what Via says of us towards a peer; by default the address itself.
        on_lost: called when a TCP connection is gone.
        timers: of transactions.
        limits: what a peer may do.

    Attributes:
        layer: the transactions.
        counts: what was dropped, by reason.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        advertised: Callable[[Peer], str] | None = None,
        on_lost: Callable[[Peer], None] | None = None,
        timers: Timers | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.limits = limits or Limits()
        self.counts: Counter[str] = Counter()
        self.layer = SipLayer(sent_by=advertised or self._own_address, timers=timers)
        self._handler = handler
        self._on_lost = on_lost
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: dict[int, _Connection] = {}
        self._hosts: Counter[str] = Counter()
        self._numbers = 0
        self._waiting: dict[ClientTransaction, asyncio.Future[Response]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._sweeper: asyncio.Task[None] | None = None
        self._pumping = False

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen. Raises TransportError if the port can not be had for both."""
        attempts = 1 if self.port else 20
        for attempt in range(attempts):
            try:
                await self._listen()
            except OSError as error:
                if attempt == attempts - 1:
                    text = f"cannot listen on {self.host}:{self.port} ({error.strerror or error})"
                    raise TransportError(text) from None
            else:
                break
        self._sweeper = asyncio.create_task(self._sweep(), name="sip sweeper")

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), self.host, self.port)
        port = server.sockets[0].getsockname()[1]
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(self.host, port)
            )
        except OSError:
            server.close()
            raise
        self._tcp, self.port = server, port

    async def close(self) -> None:
        """Close everything; requests under way fail."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        if self._timer is not None:
            self._timer.cancel()
        if self._tcp is not None:
            self._tcp.close()
        connections = list(self._connections.values())
        for connection in connections:
            connection.abort()
        if self._udp is not None:
            self._udp.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(TransportError("the endpoint is closed"))
        self._waiting.clear()
        await asyncio.gather(*(connection.gone.wait() for connection in connections))

    # --- asking -----------------------------------------------------------------------------------------

    async def request(self, request: Request, peer: Peer, *, timeout_s: float | None = None) -> Response:
        """Send a request that is no INVITE and wait for its final response.

        Raises:
            TransactionTimeout: none came in time.
            TransportError: the connection is not there, or gone.
        """
        return await self._answer(self._send(request, peer), timeout_s)

    async def invite(self, request: Request, peer: Peer, *, timeout_s: float = 15.0) -> Invitation:
        """Send an INVITE and wait for its final response; a 2xx is to be acknowledged with `acknowledge`.

        Given up, by time or by cancellation, it is cancelled; a session that comes up all the same is ended.

        Raises:
            TransactionTimeout: no final response in time.
            TransportError: the connection is not there, or gone.
        """
        transaction = self._send(request, peer)
        try:
            response = await self._answer(transaction, timeout_s)
        except (TransactionTimeout, asyncio.CancelledError):
            self.layer.cancel(transaction, self._now())
            self._pump()
            raise
        return Invitation(transaction, response)

    def acknowledge(self, invitation: Invitation) -> None:
        """Send the ACK of a 2xx, now and whenever it is repeated."""
        if invitation.dialog is not None:
            ack = invitation.dialog.ack(invitation.transaction.request)
            self.layer.acknowledge(invitation.transaction, ack)
            self._pump()

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
    ) -> Response:
        """Answer a request. Raises LocalProtocolError where that has been done."""
        response = self.layer.respond(
            transaction, status, self._now(), headers=headers, body=body, reason=reason
        )
        self._pump()
        return response

    async def connect(self, host: str, port: int, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Peer:
        """Open a TCP connection. Raises TransportError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(lambda: _Connection(self), host, port)
        except (OSError, TimeoutError) as error:
            raise TransportError(f"cannot connect to {host}:{port} ({error or 'no answer'})") from None
        return connection.peer

    def disconnect(self, peer: Peer) -> None:
        """Close a TCP connection."""
        connection = self._connections.get(peer.connection)
        if connection is not None:
            connection.abort()

    def is_connected(self, peer: Peer) -> bool:
        """Whether something can be sent to it: always on UDP."""
        return peer.transport == "udp" or peer.connection in self._connections

    def _send(self, request: Request, peer: Peer) -> ClientTransaction:
        if not self.is_connected(peer):
            raise TransportError(f"no connection to {peer}")
        transaction = self.layer.request(request, peer, self._now())
        self._waiting[transaction] = asyncio.get_running_loop().create_future()
        self._pump()
        return transaction

    async def _answer(self, transaction: ClientTransaction, timeout_s: float | None) -> Response:
        future = self._waiting[transaction]
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise TransactionTimeout(f"no answer to {transaction.request.method} in {timeout_s} s") from None
        finally:
            self._waiting.pop(transaction, None)

    # --- the layer --------------------------------------------------------------------------------------

    def take(self, framed: Framed, peer: Peer) -> bool:
        """Take what a transport has read; whether it can go on."""
        if isinstance(framed, Request | Response):
            self.layer.receive(framed, peer, self._now())
        elif isinstance(framed, Noise):
            self.counts[framed.reason] += 1
        elif isinstance(framed, Broken):
            self.counts["broken"] += 1
            logger.debug("broken message", extra={"peer": str(peer), "reason": framed.error.text})
            if framed.request is not None and framed.error.status:
                self.layer.refuse(framed.request, peer, framed.error.status)
            return not framed.fatal
        return True

    def pump(self) -> None:
        """Write what is to be written and tell what is to be told; for the transports."""
        self._pump()

    def _pump(self) -> None:
        if self._pumping:
            return  # a handler answers: the loop below goes on with it
        self._pumping = True
        try:
            while True:
                out, events = self.layer.data_to_send(), self.layer.events_received()
                if not out and not events:
                    break
                for peer, data in out:
                    self._write(peer, data)
                for event in events:
                    self._tell(event)
        finally:
            self._pumping = False
        self._set_timer()

    def _tell(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._response(event)
        elif isinstance(event, TransactionFailed) and isinstance(event.transaction, ClientTransaction):
            future = self._waiting.get(event.transaction)
            if future is not None and not future.done():
                method = event.transaction.request.method
                late = event.failure is Failure.TIMEOUT
                future.set_exception(
                    TransactionTimeout(f"no answer to {method}")
                    if late
                    else TransportError(f"the connection was lost during {method}")
                )
        else:
            try:
                self._handler(event)
            except Exception:
                logger.exception("a SIP handler failed")

    def _response(self, event: ResponseReceived) -> None:
        if event.arrival is Arrival.LATE:
            self._end_late_session(event)
        future = self._waiting.get(event.transaction)
        if (
            future is not None
            and not future.done()
            and event.response.final
            and event.arrival is Arrival.EXPECTED
        ):
            future.set_result(event.response)

    def _end_late_session(self, event: ResponseReceived) -> None:
        """Nobody waits for this session any more: ACK and BYE (GB-018)."""
        dialog = Dialog.called(event.transaction.request, event.response, event.transaction.peer)
        self.layer.acknowledge(event.transaction, dialog.ack(event.transaction.request))
        self.layer.request(dialog.request("BYE"), event.transaction.peer, self._now())

    def _set_timer(self) -> None:
        at = self.layer.next_timeout()
        if at is None or at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self.layer.tick(self._now())
        self._pump()
        self._set_timer()

    # --- the transports ---------------------------------------------------------------------------------

    def _write(self, peer: Peer, data: bytes) -> None:
        if peer.transport == "udp":
            if self._udp is not None and not self._udp.is_closing():
                self._udp.sendto(data, (peer.host, peer.port))
            return
        connection = self._connections.get(peer.connection)
        if connection is None:
            self.counts["unsent"] += 1
        else:
            connection.write(data)

    def joined(self, connection: _Connection, host: str, port: int) -> Peer | None:
        """A connection is there; its name, None where its host has too many."""
        if self._hosts[host] >= self.limits.connections_per_host:
            self.counts["connection-limit"] += 1
            return None
        self._numbers += 1
        self._hosts[host] += 1
        self._connections[self._numbers] = connection
        return Peer("tcp", host, port, self._numbers)

    def left(self, peer: Peer) -> None:
        """A connection is gone."""
        self._connections.pop(peer.connection, None)
        self._hosts[peer.host] -= 1
        if not self._hosts[peer.host]:
            del self._hosts[peer.host]
        self.layer.lost(peer, self._now())
        self._pump()
        if self._on_lost is not None:
            self._on_lost(peer)

    async def _sweep(self) -> None:
        """Close connections that began a message and never end it."""
        while True:
            await asyncio.sleep(min(_SWEEP_S, self.limits.message_timeout_s))
            oldest = self._now() - self.limits.message_timeout_s
            for connection in list(self._connections.values()):
                if connection.begun_at is not None and connection.begun_at < oldest:
                    self.counts["message-timeout"] += 1
                    connection.abort()

    def _own_address(self, peer: Peer) -> str:  # noqa: ARG002 - the same towards all
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        peer = Peer("udp", addr[0], addr[1])
        framed = read_datagram(data, max_body_bytes=self._endpoint.limits.body_bytes(peer))
        self._endpoint.take(framed, peer)
        self._endpoint.pump()

    def error_received(self, exc: Exception) -> None:
        self._endpoint.counts["icmp"] += 1
        logger.debug("a datagram was refused", extra={"reason": str(exc)})


class _Connection(asyncio.Protocol):
    """One TCP connection, ours or the peer's."""

    peer: Peer
    transport: asyncio.Transport

    def __init__(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint
        self._reader = StreamReader()
        self._known = False
        self.begun_at: float | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # what a TCP server and client get
        host, port = transport.get_extra_info("peername")[:2]
        peer = self._endpoint.joined(self, host, port)
        if peer is None:
            self.gone.set()
            self.transport.abort()
            return
        self._known = True
        self.peer = peer

    def data_received(self, data: bytes) -> None:
        if not self._known:
            return
        self._reader.max_body_bytes = self._endpoint.limits.body_bytes(self.peer)
        for framed in self._reader.receive_data(data):
            if isinstance(framed, Ping):
                self.write(b"\r\n")
            elif not self._endpoint.take(framed, self.peer):
                self._endpoint.pump()
                self.transport.close()
                return
        in_message = self._reader.in_message
        if not in_message:
            self.begun_at = None
        elif self.begun_at is None:
            self.begun_at = asyncio.get_running_loop().time()
        self._endpoint.pump()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        self.gone.set()
        if self._known:
            self._endpoint.left(self.peer)

    def write(self, data: bytes) -> None:
        """Write, or drop the peer that does not read."""
        if self.transport.get_write_buffer_size() + len(data) > MAX_UNSENT_BYTES:
            self._endpoint.counts["peer-does-not-read"] += 1
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(data)

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()
