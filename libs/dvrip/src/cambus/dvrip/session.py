"""The client's session on one connection, without I/O (DVRIP §5, §6).

Bytes and time go in, bytes and events come out::

    session.receive_data(data, now)      session.data_to_send()     -> what the socket must send
    session.handle_timeout(now)          session.events_received()  -> what happened
    session.receive_eof(now)             session.next_timeout()     -> when to call handle_timeout

``now`` is seconds of any monotonic clock. One session is one TCP connection: a control session that logs in,
a data socket that is `attach`-ed to the session of another connection, or a registered device's main socket
that was `adopt`-ed. Replies are matched by message id and session id only (DVRIP §6): there is no reliable
correlation id, so at most one request per reply id is in flight, and a request that times out ends the
connection.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cambus.dvrip.codes import SESSION_LOST, ReturnCode
from cambus.dvrip.errors import (
    ConnectionLost,
    DvripError,
    FragmentError,
    ProtocolError,
    Refused,
    RequestTimeout,
    error_for_code,
)
from cambus.dvrip.exchange import Collector, Exchange, ExchangeTable, SinglePacket
from cambus.dvrip.ids import MEDIA_IDS, PUSH_IDS, ZIP_IDS, MessageId, from_seed_id, reply_id, to_seed_id
from cambus.dvrip.keepalive import (
    KEEPALIVE_SHARE,
    REGISTERED_KEEPALIVE_S,
    REGISTERED_MISSES,
    KeepaliveSchedule,
)
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.messages.login import KEEPALIVE_BODY, LOGOUT_BODY, LoginReply, login_body
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.reassembly import Reassembler
from cambus.dvrip.session_events import (
    ExchangeFailed,
    LoggedIn,
    PushReceived,
    Replied,
    SessionClosed,
    SessionEvent,
)
from cambus.dvrip.session_state import TRANSITIONS, Input, State
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.values import format_session_id
from cambus.dvrip.wire import (
    FRAGMENT_SIZE,
    REPLY_VERSION,
    REQUEST_VERSION,
    Header,
    Packet,
    PacketReader,
    fragment,
    serialize,
)

#: The longest body that fits into 255 parts.
MAX_BODY_BYTES: Final = 255 * FRAGMENT_SIZE
#: Messages to be sent above which a device's own keepalives are not answered any more: it floods us.
MAX_UNSENT: Final = 64
_SENDING: Final = frozenset({State.NEW, State.ONLINE, State.ATTACHED})


class ClientSession:
    """The client's half of one connection. See the module for how it is driven.

    Args:
        profile: deviations of this device.
        timeouts: all of them.
        reader: a framing that already consumed the start of the connection, for an adopted socket.
        hand_out: ids that are handed out as pushes although they look like replies: 1411 and 1421 turn up on
            data sockets unasked (DVRIP §9.1).

    Attributes:
        state: where it is.
        session_id: the SID of outgoing messages; 0 before login.
        login_reply: what the device said at login, or None.
        counters: ``unexpected_replies``, ``foreign_sessions``, ``unknown_messages``, ``fragment_errors``,
            ``keepalives``, ``keepalives_missed``.
        keepalive_latency_s: how long the last keepalive took, or None.
        is_held: the reader pauses to slow the device down; keepalives cannot be answered meanwhile.
    """

    def __init__(
        self,
        profile: Profile | None = None,
        timeouts: Timeouts | None = None,
        *,
        reader: PacketReader | None = None,
        hand_out: frozenset[int] = frozenset(),
    ) -> None:
        self.profile = profile or Profile()
        self.timeouts = timeouts or Timeouts()
        self.state = State.NEW
        self.session_id = 0
        self.login_reply: LoginReply | None = None
        self.counters: Counter[str] = Counter()
        self.keepalive_latency_s: float | None = None
        self.is_held = False
        self._hand_out = hand_out
        self._reader = reader or PacketReader()
        self._reassembler = Reassembler(self.timeouts.fragment)
        self._keepalive = KeepaliveSchedule(self.timeouts.keepalive, heeded=self.profile.answers_keepalives)
        self._exchanges = ExchangeTable(parallel=self.profile.parallel_requests)
        self._sequence = 0
        self._outgoing: list[bytes] = []
        self._events: list[SessionEvent] = []

    # what goes in

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Take bytes from the socket. Never raises: what is wrong becomes an event."""
        if self.state is State.CLOSED:
            return
        self.receive_packets(self._reader.receive_data(data), now)
        if self._reader.failure is not None:
            self.fail(self._reader.failure)

    def receive_packets(self, packets: Iterable[Packet], now: float) -> None:
        """Take packets the session's own reader has cut already, before the connection was adopted."""
        for packet in packets:
            if self.is_closed:
                return
            self._receive(packet, now)
        self._start_waiting(now)

    def receive_eof(self) -> None:
        """The peer ended the connection; what it cut off is never a message (DVRIP §2.2)."""
        if self.state is State.LOGGING_OUT:
            self._close(Input.LOGGED_OUT, None)
            return
        cut = "" if self._reader.at_boundary else " in the middle of a packet"
        self.fail(ConnectionLost(f"the device closed the connection{cut}"))

    def handle_timeout(self, now: float) -> None:
        """Do what is due at ``now``."""
        if self.is_closed:
            return
        for error in self._reassembler.expire(now):
            self._fail_fragment(error)
        self._expire_exchanges(now)
        if self._keepalive.is_due(now):
            self._keepalive.sent(now)
            self.counters["keepalives"] += 1
            self._send(MessageId.KEEPALIVE, self._encode(KEEPALIVE_BODY))
        if self.is_held:
            self._keepalive.excuse()
        if self._keepalive.is_dead(now):
            self.fail(ConnectionLost("keepalives were not answered"))
        self._start_waiting(now)

    def fail(self, error: DvripError) -> None:
        """End the session for a reason of the caller's, e.g. what the socket said."""
        if not self.is_closed:
            self._close(Input.FAIL, error)

    # what comes out

    def data_to_send(self) -> bytes:
        """Everything to be sent now, in order."""
        data = self._outgoing[0] if len(self._outgoing) == 1 else b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def events_received(self) -> list[SessionEvent]:
        """What happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        if self.is_closed:
            return None
        clocks = (self._exchanges.next_deadline, self._reassembler.next_timeout, self._keepalive.next_timeout)
        return min([time for clock in clocks if (time := clock()) is not None], default=None)

    @property
    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self.state is State.CLOSED

    @property
    def is_idle(self) -> bool:
        """Whether no request is in flight or waiting."""
        return not self._exchanges

    # commands

    def login(self, credentials: Credentials, now: float) -> None:
        """Send the login; `LoggedIn` or `SessionClosed` follows. A second login fails what is in flight.

        Raises:
            Refused: the session is neither new nor online.
        """
        self._advance(Input.LOGIN)
        self._drain(ConnectionLost("logging in again"))
        self._keepalive.stop()
        self.session_id = 0
        body = encode_body(login_body(credentials, self.profile.login_type))
        self._start_own(self._exchange(MessageId.LOGIN, body, timeout="login", label="login"), now)

    def attach(self, session_id: int) -> None:
        """Use this connection, a new one, as a data socket of another's session; it never logs in."""
        self._advance(Input.ATTACH)
        self.session_id = session_id

    def adopt(self, session_id: int, now: float) -> None:
        """Take over the main socket of a device that registered with us; the session is new (DVRIP §11)."""
        self._advance(Input.ADOPT)
        self.session_id = session_id
        self._keepalive.start(now, REGISTERED_KEEPALIVE_S, REGISTERED_MISSES)

    def request(
        self,
        message_id: int,
        body: Mapping[str, Any] | bytes,
        now: float,
        *,
        expect: int | None = None,
        timeout: str = "request",
        timeout_s: float | None = None,
        label: str = "",
        collector: Collector | None = None,
        soft: bool = False,
        end: bool = False,
        sequence: int | None = None,
    ) -> Exchange:
        """Queue a request; it is sent when its turn comes. `Replied` or `ExchangeFailed` follows.

        Args:
            message_id: any id.
            body: JSON (the SessionID is added) or raw bytes.
            now: the time.
            expect: id of the reply, if it is not ``message_id + 1``.
            timeout: name of a field of `Timeouts`.
            timeout_s: another length for it.
            label: words for errors.
            collector: see `Exchange`.
            soft: see `Exchange`.
            end: EndFlag of a media id or of a zip transfer.
            sequence: header sequence, if not the connection's own.

        Raises:
            Refused: the session cannot send now, the body is too long, or too many requests wait already.
        """
        self._advance(Input.REQUEST)
        exchange = self._exchange(message_id, self._encode(body), expect, timeout, timeout_s, label)
        exchange.collector = collector or exchange.collector
        exchange.soft, exchange.end, exchange.sequence = soft, end, sequence
        self._exchanges.enqueue(exchange)
        self._start_waiting(now)
        return exchange

    def notify(
        self,
        message_id: int,
        body: Mapping[str, Any] | bytes,
        *,
        version: int = REPLY_VERSION,
        sequence: int | None = None,
    ) -> None:
        """Send a message that has no reply: an answer to a push, audio, a piece of a transfer.

        Raises:
            Refused: the session cannot send now.
        """
        self._advance(Input.REQUEST)
        self._send(message_id, self._encode(body), version=version, sequence=sequence)

    def cancel(self, exchange: Exchange) -> None:
        """The caller of ``exchange`` has gone. A reply that is still due is awaited and dropped."""
        self._exchanges.cancel(exchange)

    def settle(self, exchange: Exchange, now: float) -> None:
        """``exchange`` was answered by other means (media came): stop waiting, keep the connection."""
        self._exchanges.settle(exchange)
        self._start_waiting(now)

    def logout(self, now: float) -> None:
        """Send the logout; `SessionClosed` follows.

        Raises:
            Refused: not online.
        """
        self._advance(Input.LOGOUT)
        self._keepalive.stop()
        self._drain(ConnectionLost("logged out"))
        self._start_own(self._exchange(MessageId.LOGOUT, self._encode(LOGOUT_BODY), label="logout"), now)

    # sending

    def _advance(self, what: Input) -> None:
        state = TRANSITIONS.get((self.state, what))
        if state is None:
            reason = "closed" if self.state is State.CLOSED else "state"
            raise Refused(reason, f"{what.name.lower()} is not possible while {self.state.name.lower()}")
        self.state = state

    def _exchange(
        self,
        message_id: int,
        payload: bytes,
        expect: int | None = None,
        timeout: str = "request",
        timeout_s: float | None = None,
        label: str = "",
    ) -> Exchange:
        return Exchange(
            message_id=message_id,
            payload=payload,
            reply_id=reply_id(message_id) if expect is None else expect,
            timeout_name=timeout,
            timeout_s=self.timeouts.of(timeout) if timeout_s is None else timeout_s,
            label=label or f"message {message_id}",
            collector=SinglePacket(),
        )

    def _encode(self, body: Mapping[str, Any] | bytes) -> bytes:
        if not isinstance(body, bytes):
            body = encode_body({**body, "SessionID": format_session_id(self.session_id)})
        if len(body) > MAX_BODY_BYTES:
            raise Refused("too_large", f"a body of {len(body)} bytes; at most {MAX_BODY_BYTES} fit")
        return body

    def _start_waiting(self, now: float) -> None:
        """Send the requests whose turn has come."""
        while self.state in _SENDING and (exchange := self._exchanges.next_ready()) is not None:
            self._start(exchange, now)

    def _start(self, exchange: Exchange, now: float) -> None:
        self._exchanges.begin(exchange, now)
        exchange.sequence = self._send(
            exchange.message_id, exchange.payload, end=exchange.end, sequence=exchange.sequence
        )

    def _start_own(self, exchange: Exchange, now: float) -> None:
        exchange.abandoned = True  # the session itself takes the reply
        self._start(exchange, now)

    def _send(
        self,
        message_id: int,
        payload: bytes,
        *,
        version: int = REQUEST_VERSION,
        end: bool = False,
        sequence: int | None = None,
    ) -> int:
        wire_id = to_seed_id(message_id) if self.profile.seed_ids else message_id
        if sequence is None:
            sequence = self._sequence
            self._sequence = (sequence + 1) & 0xFFFFFFFF
        sid = self.session_id
        if wire_id in MEDIA_IDS or (wire_id in ZIP_IDS and not self.profile.import_in_parts):
            self._outgoing.append(serialize(wire_id, payload, session_id=sid, sequence=sequence, end=end))
        else:
            self._outgoing += fragment(wire_id, payload, session_id=sid, sequence=sequence, version=version)
        return sequence

    # receiving

    def _receive(self, packet: Packet, now: float) -> None:
        header = packet.header
        if header.message_id in MEDIA_IDS:
            if header.message_id in self._exchanges:
                self._reply(packet, now)
            else:
                self._events.append(packet)
            return
        if self.profile.seed_ids:
            header = header._replace(message_id=from_seed_id(header.message_id))
            packet = Packet(header, packet.payload)
        try:
            whole = self._reassembler.receive(packet, now)
        except FragmentError as error:
            self._fail_fragment(error)
            return
        if whole is not None:
            self._route(whole, now)

    def _route(self, packet: Packet, now: float) -> None:
        header = packet.header
        message_id = header.message_id
        if message_id in self._exchanges:
            self._reply(packet, now)
        elif message_id == MessageId.KEEPALIVE_REPLY:
            self._keepalive_reply(packet, now)
        elif message_id == MessageId.KEEPALIVE:
            if len(self._outgoing) < MAX_UNSENT:
                self._answer(header, {"Name": "KeepAlive", "Ret": 100})
        elif message_id == MessageId.FORCE_LOGOUT:
            self._answer(header, {"Ret": 100})
            self.fail(ConnectionLost("the device ended the session"))
        elif message_id in PUSH_IDS or message_id in self._hand_out:
            self._events.append(PushReceived(header, packet.payload))
        else:
            self.counters["unexpected_replies" if message_id & 1 else "unknown_messages"] += 1

    def _answer(self, header: Header, body: Mapping[str, Any]) -> None:
        data = self._encode(body)
        self._send(reply_id(header.message_id), data, version=REPLY_VERSION, sequence=header.sequence)

    def _reply(self, packet: Packet, now: float) -> None:
        header = packet.header
        exchange = self._exchanges.of(header.message_id)
        if self.session_id and header.session_id not in (0, self.session_id):
            self.counters["foreign_sessions"] += 1
            return
        if self._exchanges.is_repeated(exchange, header):
            self.counters["unexpected_replies"] += 1
            return
        try:
            payload = exchange.collector.add(packet)
        except ProtocolError as error:
            self._fail_exchange(exchange, error)
            return
        if payload is None:
            exchange.deadline = now + exchange.timeout_s  # the timeout is one of silence
            return
        self._exchanges.end(header.message_id)
        if self.state is State.LOGGING_IN:
            self._login_reply(header, payload, now)
        elif self.state is State.LOGGING_OUT:
            self._close(Input.LOGGED_OUT, None)
        elif not exchange.abandoned:
            self._events.append(Replied(exchange, header, payload))

    def _login_reply(self, header: Header, payload: bytes, now: float) -> None:
        try:
            reply = LoginReply.parse(decode_body(payload))
        except ProtocolError as error:
            self._close(Input.LOGIN_REFUSED, error)
            return
        if reply.ret != ReturnCode.OK:
            self._close(Input.LOGIN_REFUSED, error_for_code(reply.ret, "login"))
            return
        self._advance(Input.LOGIN_ACCEPTED)
        self.session_id = header.session_id or reply.session_id or 0
        self.login_reply = reply
        self._keepalive.start(now, reply.alive_interval_s * KEEPALIVE_SHARE)
        self._events.append(LoggedIn(self.session_id, reply))

    def _keepalive_reply(self, packet: Packet, now: float) -> None:
        if (latency := self._keepalive.answered(now)) is not None:
            self.keepalive_latency_s = latency
        try:
            code = return_code(decode_body(packet.payload))
        except ProtocolError:
            return  # that it came is what counts
        if code in SESSION_LOST:
            self.fail(error_for_code(code, "keepalive"))

    # failing

    def _expire_exchanges(self, now: float) -> None:
        for exchange in self._exchanges.expired(now):
            if self._reassembler.is_open(exchange.reply_id):
                # Its reply is arriving in parts; a missing one fails that request alone (DVRIP §2.3).
                exchange.deadline = self._reassembler.next_timeout()
                continue
            error = RequestTimeout(exchange.timeout_name, exchange.timeout_s, exchange.label)
            self._fail_exchange(exchange, error)
            if not exchange.soft:
                self.fail(error)
                return

    def _fail_fragment(self, error: FragmentError) -> None:
        self.counters["fragment_errors"] += 1
        if error.message_id in self._exchanges:
            self._fail_exchange(self._exchanges.of(error.message_id), error)

    def _fail_exchange(self, exchange: Exchange, error: DvripError) -> None:
        self._exchanges.end(exchange.reply_id)
        if self.state is State.LOGGING_IN:
            self._close(Input.LOGIN_REFUSED, error)
        elif self.state is State.LOGGING_OUT:
            self._close(Input.LOGGED_OUT, None)
        elif not exchange.abandoned:
            self._events.append(ExchangeFailed(exchange, error))

    def _close(self, what: Input, error: DvripError | None) -> None:
        self._advance(what)
        self.counters["keepalives_missed"] = self._keepalive.missed
        self._keepalive.stop()
        self._drain(error if error is not None else ConnectionLost("logged out"))
        self._events.append(SessionClosed(error))

    def _drain(self, reason: DvripError) -> None:
        """Fail everything; the reason may be another request's timeout."""
        lost = isinstance(reason, ConnectionLost)
        error = reason if lost else ConnectionLost(f"the connection was closed: {reason}")
        self._events.extend(ExchangeFailed(exchange, error) for exchange in self._exchanges.drain())
