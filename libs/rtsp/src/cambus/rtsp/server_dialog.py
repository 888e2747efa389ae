"""The server's side of a connection, whatever is asked by it: requests one at a time, replies in their order.

`cambus.rtsp.connection` serves those who play, `cambus.rtsp.record_connection` those who publish.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Generic, Protocol, TypedDict, TypeVar

from cambus.rtsp.errors import FramingError, LocalProtocolError, ProtocolError
from cambus.rtsp.events import Closed, Event, InterleavedData
from cambus.rtsp.message import InterleavedFrame, Request, Response
from cambus.rtsp.parser import Limits, MessageParser
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower

Header = tuple[str, str]
METHODS = frozenset(
    {
        "OPTIONS",
        "DESCRIBE",
        "ANNOUNCE",
        "SETUP",
        "PLAY",
        "PAUSE",
        "RECORD",
        "REDIRECT",
        "GET_PARAMETER",
        "SET_PARAMETER",
        "TEARDOWN",
    }
)
"""The methods of RFC 2326 §10: one that a server does not allow is 405, any other word 501."""


class Asked(Protocol):
    """An event that waits for the owner's reply."""

    @property
    def request(self) -> Request:
        """What was asked."""


AskedT = TypeVar("AskedT", bound=Asked)
OneAskedT = TypeVar("OneAskedT", bound=Asked)


class DialogOptions(TypedDict, total=False):
    """What a server may decide about its connections: the arguments of `ServerDialog` behind the time."""

    transports: Collection[Lower]
    session_timeout_s: float
    server: str
    limits: Limits | None
    new_session_id: Callable[[], str]


class ServerDialog(ABC, Generic[AskedT]):
    """What every server connection does with bytes, time and replies.

    Args:
        now: the time, in seconds of any monotonic clock; all later times are of the same clock.
        transports: which lower transports the owner serves.
        session_timeout_s: announced to the client; a connection silent for so long is closed.
        server: value of the `Server` header.
        limits: what a client may make us hold.
        new_session_id: source of unguessable session ids; the default draws 128 random bits.
    """

    _public: ClassVar[Sequence[str]]
    """The methods it knows."""

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
        self._transports = frozenset(transports)
        self._new_session_id = new_session_id
        self._limits = limits or Limits()
        self._parser = MessageParser(self._limits)
        self._timeout_s = session_timeout_s
        self._server = server
        self._awaited: AskedT | None = None
        self._events: list[Event] = []
        self._output: list[bytes] = []
        self._now = now
        self._heard_at = now
        self._closed = False

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
        if self._closed or self._awaited is not None or self._is_kept_alive:
            return None
        return self._heard_at + self._timeout_s

    def heard(self, now: float) -> None:
        """The client has shown by other means that it is there: by RTP or RTCP over UDP (RFC 3550 §6)."""
        self._heard_at = max(self._heard_at, now)

    def handle_timeout(self, now: float) -> None:
        """Close the connection if the client has been silent for too long (RFC 2326 §12.37)."""
        deadline = self.next_timeout()
        if deadline is not None and now >= deadline:
            self._close("no request within the session timeout")

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

    # --- what differs

    @property
    @abstractmethod
    def _session_id(self) -> str:
        """Of the session; empty while there is none."""

    @property
    @abstractmethod
    def _is_kept_alive(self) -> bool:
        """Whether it lives without a sign of the client."""

    @abstractmethod
    def _understand(self, request: Request) -> AskedT | None:
        """The event of a request, None if it has been answered at once. Raises ProtocolError."""

    @abstractmethod
    def _step(self, request: Request) -> None:
        """A request is answered with 200: take the step in the state machine."""

    # --- inside

    def _take(self, kind: type[OneAskedT]) -> OneAskedT:
        event = self._awaited
        if not isinstance(event, kind):
            raise LocalProtocolError(f"no {kind.__name__} waits for its reply")
        self._awaited = None
        return event

    def _finish(self, request: Request, headers: Sequence[Header], body: bytes = b"") -> None:
        """Answer 200, take the step in the state machine and go on reading."""
        if self._closed:
            return
        self._step(request)
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
                self._framed(message)
            elif isinstance(message, Request):
                self._request(message)

    def _framed(self, frame: InterleavedFrame) -> None:
        """Binary data has come."""
        self._events.append(InterleavedData(frame.channel, frame.data))

    def _request(self, request: Request) -> None:
        try:
            self._check_line(request)
            event = self._understand(request)
        except ProtocolError as error:
            self._reply(request, error.status, self._what_instead(error.status, request))
            return
        if event is not None:
            self._awaited = event
            self._events.append(self._told(event))

    @abstractmethod
    def _told(self, event: AskedT) -> Event:
        """The event, as its owner is told."""

    def _check_line(self, request: Request) -> None:
        """Whatever is asked: the version, the number, the method, what is required. Raises ProtocolError."""
        if request.version != "RTSP/1.0":
            raise ProtocolError("not RTSP 1.0", status=Status.VERSION_NOT_SUPPORTED)
        if _cseq(request) is None:
            raise ProtocolError("CSeq is missing or no number")
        if request.method not in self._public:
            foreign = request.method in METHODS
            status = Status.METHOD_NOT_ALLOWED if foreign else Status.NOT_IMPLEMENTED
            raise ProtocolError("not a method of this server", status=status)
        if request.headers.get("require"):
            raise ProtocolError("no option is supported", status=Status.OPTION_NOT_SUPPORTED)

    def _keep_alive(self, request: Request) -> None:
        """OPTIONS and parameters: a sign of life, whatever they say."""
        options = request.method == "OPTIONS"
        if not options and request.body:
            raise ProtocolError("no parameter is known", status=Status.PARAMETER_NOT_UNDERSTOOD)
        self._reply(request, Status.OK, (("Public", ", ".join(self._public)),) if options else ())

    def _reply(
        self, request: Request, status: Status, headers: Sequence[Header] = (), body: bytes = b""
    ) -> None:
        cseq = _cseq(request)
        start: list[Header] = [] if cseq is None else [("CSeq", cseq)]
        start.append(("Server", self._server))
        if self._session_id:
            start.append(("Session", f"{self._session_id};timeout={int(self._timeout_s)}"))
        self._output.append(Response(status, (*start, *headers), body).serialize())

    def _close(self, reason: str, context: bytes = b"") -> None:
        self._closed = True
        self._events.append(Closed(reason, context))

    def _what_instead(self, status: Status, request: Request) -> Sequence[Header]:
        """What the reply to a refused request has to name."""
        if status is Status.NOT_IMPLEMENTED:
            return (("Public", ", ".join(self._public)),)
        if status is Status.METHOD_NOT_ALLOWED:
            return (("Allow", ", ".join(self._public)),)  # RFC 2326 §11.3.2
        if status is Status.OPTION_NOT_SUPPORTED:
            return (("Unsupported", request.headers["require"]),)
        return ()


def _cseq(request: Request) -> str | None:
    """The sequence number to echo (RFC 2326 §12.17), None if there is none."""
    text = request.headers.get("cseq", "")
    return text if text.isascii() and text.isdigit() and len(text) <= 10 else None
