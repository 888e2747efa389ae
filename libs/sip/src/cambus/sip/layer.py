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
from cambus.sip.fields import CSeq, Via, split_outside_quotes
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
_WILDCARDS: Final = ("0.0.0.0", "[::]", "::")  # noqa: S104 - refused, not listened on
_RETRY_AFTER_S: Final = (60, 90)
"""Those refused for too much work come back spread over this time."""


def new_branch() -> str:
    """A branch nobody else has."""
    return f"{MAGIC}{secrets.token_hex(8)}"


class SipLayer:
    """All transactions of one endpoint.

    Args:
        sent_by: what Via says of us towards a peer: our advertised host and port, never a wildcard.
        tag: makes our tags.
        branch: makes our branches.
        timers: how long things take.
        max_server_transactions: requests under way or remembered at most; beyond that new ones get 503.
        screen: asked about every new request: None takes it, a status refuses it, and nothing of it is remembered.
        answer_bytes: how long the answer to a request may be, None for as long as it is.

    Attributes:
        counts: what was dropped or repeated, by reason, for metrics.
    """

    def __init__(
        self,
        *,
        sent_by: Callable[[Peer], str],
        tag: Callable[[], str] = lambda: secrets.token_hex(6),
        branch: Callable[[], str] = new_branch,
        timers: Timers | None = None,
        max_server_transactions: int = MAX_SERVER_TRANSACTIONS,
        screen: Callable[[Request, Peer], int | None] = lambda _request, _peer: None,
        answer_bytes: Callable[[Request, Peer], int | None] = lambda _request, _peer: None,
    ) -> None:
        self.timers = timers or Timers()
        self.counts: Counter[str] = Counter()
        self._sent_by = sent_by
        self._tag = tag
        self._branch = branch
        self._most = max_server_transactions
        self._screen = screen
        self._answer_bytes = answer_bytes
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._accepting: dict[Key, ServerTransaction] = {}
        self._connected: dict[Peer, dict[Transaction, None]] = {}
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

        Raises:
            LocalProtocolError: it cannot be sent as it is.
        """
        branch = self._add_via(request, peer)
        return self._ask((branch, request.method), request, peer, now)

    def _ask(self, key: Key, request: Request, peer: Peer, now: float) -> ClientTransaction:
        transaction = ClientTransaction(key, request, peer, self.timers)
        transaction.sent = request.serialize()
        self._clients[key] = transaction
        self._remember(transaction)
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
        """Give a request up: nothing is resent any more; an INVITE is cancelled once it was heard of (RFC 3261 §9.1).

        A session that is set up all the same comes as a `ResponseReceived` with `Arrival.LATE`.
        """
        if not transaction.is_invite:
            self._apply(transaction, Input.ABANDON, now)
        elif transaction.state is State.CALLING:
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
        self._ask((transaction.key[0], "CANCEL"), cancel, transaction.peer, now)

    def _add_via(self, request: Request, peer: Peer) -> str:
        branch, sent_by = self._branch(), self._sent_by(peer)
        if sent_by.startswith(_WILDCARDS):
            raise LocalProtocolError(f"{sent_by} is nobody's address")  # GB-023
        request.headers.add_first("Via", f"SIP/2.0/{peer.transport.upper()} {sent_by};rport;branch={branch}")
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
            LocalProtocolError: it has its final answer already, or was not answered for too long.
        """
        if transaction.answered:
            raise LocalProtocolError(f"{transaction.request.method} is answered already, or given up")
        tag, headers = transaction.to_tag if status > 100 else "", list(headers)
        response = respond(transaction.request, status, to_tag=tag, headers=headers)
        response.body, response.reason = body, reason
        transaction.sent = self._fitted(response, len(headers), transaction.request, transaction.peer)
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
        """Answer without a transaction: for what is malformed, or too much; a 503 says when to come back."""
        if request.method == "ACK" or "Via" not in request.headers:
            return
        more = list(headers)
        if status == 503:
            least, most = _RETRY_AFTER_S
            more.append(("Retry-After", str(least + secrets.randbelow(most - least))))
        try:
            _fill_in_source(request, request.via, peer)
            response = respond(request, status, to_tag=self._tag(), headers=more)
            data = self._fitted(response, len(more), request, peer)
        except (ProtocolError, LocalProtocolError):
            self.counts["unanswerable"] += 1
            return
        if data:
            self._out.append((peer, data))

    def _fitted(self, response: Response, optional: int, request: Request, peer: Peer) -> bytes:
        """The bytes of an answer, without those of its last fields that its peer cannot be sent; empty if too many."""
        data, most = response.serialize(), self._answer_bytes(request, peer)
        while most is not None and len(data) > most:
            if not optional:
                self.counts["answer-too-long"] += 1
                return b""
            optional -= 1
            response.headers.remove_last()
            data = response.serialize()
        return data

    def lost(self, peer: Peer, now: float) -> None:
        """A connection is gone, and with it all that waited on it."""
        for transaction in self._connected.pop(peer, {}):
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
        via, cseq = request.via, request.cseq
        if cseq.method != request.method:
            raise ProtocolError("CSeq names another method")
        if not all(map(request.headers.get, ("From", "To", "Call-ID"))):
            raise ProtocolError("From, To or Call-ID is missing")
        key = _server_key(request, via, cseq, peer)
        known = self._servers.get(key)
        if request.method == "ACK":
            self._ack(known, request, peer, now)
        elif known is not None:
            self.counts["repeated-request"] += 1
            self._answer_to(known, peer)
            self._apply(known, Input.REQUEST, now)
        elif request.method not in METHODS:
            self.counts["unknown-method"] += 1
            self.refuse(request, peer, 405, [("Allow", ALLOW)])
        elif (status := self._unwanted(request, peer)) is not None:
            self.refuse(request, peer, status)
        else:
            _fill_in_source(request, via, peer)
            self._new_request(key, request, peer, now)

    def _unwanted(self, request: Request, peer: Peer) -> int | None:
        """The status a new request is refused with, None if it is taken."""
        status = 503 if len(self._servers) >= self._most else self._screen(request, peer)
        if status is not None:
            self.counts["overload" if status == 503 else "screened"] += 1
        return status

    def _new_request(self, key: Key, request: Request, peer: Peer, now: float) -> None:
        transaction = ServerTransaction(key, request, peer, self.timers)
        transaction.to_tag = self._tag()
        transaction.begin(now)
        self._servers[key] = transaction
        self._remember(transaction)
        self._schedule.put(transaction)
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
            if effect in _SENDING and transaction.sent:
                self._out.append((transaction.peer, transaction.sent))
                self.counts["resent"] += effect is Effect.RESEND
            elif effect is Effect.ACK and response is not None:
                self._out.append((transaction.peer, _ack_of_failure(transaction.request, response)))
            elif effect is Effect.FAIL and isinstance(transaction, ClientTransaction | ServerTransaction):
                failure = Failure.TRANSPORT if event is Input.LOST else Failure.TIMEOUT
                self._events.append(TransactionFailed(transaction, failure))
        if transaction.state is State.TERMINATED:
            self._forget(transaction)
        elif effects:
            self._schedule.put(transaction)
        return effects

    def _answer_to(self, known: ServerTransaction, peer: Peer) -> None:
        """Answer where the request came from last: a NAT, or a new connection, may have moved it (RFC 3261 §18.2.2)."""
        if known.peer != peer:
            self._disconnect(known)
            known.peer = peer
            self._remember(known)

    def _remember(self, transaction: Transaction) -> None:
        if transaction.peer.reliable:
            self._connected.setdefault(transaction.peer, {})[transaction] = None

    def _forget(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)
            if transaction.is_invite and self._accepting.get(_ack_key(transaction)) is transaction:
                del self._accepting[_ack_key(transaction)]
        else:
            self._clients.pop(transaction.key, None)
        self._disconnect(transaction)

    def _disconnect(self, transaction: Transaction) -> None:
        connected = self._connected.get(transaction.peer)
        if connected is not None:
            connected.pop(transaction, None)
            if not connected:
                del self._connected[transaction.peer]


_SENDING = (Effect.SEND, Effect.RESEND)  # a tuple: compared by identity, not hashed


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


def _server_key(request: Request, via: Via, cseq: CSeq, peer: Peer) -> Key:
    """RFC 3261 §17.2.3; without the magic cookie by what else identifies a request (GB-021).

    Call-ID and CSeq are looked at in any case: some devices use one branch for all they send.
    """
    method = "INVITE" if cseq.method == "ACK" else cseq.method
    if via.branch.startswith(MAGIC):
        return (peer.host, via.branch, via.sent_by, request.call_id, str(cseq.number), method)
    return (peer.host, via.text, request.from_tag, request.call_id, str(cseq.number), method)


def _fill_in_source(request: Request, via: Via, peer: Peer) -> None:
    """Say in the topmost hop where the request came from; all others stay as they are (GB-004)."""
    first, *others = request.headers.all("Via")
    behind = first[len(next(split_outside_quotes(first, ","))) :]
    request.headers.set("Via", via.answered_to(peer.host, peer.port) + behind, *others)


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
