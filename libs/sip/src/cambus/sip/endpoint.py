"""A SIP address on the network, for asyncio: a `SipLayer` and its sockets, as calls that can be awaited."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, Self

from cambus.sip.connections import Limits
from cambus.sip.dialog import Dialog
from cambus.sip.errors import SipError, TransactionTimeout, TransportError
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
from cambus.sip.framing import Broken, Framed, Noise
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers
from cambus.sip.transactions import ClientTransaction, ServerTransaction
from cambus.sip.transports import CONNECT_TIMEOUT_S, Transports

__all__ = ["Handler", "Incoming", "Invitation", "Limits", "SipEndpoint", "Wire"]

logger = logging.getLogger(__name__)

Incoming = RequestReceived | AckReceived | Cancelled | TransactionFailed
Handler = Callable[[Incoming], None]
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with


class Wire(Protocol):
    """Stands between an endpoint and its sockets: for those who record traffic, or disturb it."""

    def sent(self, peer: Peer, data: bytes) -> Iterable[bytes]:
        """A message is about to be written; what is written instead."""

    def received(self, message: Request | Response, peer: Peer) -> bool:
        """A message has been read; whether it counts."""


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
        advertised: what Via says of us towards a peer, as `host:port`; by default the address itself, or the one
            the kernel sends from where that is a wildcard.
        on_lost: called when a TCP connection is gone.
        timers: of transactions.
        limits: what a peer may do.
        tls: with it, the port speaks TLS, and neither UDP nor plain TCP.
        wire: sees all messages, and may change them.
        prove: makes a request again for a peer that asked for credentials, see `cambus.sip.proof`; None where it
            cannot, and then the response stands.
        sign: called with every request of ours but an ACK before it is sent, to put headers into it.

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
        tls: ssl.SSLContext | None = None,
        wire: Wire | None = None,
        prove: Callable[[Request, Response, Peer], Request | None] | None = None,
        sign: Callable[[Request, Peer], None] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.limits = limits or Limits()
        self.counts: Counter[str] = Counter()
        self._advertised = advertised
        self.layer = SipLayer(
            sent_by=self.address_towards,
            timers=timers,
            screen=self.limits.screen,
            answer_bytes=self.limits.answer_bytes,
        )
        self._handler = handler
        self._wire = wire
        self._prove = prove if prove is not None else lambda _request, _response, _peer: None
        self._sign = sign if sign is not None else lambda _request, _peer: None
        self._on_lost = on_lost
        self._transports = Transports(
            take=self._take,
            pump=self._pump,
            on_lost=self._lost,
            limits=self.limits,
            counts=self.counts,
            tls=tls,
        )
        self._waiting: dict[ClientTransaction, asyncio.Future[Response]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._pumping = False
        self._closed = False

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen. Raises TransportError if the port can not be had for both."""
        self.port = await self._transports.open(self.host, self.port)

    async def close(self) -> None:
        """Close everything; requests under way fail."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(TransportError("the endpoint is closed"))
        await self._transports.close()

    # --- asking -----------------------------------------------------------------------------------------

    async def request(self, request: Request, peer: Peer, *, timeout_s: float | None = None) -> Response:
        """Send a request that is no INVITE and wait for its final response.

        Given up, by time or by cancellation, it is not sent again.

        Raises:
            TransactionTimeout: none came in time.
            TransportError: it cannot be sent there, or the connection is gone.
        """
        while True:
            transaction = self._send(request, peer)
            try:
                response = await self._answer(transaction, timeout_s)
            except (TransactionTimeout, asyncio.CancelledError):
                self._give_up(transaction)
                raise
            again = self._prove(request, response, peer)
            if again is None:
                return response
            request = again

    async def invite(self, request: Request, peer: Peer, *, timeout_s: float = 15.0) -> Invitation:
        """Send an INVITE and wait for its final response; a 2xx is to be acknowledged with `acknowledge`.

        Given up, by time or by cancellation, it is cancelled; a session that comes up all the same is ended.

        Raises:
            TransactionTimeout: no final response in time.
            TransportError: it cannot be sent there, or the connection is gone.
        """
        while True:
            transaction = self._send(request, peer)
            future = self._waiting[transaction]
            try:
                response = await self._answer(transaction, timeout_s)
            except (TransactionTimeout, asyncio.CancelledError):
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._end_session(transaction, future.result())  # it came while we were giving up
                self._give_up(transaction)
                raise
            again = self._prove(request, response, peer)
            if again is None:
                return Invitation(transaction, response)
            request = again

    def acknowledge(self, invitation: Invitation, *, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the ACK of a 2xx, now and whenever it is repeated."""
        if invitation.dialog is not None:
            ack = invitation.dialog.ack(invitation.transaction.request, headers=headers)
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

    async def connect(
        self, host: str, port: int, *, timeout_s: float = CONNECT_TIMEOUT_S, tls: ssl.SSLContext | None = None
    ) -> Peer:
        """Open a TCP connection, or one with TLS. Raises TransportError."""
        return await self._transports.connect(host, port, timeout_s=timeout_s, tls=tls)

    def disconnect(self, peer: Peer) -> None:
        """Close a TCP connection."""
        self._transports.disconnect(peer)

    def write(self, peer: Peer, data: bytes) -> None:
        """Write bytes as they are, past the transactions."""
        self._transports.write(peer, data)

    def is_connected(self, peer: Peer) -> bool:
        """Whether something can be sent to it: always on UDP."""
        return self._transports.is_connected(peer)

    def _send(self, request: Request, peer: Peer) -> ClientTransaction:
        if self._closed:
            raise TransportError("the endpoint is closed")
        self._transports.check(peer)
        self._sign(request, peer)
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

    def _give_up(self, transaction: ClientTransaction) -> None:
        self.layer.cancel(transaction, self._now())
        self._pump()

    # --- the layer --------------------------------------------------------------------------------------

    def _take(self, framed: Framed, peer: Peer) -> bool:
        """Take what a transport has read; whether it can go on."""
        request = framed.request if isinstance(framed, Broken) else framed
        if isinstance(request, Request) and not self.limits.admits(request, peer):
            self.counts["not-admitted"] += 1
            return not (isinstance(framed, Broken) and framed.fatal)
        if isinstance(framed, Request | Response):
            if self._wire is not None and not self._wire.received(framed, peer):
                return True
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

    def _pump(self) -> None:
        """Write what is to be written and tell what is to be told."""
        if self._pumping:
            return  # a handler answers: the loop below goes on with it
        self._pumping = True
        try:
            while True:
                out, events = self.layer.data_to_send(), self.layer.events_received()
                if not out and not events:
                    break
                for peer, data in out:
                    for each in (data,) if self._wire is None else self._wire.sent(peer, data):
                        self._transports.write(peer, each)
                for event in events:
                    self._tell(event)
        finally:
            self._pumping = False
        self._set_timer()

    def _tell(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._response(event)
        elif isinstance(event, TransactionFailed) and isinstance(event.transaction, ClientTransaction):
            self._failed(event.transaction, event.failure)
        else:
            try:
                self._handler(event)
            except Exception:
                logger.exception("a SIP handler failed")
                if isinstance(event, RequestReceived) and not event.transaction.answered:
                    self.layer.respond(event.transaction, 500, self._now())

    def _response(self, event: ResponseReceived) -> None:
        if event.arrival is Arrival.LATE:
            self._end_session(event.transaction, event.response)
        future = self._waiting.get(event.transaction)
        if future is None or future.done():
            return
        if event.response.final and event.arrival is Arrival.EXPECTED:
            future.set_result(event.response)

    def _failed(self, transaction: ClientTransaction, failure: Failure) -> None:
        future = self._waiting.get(transaction)
        if future is None or future.done():
            return
        method = transaction.request.method
        late = failure is Failure.TIMEOUT
        future.set_exception(
            TransactionTimeout(f"no answer to {method}")
            if late
            else TransportError(f"the connection was lost during {method}")
        )

    def _end_session(self, transaction: ClientTransaction, response: Response) -> None:
        """Nobody waits for this session any more: ACK and BYE (GB-018)."""
        if response.status >= 300:
            return
        dialog = Dialog.called(transaction.request, response, transaction.peer)
        try:
            self.layer.acknowledge(transaction, dialog.ack(transaction.request))
            bye = dialog.request("BYE")
            self._sign(bye, transaction.peer)
            self.layer.request(bye, transaction.peer, self._now())
        except SipError as error:
            logger.warning("a session nobody waits for cannot be ended", extra={"reason": str(error)})

    def _lost(self, peer: Peer) -> None:
        self.layer.lost(peer, self._now())
        self._pump()
        if self._on_lost is not None:
            self._on_lost(peer)

    def _set_timer(self) -> None:
        at = self.layer.next_timeout()
        if self._closed or at is None or at >= self._timer_at:
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

    def address_towards(self, peer: Peer) -> str:
        """Host and port as a peer reaches us: never a wildcard (GB-023). Raises TransportError: no way leads there."""
        if self._advertised is not None:
            return self._advertised(peer)
        host = self._transports.local_host(peer) if self.host in _WILDCARDS else self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
