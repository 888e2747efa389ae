"""One client of an RTSP 1.0 server, without sockets, clocks or tasks (RFC 2326).

The owner of the socket does this after each read, each timeout and each reply::

    connection.receive_data(data, now)           # or handle_timeout(now), or accept_…() / reject(…)
    for event in connection.events_received():   # react: accept_…() / reject(…) may come later
        ...
    for chunk in connection.data_to_send():      # write in this order, media behind it
        ...

Requests are worked off one at a time: while one waits for the owner's reply nothing behind it is read, so
replies keep the order of the requests. A reply that comes after `Closed` is ignored. OPTIONS, GET_PARAMETER,
SET_PARAMETER and TEARDOWN are answered here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from cambus.rtsp.errors import FramingError, LocalProtocolError, ProtocolError
from cambus.rtsp.events import Closed, Described, Event, InterleavedData, Pause, Play, SetUp, Teardown
from cambus.rtsp.message import InterleavedFrame, Request, Response
from cambus.rtsp.parser import Limits, MessageParser
from cambus.rtsp.ranges import Range, RtpInfo, parse_range
from cambus.rtsp.session import Session
from cambus.rtsp.states import FOREIGN_METHODS, TRANSITIONS, Method, State
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower, Transport, choose_transport
from cambus.rtsp.url import parse_url

PUBLIC = ", ".join(Method)
Header = tuple[str, str]
_Awaited = TypeVar("_Awaited", Described, SetUp, Play, Pause)


class RtspServerConnection:
    """The server's side of one RTSP connection, with at most one session.

    Args:
        now: the time, in seconds of any monotonic clock; all later times are of the same clock.
        transports: which lower transports the owner can serve.
        session_timeout_s: announced to the client; a connection silent for so long is closed, unless it is
            being sent media over TCP.
        server: value of the `Server` header.
        limits: what a client may make us hold.
        new_session_id: source of unguessable session ids; the default draws 128 random bits.
    """

    def __init__(
        self,
        now: float,
        *,
        transports: Collection[Lower] = (Lower.TCP,),
        session_timeout_s: float = 60.0,
        server: str = "Cambus",
        limits: Limits | None = None,
        new_session_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._limits = limits or Limits()
        self._parser = MessageParser(self._limits)
        self._transports = frozenset(transports)
        self._timeout_s = session_timeout_s
        self._server = server
        self._new_session_id = new_session_id
        self._session = Session()
        self._awaited: Described | SetUp | Play | Pause | None = None
        self._events: list[Event] = []
        self._output: list[bytes] = []
        self._now = now
        self._heard_at = now
        self._closed = False

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._session.state

    @property
    def tracks(self) -> dict[int, Transport]:
        """The tracks set up and how each is sent."""
        return dict(self._session.tracks)

    @property
    def awaiting_reply(self) -> bool:
        """Whether the owner owes a reply; until then it may pause reading."""
        return self._awaited is not None and not self._closed

    @property
    def closed(self) -> bool:
        """Whether the owner should close the socket once `data_to_send` is written."""
        return self._closed

    # --- bytes and time in, events and bytes out

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes of the client; whatever is wrong with them becomes a reply, or a reply and `Closed`."""
        if self._closed:
            return
        self._now = now
        self._parser.feed(data)
        self._advance()
        if self._awaited is not None and self._parser.buffered_bytes > self._limits.waiting_bytes:
            self._close("too many bytes while a request waits for its reply")

    def events_received(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> list[bytes]:
        """The replies since the last call, in order."""
        output, self._output = self._output, []
        return output

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`, None if there is nothing to wait for."""
        if self._closed or self._awaited is not None or self._session.is_kept_alive_by_media:
            return None
        return self._heard_at + self._timeout_s

    def heard(self, now: float) -> None:
        """The client has shown by other means that it is there: by RTCP over UDP (RFC 3550 §6)."""
        self._heard_at = max(self._heard_at, now)

    def handle_timeout(self, now: float) -> None:
        """Close the connection if the client has been silent for too long (RFC 2326 §12.37)."""
        deadline = self.next_timeout()
        if deadline is not None and now >= deadline:
            self._close("no request within the session timeout")

    # --- replies of the owner

    def accept_describe(self, sdp: str) -> None:
        """Answer `Described` with a session description whose control URLs are relative.

        Raises:
            LocalProtocolError: no DESCRIBE waits for its reply.
        """
        event = self._take(Described)
        headers = (("Content-Base", event.url.content_base), ("Content-Type", "application/sdp"))
        self._finish(event.request, headers, sdp.encode())

    def accept_setup(
        self,
        *,
        ssrc: int | None = None,
        server_ports: tuple[int, int] | None = None,
        channels: tuple[int, int] | None = None,
        source: str | None = None,
    ) -> None:
        """Answer `SetUp`: the track is sent as the event's transport says.

        Args:
            ssrc: of the RTP packets.
            server_ports: where the RTP and RTCP of UDP come from.
            channels: other interleaved channels than the client's, which no other track may use; players go by
                the answer.
            source: address the UDP comes from, if it is not the one of this connection.

        Raises:
            LocalProtocolError: no SETUP waits for its reply.
        """
        event = self._take(SetUp)
        session = self._session
        channels = channels or event.transport.channels
        transport = replace(
            event.transport, ssrc=ssrc, server_ports=server_ports, channels=channels, source=source
        )
        session.tracks[event.track] = transport
        session.path = event.url.path
        session.id = session.id or self._new_session_id()
        self._finish(event.request, (("Transport", transport.serialize()),))

    def accept_play(
        self,
        rtp_info: Sequence[RtpInfo] = (),
        *,
        range_: Range | None = None,
        scale: float | None = None,
    ) -> None:
        """Answer `Play`; write `data_to_send` before the first packet of media.

        Args:
            rtp_info: the next sequence number and timestamp of each track.
            range_: what will be played.
            scale: the speed chosen, if the client asked for one.

        Raises:
            LocalProtocolError: no PLAY waits for its reply.
        """
        event = self._take(Play)
        headers: list[Header] = []
        if range_ is not None:
            headers.append(("Range", range_.serialize()))
        if scale is not None:
            headers.append(("Scale", f"{scale:g}"))
        if rtp_info:
            entries = (f"url={event.url.control(i.track)};seq={i.seq};rtptime={i.rtptime}" for i in rtp_info)
            headers.append(("RTP-Info", ",".join(entries)))
        self._finish(event.request, headers)

    def accept_pause(self) -> None:
        """Answer `Pause`.

        Raises:
            LocalProtocolError: no PAUSE waits for its reply.
        """
        self._finish(self._take(Pause).request, ())

    def reject(self, status: Status, headers: Sequence[Header] = ()) -> None:
        """Refuse the request that waits, e.g. 401 with `WWW-Authenticate`, 403, 404, 503. The state stays.

        Raises:
            LocalProtocolError: no request waits for a reply.
        """
        if self._awaited is None:
            raise LocalProtocolError("no request waits for a reply")
        request, self._awaited = self._awaited.request, None
        if self._closed:
            return
        self._heard_at = self._now
        self._reply(request, status, headers)
        self._advance()

    # --- inside

    def _take(self, kind: type[_Awaited]) -> _Awaited:
        event = self._awaited
        if not isinstance(event, kind):
            raise LocalProtocolError(f"no {kind.__name__} waits for its reply")
        self._awaited = None
        return event

    def _finish(self, request: Request, headers: Sequence[Header], body: bytes = b"") -> None:
        """Answer 200, take the step in the state machine and go on reading."""
        if self._closed:
            return
        self._session.state = TRANSITIONS[self._session.state, Method(request.method)]
        self._heard_at = self._now
        self._reply(request, Status.OK, headers, body)
        self._advance()

    def _advance(self) -> None:
        while self._awaited is None and not self._closed:
            try:
                message = self._parser.next_message()
            except FramingError as error:
                self._output.append(Response(error.status, (("Server", self._server),)).serialize())
                self._close(f"{error.text} at byte {error.offset}", error.context)
                return
            if message is None:
                return
            self._heard_at = self._now
            if isinstance(message, InterleavedFrame):
                self._events.append(InterleavedData(message.channel, message.data))
            elif isinstance(message, Request):
                self._request(message)

    def _request(self, request: Request) -> None:
        try:
            event = self._understand(request)
        except ProtocolError as error:
            self._reply(request, error.status, _what_instead(error.status, request))
            return
        if event is not None:
            self._awaited = event
            self._events.append(event)

    def _understand(self, request: Request) -> Described | SetUp | Play | Pause | None:
        """The event of a request, None if it has been answered here."""
        if request.version != "RTSP/1.0":
            raise ProtocolError("not RTSP 1.0", status=Status.VERSION_NOT_SUPPORTED)
        if _cseq(request) is None:
            raise ProtocolError("CSeq is missing or no number")
        try:
            method = Method(request.method)
        except ValueError as error:
            foreign = request.method in FOREIGN_METHODS
            status = Status.METHOD_NOT_ALLOWED if foreign else Status.NOT_IMPLEMENTED
            raise ProtocolError("not a method of this server", status=status) from error
        if request.headers.get("require"):
            raise ProtocolError("no option is supported", status=_UNSUPPORTED)
        self._session.check(method, request.headers.get("session"))
        if method in {Method.OPTIONS, Method.GET_PARAMETER, Method.SET_PARAMETER}:
            self._keep_alive(method, request)
            return None
        if method is Method.TEARDOWN:
            self._tear_down(request)
            return None
        return self._to_decide(method, request)

    def _to_decide(self, method: Method, request: Request) -> Described | SetUp | Play | Pause:
        url = parse_url(request.url)
        session = self._session
        if method is Method.DESCRIBE:
            if not _takes_sdp(request.headers.get("accept")):
                raise ProtocolError("there is application/sdp only", status=Status.NOT_ACCEPTABLE)
            return Described(url, request)
        if method is Method.SETUP:
            track = session.check_track(url)
            offer = choose_transport(request.headers.get("transport", ""), self._transports)
            return SetUp(url, track, session.place(track, offer), request)
        session.check_aggregate(url)
        if method is Method.PAUSE:
            return Pause(url, request)
        wanted = request.headers.get("range")
        return Play(url, parse_range(wanted) if wanted else None, _scale(request), request)

    def _keep_alive(self, method: Method, request: Request) -> None:
        if method is not Method.OPTIONS and request.body:
            raise ProtocolError("no parameter is known", status=Status.PARAMETER_NOT_UNDERSTOOD)
        self._reply(request, Status.OK, (("Public", PUBLIC),) if method is Method.OPTIONS else ())

    def _tear_down(self, request: Request) -> None:
        self._session.check_aggregate(parse_url(request.url))
        self._reply(request, Status.OK)
        self._session = Session()
        self._events.append(Teardown())

    def _reply(
        self, request: Request, status: Status, headers: Sequence[Header] = (), body: bytes = b""
    ) -> None:
        cseq = _cseq(request)
        start: list[Header] = [] if cseq is None else [("CSeq", cseq)]
        start.append(("Server", self._server))
        if self._session.id:
            start.append(("Session", f"{self._session.id};timeout={int(self._timeout_s)}"))
        self._output.append(Response(status, (*start, *headers), body).serialize())

    def _close(self, reason: str, context: bytes = b"") -> None:
        self._closed = True
        self._events.append(Closed(reason, context))


_UNSUPPORTED = Status.OPTION_NOT_SUPPORTED


def _what_instead(status: Status, request: Request) -> Sequence[Header]:
    """What the reply to a refused request has to name."""
    if status is Status.NOT_IMPLEMENTED:
        return (("Public", PUBLIC),)
    if status is Status.METHOD_NOT_ALLOWED:
        return (("Allow", PUBLIC),)  # RFC 2326 §11.3.2
    if status is _UNSUPPORTED:
        return (("Unsupported", request.headers["require"]),)
    return ()


def _takes_sdp(accept: str | None) -> bool:
    """Whether an `Accept` header (RFC 2326 §12.1) lets a session description pass; none lets everything."""
    if accept is None or not accept.strip():
        return True
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return not kinds.isdisjoint({"application/sdp", "application/*", "*/*", "*"})


def _cseq(request: Request) -> str | None:
    """The sequence number to echo (RFC 2326 §12.17), None if there is none."""
    text = request.headers.get("cseq", "")
    return text if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _scale(request: Request) -> float | None:
    """The `Scale` header (RFC 2326 §12.34)."""
    text = request.headers.get("scale")
    if text is None:
        return None
    if not re.fullmatch(r"-?\d{1,4}(\.\d{1,6})?", text, re.ASCII) or float(text) == 0.0:
        raise ProtocolError("Scale is not a number other than zero")
    return float(text)
