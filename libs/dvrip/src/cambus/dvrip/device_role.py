"""The device side of DVRIP, sans-IO: packets of any number of connections in, packets out (DVRIP §18).

Whoever owns sockets and a clock calls `connection_made`, `receive_data`, `set_writable`, `connection_lost` and
`handle_timeout`, and after each of them writes what the connections of `take_dirty` have to send. Times are seconds
of one monotonic clock.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import DeviceBackend, Request
from cambus.dvrip.device_connection import DeviceConnection, Ending
from cambus.dvrip.device_login import LoginDesk
from cambus.dvrip.device_media import CLAIM_KINDS, CONTROL_KINDS, Dial, Kind, MediaDesk
from cambus.dvrip.device_quirks import DeviceQuirks
from cambus.dvrip.device_sessions import Session, SessionTable
from cambus.dvrip.device_timers import Timer, Timers
from cambus.dvrip.device_wire import JsonReply, Reply, broken_packet, reply_packets
from cambus.dvrip.errors import FragmentError, MalformedPayload
from cambus.dvrip.ids import MEDIA_IDS, SEED_LOGIN, MessageId, reply_id, to_seed_id
from cambus.dvrip.payload import decode_body
from cambus.dvrip.values import parse_session_id
from cambus.dvrip.wire import SESSION_LIMITS, Header, Packet, serialize

#: Requests of the original tables that have another id on the wire, when a client speaks those (DVRIP §4).
_SEED_REQUESTS: Final = {999: 1000, 1001: 1002, 1005: 1006}
#: A socket that shows no session for so long is closed.
_UNBOUND_IDLE_S: Final = 60.0
#: After a forced logout (1004) the client has so long to answer before the connection goes.
_FORCED_LOGOUT_S: Final = 2.0


class DeviceRole:
    """One device.

    Args:
        backend: the device itself.
        quirks: how it deviates from `classic`; may be changed at any time.
        random: all chance in here comes from it, so that a seed reproduces a run.
        dial: opens a second socket to a platform this device registered with (DVRIP §11); see `Dial`.

    Attributes:
        counters: what happened, by name: ``unknown_ids``, ``framing_errors``, ``fragment_errors``, ``malformed``, ...
        on_change: called after anything observable changed.
    """

    def __init__(
        self,
        backend: DeviceBackend,
        quirks: DeviceQuirks,
        random: Random,
        dial: Dial | None = None,
    ) -> None:
        self.backend = backend
        self.quirks = quirks
        self.random = random
        self.timers = Timers()
        self.sessions = SessionTable(random)
        self.media = MediaDesk(self)
        self.login = LoginDesk(self)
        self.connections: dict[DeviceConnection, None] = {}
        self.counters: Counter[str] = Counter()
        self.on_change: Callable[[], None] = _nothing
        self.now = 0.0
        self._dial = dial
        self._dirty: dict[DeviceConnection, None] = {}
        self._idle: dict[DeviceConnection, Timer] = {}

    # ---- what the IO side calls

    def connection_made(self, host: str, now: float) -> DeviceConnection:
        """A peer connected (or we dialled one). Too many connections end at once, or with their first message."""
        self.now = now
        connection = DeviceConnection(host)
        limit = self.quirks.max_connections or self.backend.max_connections()
        if len(self.connections) >= limit:
            self.counters["connections_refused"] += 1
            if self.quirks.over_limit == "close":
                self.end(connection, Ending.CLOSE)
            else:
                connection.refuse_code = self.quirks.over_limit_code
        self.connections[connection] = None
        self._idle[connection] = self.timers.at(
            now + _UNBOUND_IDLE_S, lambda _: self._close_if_unbound(connection)
        )
        self.changed()
        return connection

    def receive_data(self, connection: DeviceConnection, data: bytes, now: float) -> None:
        """Bytes arrived."""
        self.now = now
        for packet in connection.reader.receive_data(data):
            if connection.ending in {Ending.CLOSE, Ending.RESET}:
                return
            self._receive_packet(connection, packet)
        if connection.reader.failure is not None and connection.ending is Ending.NONE:
            self.counters["framing_errors"] += 1
            self.end(connection, Ending.CLOSE)

    def set_writable(self, connection: DeviceConnection, writable: bool, now: float) -> None:
        """The peer does not read fast enough, or does again."""
        self.now = now
        connection.writable = writable
        while writable and connection.blocked:
            connection.blocked.popleft().writable(now)

    def connection_lost(self, connection: DeviceConnection, now: float) -> None:
        """The socket is gone. A session ends with the last socket that used it."""
        self.now = now
        connection.lost = True
        self.connections.pop(connection, None)
        self._dirty.pop(connection, None)
        idle = self._idle.pop(connection, None)
        if idle is not None:
            idle.cancel()
        self.media.connection_lost(connection)
        for session in list(connection.bound):
            session.connections.discard(connection)
            if not session.connections:
                self.end_session(session)
            elif session.registered and connection.session is session:
                self.close_session(session)  # nothing outlives the main connection to a platform (DVRIP §11)
        connection.bound.clear()
        self.changed()

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to do, or None."""
        return self.timers.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self.now = now
        self.timers.run(now)

    def take_dirty(self) -> list[DeviceConnection]:
        """The connections with something to write or to end, each once."""
        dirty = list(self._dirty)
        self._dirty.clear()
        return dirty

    # ---- what the parts of the role and the backend call

    def mark_dirty(self, connection: DeviceConnection) -> None:
        """The connection has something to write."""
        self._dirty[connection] = None

    def changed(self) -> None:
        """Something observable changed."""
        self.on_change()

    def end(self, connection: DeviceConnection, how: Ending) -> None:
        """End a connection."""
        connection.end(how)
        self.mark_dirty(connection)

    def send(self, connection: DeviceConnection, data: bytes) -> None:
        """Write packets."""
        connection.send(data)
        self.mark_dirty(connection)

    def push(
        self, session: Session, message_id: int, fields: Mapping[str, Any], connection: DeviceConnection
    ) -> None:
        """Send a JSON message nobody asked for, on a socket of the session."""
        wire_id = to_seed_id(message_id) if session.seed_ids else message_id
        for data in reply_packets(
            JsonReply(fields),
            wire_id,
            session.session_id,
            connection.next_sequence(),
            self.quirks,
            self.random,
        ):
            self.send(connection, data)

    def push_to_guarded(self, message_id: int, fields: Mapping[str, Any], *, everybody: bool = False) -> int:
        """Push a JSON message to every session that asked for alarms (1500), or to all; how many it reached."""
        reached = 0
        for session in self.sessions:
            connection = next((each for each in session.connections if each.session is session), None)
            if connection is not None and (session.guarded or everybody):
                self.push(session, message_id, fields, connection)
                session.alarms_told += message_id == MessageId.ALARM
                reached += 1
        return reached

    def push_bytes(
        self, session: Session, message_id: int, payload: bytes, connection: DeviceConnection
    ) -> None:
        """Send raw bytes nobody asked for."""
        sequence = connection.next_sequence()
        data = serialize(
            message_id, payload, session_id=session.session_id, sequence=sequence, version=self.quirks.version
        )
        self.send(connection, data)

    def answer(self, request: Request, reply: Reply) -> None:
        """Send the reply of a request the way the quirks want it."""
        quirks, message_id = self.quirks, request.message_id
        if message_id in quirks.silent_ids:
            return
        fault = quirks.reply_fault.get(message_id, quirks.reply_fault.get(0))
        if fault is not None:
            session_id, sequence = request.header.session_id, request.header.sequence
            self.send(request.connection, broken_packet(fault, reply_id(message_id), session_id, sequence))
            return
        data = self.encode_reply(request, reply)
        self.send(request.connection, data)
        if message_id in quirks.double_ids:
            self.send(request.connection, data)

    def encode_reply(self, request: Request, reply: Reply) -> bytes:
        """The packets of a reply."""
        message_id = reply_id(request.header.message_id if request.session.seed_ids else request.message_id)
        if request.message_id in self.quirks.wrong_id_ids:
            message_id = reply_id(message_id)
        return b"".join(
            reply_packets(
                reply,
                message_id,
                request.session.session_id,
                self._sequence(request.header, request.connection),
                self.quirks,
                self.random,
            )
        )

    def answer_code(self, request: Request, code: int, name: str = "") -> None:
        """Answer with a bare return code; errors carry no name unless the request's is given."""
        self.answer(request, JsonReply({"Name": name, "Ret": int(code)}))

    def code_reply(self, request: Request, code: int, name: str) -> bytes:
        """The packets of `answer_code`, to be sent later."""
        return self.encode_reply(request, JsonReply({"Name": name, "Ret": int(code)}))

    def end_session(self, session: Session) -> None:
        """Forget a session: its claims, its talk, its logins; the sockets that logged in stay open."""
        if not self.sessions.remove(session):
            return
        self.media.session_ended(session)
        for connection in list(session.connections):
            connection.bound.discard(session)
            if connection.session is session:
                connection.session = None
        session.connections.clear()
        self.backend.session_closed(session, self.now)
        self.changed()

    def force_logout(self, session: Session) -> None:
        """Log a session out (1004) and close its connections once it answered, or soon after (DVRIP §5)."""
        for connection in session.connections:
            if connection.session is session:
                self.push(session, MessageId.FORCE_LOGOUT, {"Name": ""}, connection)
        self.timers.at(self.now + _FORCED_LOGOUT_S, lambda _: self.close_session(session))

    def close_session(self, session: Session) -> None:
        """End a session and every connection that used it."""
        for connection in list(session.connections):
            self.end(connection, Ending.CLOSE)
        self.end_session(session)

    def bind(self, connection: DeviceConnection, session: Session) -> None:
        """The socket showed a session: it may send as much as a session may."""
        connection.bound.add(session)
        session.connections.add(connection)
        connection.reader.limits = SESSION_LIMITS

    def ask(
        self,
        connection: DeviceConnection,
        message_id: int,
        fields: Mapping[str, Any],
        session_id: int,
        answered: Callable[[Packet], None],
    ) -> None:
        """Send a request of our own to a platform; ``answered`` gets the reply."""
        connection.expected[reply_id(message_id)] = answered
        sequence = connection.next_sequence()
        for data in reply_packets(
            JsonReply(fields), message_id, session_id, sequence, self.quirks, self.random
        ):
            self.send(connection, data)

    def adopt_session(self, session_id: int, user: str, connection: DeviceConnection) -> Session:
        """A platform gave us a session on a connection we dialled: it may ask like any client that logged in."""
        earlier = self.sessions.get(session_id)
        if earlier is not None:
            self.close_session(earlier)
        session = self.sessions.create(user, "DAS", connection, self.now, session_id)
        session.registered = True
        connection.session = session
        self.bind(connection, session)
        self.backend.session_opened(session, self.now)
        self.changed()
        return session

    def dial_back(self, kind: Kind, request: Request) -> None:
        """A platform asks for media (DVRIP §11): whoever dials it says yes."""
        accept = partial(self.answer_code, request, ReturnCode.OK, kind.body_name)
        if self._dial is None:
            accept()
        else:
            self._dial(kind, request.section(kind.body_name), request.session, accept)

    # ---- packets

    def _sequence(self, header: Header, connection: DeviceConnection) -> int:
        match self.quirks.sequence:
            case "echo":
                return header.sequence
            case "echo_plus_1":
                return header.sequence + 1 & 0xFFFFFFFF
            case "own":
                return connection.next_sequence()
        return 0

    def _receive_packet(self, connection: DeviceConnection, packet: Packet) -> None:
        try:
            connection.parts.expire(self.now)
            whole = connection.parts.receive(packet, self.now)
        except FragmentError:
            self.counters["fragment_errors"] += 1
            return
        if whole is None:
            return
        header = whole.header
        delay = self.quirks.delay_s.get(header.message_id, self.quirks.delay_s.get(0, 0.0))
        if delay > 0:
            self.timers.at(self.now + delay, lambda _: self._dispatch(connection, whole))
        else:
            self._dispatch(connection, whole)

    def _dispatch(self, connection: DeviceConnection, packet: Packet) -> None:
        header = packet.header
        if connection.lost or connection.ending is not Ending.NONE:
            return
        if connection.refuse_code:
            self._refuse(connection, header, connection.refuse_code)
            self.end(connection, Ending.CLOSE)
            return
        if header.message_id in connection.expected:
            connection.expected.pop(header.message_id)(packet)
            self.changed()
            return
        if header.message_id in {MessageId.LOGIN, SEED_LOGIN}:
            self.login.login(connection, packet)
            return
        session = self._session_of(connection, packet)
        if session is None:
            claim = header.message_id in CLAIM_KINDS
            self._refuse(
                connection, header, ReturnCode.ILLEGAL_REQUEST if claim else self.quirks.not_logged_in_code
            )
            return
        session.last_seen = self.now
        self.bind(connection, session)
        message_id = header.message_id
        if session.seed_ids and message_id in _SEED_REQUESTS:
            message_id = _SEED_REQUESTS[message_id]
        request = Request(message_id, header, packet.payload, session, connection, self.now)
        try:
            self._handle(request)
        except MalformedPayload:
            self.counters["malformed"] += 1
            self.answer_code(request, ReturnCode.MALFORMED_MESSAGE)

    def _session_of(self, connection: DeviceConnection, packet: Packet) -> Session | None:
        """The session of a message: the header's id wins, then the JSON's, then the socket's login."""
        session = self.sessions.get(packet.header.session_id)
        if session is None and packet.header.message_id not in MEDIA_IDS and packet.payload[:1] == b"{":
            try:
                stated = parse_session_id(decode_body(packet.payload).get("SessionID"))
            except MalformedPayload:
                stated = None
            session = self.sessions.get(stated) if stated and not packet.header.session_id else None
        if session is None and packet.header.session_id == 0:
            session = connection.session
        return session

    def _handle(self, request: Request) -> None:
        message_id = request.message_id
        if message_id in CLAIM_KINDS and request.session.registered:
            self.media.control(
                CLAIM_KINDS[message_id], request
            )  # a platform claims nothing: it asks by that id
        elif message_id in CLAIM_KINDS:
            kind = CLAIM_KINDS[message_id]
            code = self.media.claim(kind, request)
            if code is not None:
                self.answer_code(request, code, kind.body_name)
            if code == ReturnCode.OK:
                self.media.claimed(kind, request)
        elif message_id in CONTROL_KINDS:
            self.media.control(CONTROL_KINDS[message_id], request)
        elif not self.login.handle(request) and not self._handle_push_or_media(request):
            self._ask_backend(request)

    def _handle_push_or_media(self, request: Request) -> bool:
        """Alarms wanted or not, their acknowledgements, and sound for the loudspeaker."""
        message_id = request.message_id
        if message_id in {MessageId.GUARD, MessageId.UNGUARD}:
            request.session.guarded = message_id == MessageId.GUARD
            self.answer_code(request, ReturnCode.OK)
            self.changed()
        elif message_id == reply_id(MessageId.ALARM):
            self.counters["alarms_acknowledged"] += 1
            request.session.alarms_heard += 1
            self.changed()
        elif message_id == MessageId.TALK_DATA_TO_DEVICE:
            if self.media.talker is request.session:
                self.backend.talk_audio(request.payload)
                self.changed()
            else:
                self.counters["talk_without_start"] += 1
        elif message_id == MessageId.FORCE_I_FRAME:
            self.media.force_key(request)
            self.answer_code(request, self.quirks.force_i_frame_code)
        else:
            return False
        return True

    def _ask_backend(self, request: Request) -> None:
        try:
            reply = self.backend.handle(request)
        except KeyError:
            self.counters["unknown_ids"] += 1
            self.answer_code(request, ReturnCode.UNSUPPORTED)
            return
        if isinstance(reply, int):
            self.answer_code(request, reply)
        elif reply is not None:
            self.answer(request, reply)
        self.changed()

    def _refuse(self, connection: DeviceConnection, header: Header, code: int) -> None:
        """Answer a message that has no session."""
        sequence = self._sequence(header, connection)
        reply = JsonReply({"Name": "", "Ret": int(code)})
        for data in reply_packets(
            reply, reply_id(header.message_id), header.session_id, sequence, self.quirks, self.random
        ):
            self.send(connection, data)

    def _close_if_unbound(self, connection: DeviceConnection) -> None:
        if not connection.bound and connection in self.connections:
            self.end(connection, Ending.CLOSE)


def _nothing() -> None:
    """Nobody looks."""
