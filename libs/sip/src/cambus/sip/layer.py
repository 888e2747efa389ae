"""SIP without sockets: messages and time go in, messages and events come out (RFC 3261 §17, §18).

::

    layer = SipLayer(sent_by=lambda peer: "192.0.2.1:5060", tag=lambda: secrets.token_hex(8))
    layer.receive(request, peer, now)
    for event in layer.events_received(): …        # answer with layer.respond
    for peer, data in layer.data_to_send(): …      # write them
    layer.tick(now)                                # at layer.next_timeout() at the latest
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from cambus.sip.errors import LocalProtocolError, ProtocolError
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
from cambus.sip.fields import CSeq, Via
from cambus.sip.message import Request, Response, respond
from cambus.sip.peer import Peer
from cambus.sip.states import Effect, Input, State
from cambus.sip.timers import Schedule, Timers
from cambus.sip.transactions import ClientTransaction, Key, ServerTransaction, Transaction

MAGIC: Final = "z9hG4bK"  # RFC 3261 §8.1.1.7
METHODS: Final = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "INFO",
    "OPTIONS",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "REGISTER",
)
ALLOW: Final = ", ".join(METHODS)
MAX_SERVER_TRANSACTIONS: Final = 200_000


def new_branch() -> str:
    """A branch nobody else has."""
    return f"{MAGIC}{secrets.token_hex(8)}"


class SipLayer:
    """All transactions of one endpoint.

    Args:
        sent_by: what Via says of us towards a peer: our advertised host and port, never a wildcard.
        tag: makes our tags.
        timers: how long things take.
        max_server_transactions: requests under way or remembered at most; beyond that new ones get 503.

    Attributes:
        counts: what was dropped or repeated, by reason, for metrics.
    """

    def __init__(
        self,
        *,
        sent_by: Callable[[Peer], str],
        tag: Callable[[], str] = lambda: secrets.token_hex(6),
        timers: Timers | None = None,
        max_server_transactions: int = MAX_SERVER_TRANSACTIONS,
    ) -> None:
        self.timers = timers or Timers()
        self.counts: Counter[str] = Counter()
        self._sent_by = sent_by
        self._tag = tag
        self._most = max_server_transactions
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._accepting: dict[Key, ServerTransaction] = {}
        self._schedule = Schedule()
        self._events: list[Event] = []
        self._out: list[tuple[Peer, bytes]] = []

    # --- out --------------------------------------------------------------------------------------------

    def events_received(self) -> list[Event]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> list[tuple[Peer, bytes]]:
        """What is to be written since the last call, in order."""
        out, self._out = self._out, []
        return out

    def next_timeout(self) -> float | None:
        """When `tick` is to be called at the latest."""
        return self._schedule.next()

    # --- our requests -----------------------------------------------------------------------------------

    def request(self, request: Request, peer: Peer, now: float) -> ClientTransaction:
        """Send a request; its answer comes as `ResponseReceived` or `TransactionFailed`.

        A Via with a fresh branch is put in front. An ACK is not sent like this, see `acknowledge`.
        """
        branch = self._add_via(request, peer)
        transaction = ClientTransaction((branch, request.method), request, peer, self.timers)
        transaction.sent = request.serialize()
        self._clients[transaction.key] = transaction
        transaction.begin(now)
        self._schedule.put(transaction)
        self._out.append((peer, transaction.sent))
        return transaction

    def acknowledge(self, transaction: ClientTransaction, ack: Request) -> None:
        """Send the ACK of a 2xx, now and for every time it is repeated (RFC 3261 §13.2.2.4)."""
        self._add_via(ack, transaction.peer)
        transaction.ack = ack.serialize()
        self._out.append((transaction.peer, transaction.ack))

    def cancel(self, transaction: ClientTransaction, now: float) -> None:
        """Give an INVITE up: CANCEL it as soon as it has been heard of (RFC 3261 §9.1).

        A session that is set up all the same comes as a `ResponseReceived` with `Arrival.LATE`.
        """
        if transaction.state is State.CALLING:
            transaction.cancelled = True  # the CANCEL waits for a provisional response
        elif transaction.state is State.PROCEEDING:
            self._send_cancel(transaction, now)
            self._apply(transaction, Input.ABANDON, now)

    def _send_cancel(self, transaction: ClientTransaction, now: float) -> None:
        """RFC 3261 §9.1: the same as the INVITE in all that identifies it."""
        invite = transaction.request
        cancel = Request(method="CANCEL", uri=invite.uri)
        cancel.headers.add("Via", invite.headers.all("Via")[0])
        for name in ("From", "To", "Call-ID", "Route"):
            for value in invite.headers.all(name):
                cancel.headers.add(name, value)
        cancel.headers.add("CSeq", str(CSeq(invite.cseq.number, "CANCEL")))
        cancel.headers.add("Max-Forwards", "70")
        twin = ClientTransaction((transaction.key[0], "CANCEL"), cancel, transaction.peer, self.timers)
        twin.sent = cancel.serialize()
        self._clients[twin.key] = twin
        twin.begin(now)
        self._schedule.put(twin)
        self._out.append((twin.peer, twin.sent))

    def _add_via(self, request: Request, peer: Peer) -> str:
        branch = new_branch()
        hop = f"SIP/2.0/{peer.transport.upper()} {self._sent_by(peer)};rport;branch={branch}"
        fields = list(request.headers)
        request.headers = type(request.headers)([("Via", hop), *fields])
        if "Max-Forwards" not in request.headers:
            request.headers.add("Max-Forwards", "70")
        return branch

    # --- our responses ----------------------------------------------------------------------------------

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
    ) -> Response:
        """Answer a request; the response as it was sent.

        Raises:
            LocalProtocolError: it has its final answer already.
        """
        if transaction.answered:
            raise LocalProtocolError(f"{transaction.request.method} is answered already")
        tag = transaction.to_tag if status > 100 else ""
        response = respond(transaction.request, status, to_tag=tag, headers=headers)
        response.body, response.reason = body, reason
        transaction.sent = response.serialize()
        self._apply(transaction, _kind(status), now)
        return response

    # --- in ---------------------------------------------------------------------------------------------

    def receive(self, message: Request | Response, peer: Peer, now: float) -> None:
        """Take a message; it may be changed. Nothing in it raises: what is no use is counted."""
        try:
            if isinstance(message, Response):
                self._response(message, peer, now)
            else:
                self._request(message, peer, now)
        except ProtocolError as error:
            self.counts["malformed"] += 1
            if isinstance(message, Request):
                self.refuse(message, peer, error.status or 400)

    def refuse(
        self, request: Request, peer: Peer, status: int, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer without a transaction: for what is malformed, or too much."""
        if request.method != "ACK" and "Via" in request.headers:
            try:
                _fill_in_source(request, peer)
                self._out.append(
                    (peer, respond(request, status, to_tag=self._tag(), headers=headers).serialize())
                )
            except (ProtocolError, LocalProtocolError):
                self.counts["unanswerable"] += 1

    def lost(self, peer: Peer, now: float) -> None:
        """A connection is gone, and with it all that waited on it."""
        waiting: list[Transaction] = [each for each in self._clients.values() if each.peer == peer]
        waiting += [each for each in self._servers.values() if each.peer == peer]
        for transaction in waiting:
            self._apply(transaction, Input.LOST, now)

    def tick(self, now: float) -> None:
        """Let time pass."""
        while (timed := self._schedule.due(now)) is not None:
            if isinstance(timed, Transaction):
                event = timed.due(now)
                if event is not None:
                    self._apply(timed, event, now)
                self._schedule.put(timed)

    # --- responses to us --------------------------------------------------------------------------------

    def _response(self, response: Response, peer: Peer, now: float) -> None:
        key = (response.via.branch, response.cseq.method)
        transaction = self._clients.get(key)
        if transaction is None:
            self.counts["stray-response"] += 1
            return
        if transaction.cancelled and transaction.state is State.CALLING:
            if not response.final:
                self._send_cancel(transaction, now)
            self._apply(transaction, Input.ABANDON, now)
        effects = self._apply(transaction, _kind(response.status), now, response)
        for effect, arrival in _ARRIVALS.items():
            if effect in effects:
                self._events.append(ResponseReceived(transaction, response, peer, arrival))
        if Effect.DELIVER_REPEATED in effects and transaction.ack:
            self._out.append((transaction.peer, transaction.ack))

    # --- requests to us ---------------------------------------------------------------------------------

    def _request(self, request: Request, peer: Peer, now: float) -> None:
        key = _server_key(request, peer)
        if request.cseq.method != request.method:
            raise ProtocolError("CSeq names another method")
        _fill_in_source(request, peer)
        known = self._servers.get(key)
        if request.method == "ACK":
            self._ack(known, request, peer, now)
        elif known is not None:
            self.counts["repeated-request"] += 1
            self._apply(known, Input.REQUEST, now)
        elif request.method not in METHODS:
            self.refuse(request, peer, 405, [("Allow", ALLOW)])
        elif len(self._servers) >= self._most:
            self.counts["overload"] += 1
            self.refuse(request, peer, 503, [("Retry-After", "60")])
        else:
            self._new_request(key, request, peer, now)

    def _new_request(self, key: Key, request: Request, peer: Peer, now: float) -> None:
        transaction = ServerTransaction(key, request, peer, self.timers)
        transaction.to_tag = self._tag()
        transaction.begin()
        self._servers[key] = transaction
        if request.method == "CANCEL":
            self._cancelled(transaction, now)
            return
        if request.method == "INVITE":
            self._accepting[_ack_key(transaction)] = transaction
            self.respond(transaction, 100, now)
        self._events.append(RequestReceived(transaction, request, peer))

    def _cancelled(self, cancel: ServerTransaction, now: float) -> None:
        """RFC 3261 §9.2."""
        invite = self._servers.get((*cancel.key[:-1], "INVITE"))
        self.respond(cancel, 200 if invite else 481, now)
        if invite is not None and not invite.answered:
            self.respond(invite, 487, now)
            self._events.append(Cancelled(invite))

    def _ack(self, known: ServerTransaction | None, request: Request, peer: Peer, now: float) -> None:
        """That of a failure has the branch of its INVITE, that of a 2xx its own (RFC 3261 §17.1.1.3, §13.2.2.4)."""
        invite = known or self._accepting.get((request.call_id, request.to_tag, str(request.cseq.number)))
        if invite is None:
            self.counts["stray-ack"] += 1
            return
        accepted = invite.state is State.ACCEPTED
        self._apply(invite, Input.ACK, now)
        if accepted:
            self._events.append(AckReceived(invite, request, peer))

    # --- one step ---------------------------------------------------------------------------------------

    def _apply(
        self, transaction: Transaction, event: Input, now: float, response: Response | None = None
    ) -> tuple[Effect, ...]:
        effects = transaction.take(event, now)
        for effect in effects:
            if effect in {Effect.SEND, Effect.RESEND} and transaction.sent:
                self._out.append((transaction.peer, transaction.sent))
            elif effect is Effect.ACK and response is not None:
                self._out.append((transaction.peer, _ack_of_failure(transaction.request, response)))
            elif effect is Effect.FAIL and isinstance(transaction, ClientTransaction | ServerTransaction):
                failure = Failure.TRANSPORT if event is Input.LOST else Failure.TIMEOUT
                self._events.append(TransactionFailed(transaction, failure))
        if Effect.RESEND in effects:
            self.counts["resent"] += 1
        if transaction.state is State.TERMINATED:
            self._drop(transaction)
        elif effects:
            self._schedule.put(transaction)
        return effects

    def _drop(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)
            self._accepting.pop(_ack_key(transaction), None)
        else:
            self._clients.pop(transaction.key, None)


_ARRIVALS = {
    Effect.DELIVER: Arrival.EXPECTED,
    Effect.DELIVER_REPEATED: Arrival.REPEATED,
    Effect.DELIVER_LATE: Arrival.LATE,
}


def _kind(status: int) -> Input:
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


def _ack_key(invite: ServerTransaction) -> Key:
    """What the ACK of its 2xx can be told by."""
    tag = invite.request.to_tag or invite.to_tag
    return (invite.request.call_id, tag, str(invite.request.cseq.number))


def _server_key(request: Request, peer: Peer) -> Key:
    """RFC 3261 §17.2.3; without the magic cookie by what else identifies a request (GB-021)."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    if via.branch.startswith(MAGIC):
        return (peer.host, via.branch, via.sent_by, method)
    return (peer.host, via.text, request.call_id, str(request.cseq.number), request.from_tag, method)


def _fill_in_source(request: Request, peer: Peer) -> None:
    """Say in the topmost Via where the request came from; every hop gets a line of its own, in order."""
    hops = request.headers.listed("Via")
    hops[0] = Via.parse(hops[0]).answered_to(peer.host, peer.port)
    request.headers.remove("Via")
    others = list(request.headers)
    request.headers = type(request.headers)([*(("Via", hop) for hop in hops), *others])


def _ack_of_failure(invite: Request, response: Response) -> bytes:
    """RFC 3261 §17.1.1.3: like the INVITE, but for the To of the response."""
    ack = Request(method="ACK", uri=invite.uri)
    ack.headers.add("Via", invite.headers.all("Via")[0])
    for name in ("Route", "From"):
        for value in invite.headers.all(name):
            ack.headers.add(name, value)
    ack.headers.add("To", response.headers.get("To") or invite.headers.get("To") or "")
    ack.headers.add("Call-ID", invite.call_id)
    ack.headers.add("CSeq", str(CSeq(invite.cseq.number, "ACK")))
    ack.headers.add("Max-Forwards", "70")
    return ack.serialize()
