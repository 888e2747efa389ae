"""One publisher at an RTSP 1.0 server, without sockets, clocks or tasks: ANNOUNCE, SETUP, RECORD (RFC 2326 §10).

As with `RtspServerConnection`: the owner feeds bytes and time, reacts to events, writes what is to be sent::

    Announced   what will come: `accept_announce` or `reject` (401, 403, 404, 415 …)
    SetUp       one track: `accept_setup` or `reject`
    Record      it begins: `accept_record` or `reject`; from then on
    TrackData   packets of RTP and RTCP off the connection; those over UDP are the owner's to receive
    Teardown    it is over, and answered

What comes after a reply is worked off after the reply, so packets are never seen before their session is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack
from urllib.parse import urlsplit

from cambus.rtsp.client_errors import MalformedAnswer
from cambus.rtsp.description import Description, Track, parse_description
from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.events import Announced, Event, Record, SetUp, Teardown, TrackData
from cambus.rtsp.message import InterleavedFrame, Request
from cambus.rtsp.record_states import RECORD_TRANSITIONS, RecordMethod, RecordState
from cambus.rtsp.server_dialog import DialogOptions, ServerDialog
from cambus.rtsp.session import is_named, placed
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Transport, choose_transport
from cambus.rtsp.url import parse_url

Asked = Announced | SetUp | Record
_SDP = frozenset({"", "application/sdp"})
_NEEDS_SESSION = frozenset({RecordMethod.RECORD, RecordMethod.PAUSE, RecordMethod.TEARDOWN})


class RtspRecordConnection(ServerDialog[Asked]):
    """The server's side of one publisher's connection, with at most one session.

    Args:
        now: the time, in seconds of any monotonic clock; all later times are of the same clock.
        options: as of `ServerDialog`. A publisher is heard by his packets, too.

    Attributes:
        state: where the session is.
        description: what was announced, and accepted; None before.
        tracks: the tracks set up and how each comes.
        strays: packets on channels nobody has set up, or out of time.
    """

    _public = tuple(RecordMethod)

    def __init__(self, now: float, **options: Unpack[DialogOptions]) -> None:
        super().__init__(now, **options)
        self.strays = 0
        self.state = RecordState.INIT
        self.description: Description | None = None
        self.tracks: dict[int, Transport] = {}
        self._channels: dict[int, tuple[int, bool]] = {}
        self._path = ""
        self._id = ""

    # --- replies of the owner

    def accept_announce(self) -> None:
        """Answer `Announced`: the description is taken.

        Raises:
            LocalProtocolError: no ANNOUNCE waits for its reply.
        """
        event = self._take(Announced)
        self.description, self._path = event.description, event.url.path
        self._finish(event.request, ())

    def accept_setup(self, *, server_ports: tuple[int, int] | None = None) -> None:
        """Answer `SetUp`: the track comes as the event's transport says.

        Args:
            server_ports: where RTP and RTCP of UDP are to be sent.

        Raises:
            LocalProtocolError: no SETUP waits for its reply.
        """
        event = self._take(SetUp)
        transport = replace(event.transport, server_ports=server_ports)
        self._forget_channels(event.track)
        self.tracks[event.track] = transport
        for index, channel in enumerate(transport.channels or ()):
            self._channels[channel] = (event.track, index == 1)
        self._id = self._id or self._new_session_id()
        self._finish(event.request, (("Transport", f"{transport.serialize()};mode=record"),))

    def accept_record(self) -> None:
        """Answer `Record`: what comes from now on is media.

        Raises:
            LocalProtocolError: no RECORD waits for its reply.
        """
        self._finish(self._take(Record).request, ())

    # --- inside

    @property
    def _session_id(self) -> str:
        return self._id

    @property
    def _is_kept_alive(self) -> bool:
        return False

    def _step(self, request: Request) -> None:
        self.state = RECORD_TRANSITIONS[self.state, RecordMethod(request.method)]

    def _told(self, event: Asked) -> Event:
        return event

    def _framed(self, frame: InterleavedFrame) -> None:
        place = self._channels.get(frame.channel)
        if place is None or self.state is not RecordState.RECORDING:
            self.strays += 1
        else:
            self._events.append(TrackData(*place, frame.data))

    def _understand(self, request: Request) -> Asked | None:
        method = RecordMethod(request.method)
        self._check_session(method, request.headers.get("session"))
        if method in {RecordMethod.OPTIONS, RecordMethod.GET_PARAMETER, RecordMethod.SET_PARAMETER}:
            self._keep_alive(request)
            return None
        url = parse_url(request.url)
        if method is RecordMethod.ANNOUNCE:
            return Announced(url, self._described(request), request)
        if method is RecordMethod.SETUP:
            track = self._track(request.url)
            offer = choose_transport(request.headers.get("transport", ""), self._transports, mode="RECORD")
            return SetUp(url, track, placed(self.tracks, track, offer), request)
        if url.path != self._path:
            raise ProtocolError("the session is for another URL", status=Status.NOT_FOUND)
        if method is RecordMethod.RECORD:
            return Record(url, request)
        self._step(request)
        self._reply(request, Status.OK)
        if method is RecordMethod.TEARDOWN:
            self._reset()
            self._events.append(Teardown())
        return None

    def _check_session(self, method: RecordMethod, header: str | None) -> None:
        """Raises ProtocolError: 454 another or no session is named, 455 not in this state."""
        named = None if header is None else header.partition(";")[0].strip()
        if named is not None and method is not RecordMethod.OPTIONS and not is_named(self._id, named):
            raise ProtocolError("no such session", status=Status.SESSION_NOT_FOUND)
        if (self.state, method) not in RECORD_TRANSITIONS:
            text = f"{method} is not valid in state {self.state.value}"
            raise ProtocolError(text, status=Status.METHOD_NOT_VALID)
        if named is None and method in _NEEDS_SESSION:
            raise ProtocolError("the Session header is missing", status=Status.SESSION_NOT_FOUND)

    @staticmethod
    def _described(request: Request) -> Description:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _SDP:
            raise ProtocolError("application/sdp is wanted", status=Status.UNSUPPORTED_MEDIA_TYPE)
        try:
            return parse_description(request.body, server=request.headers.get("user-agent", ""))
        except MalformedAnswer as error:
            raise ProtocolError(error.text) from error

    def _track(self, url: str) -> int:
        """The track a SETUP means, by the control URLs of what was announced (RFC 2326 C.1.1)."""
        tracks = self.description.tracks if self.description is not None else ()
        for track in tracks:
            rest = _without_control(url, track, alone=len(tracks) == 1)
            if rest is not None and parse_url(rest).path == self._path:
                return track.number
        raise ProtocolError("no such track was announced", status=Status.NOT_FOUND)

    def _forget_channels(self, track: int) -> None:
        """A track is set up anew: it comes another way."""
        self._channels = {key: value for key, value in self._channels.items() if value[0] != track}

    def _reset(self) -> None:
        self.state = RecordState.INIT
        self.description = None
        self.tracks, self._channels = {}, {}
        self._path = self._id = ""


def _without_control(url: str, track: Track, *, alone: bool) -> str | None:
    """What is left of a URL without the control of a track at its end; None if it is not of that track."""
    control, whole = track.control.rstrip("/"), url.rstrip("/")
    if "://" in control:
        return _parent(whole) if _controlled(control) == _controlled(whole) else None
    if control in {"", "*"}:
        return whole if alone else None
    for written in (whole, whole.partition("?")[0].rstrip("/")):  # behind the query, or before it
        rest = written.removesuffix("/" + control.lstrip("/"))
        if rest != written:
            return rest
    return None


def _parent(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[0]


def _controlled(url: str) -> str:
    """The path of a control URL, whatever the host is called by."""
    return urlsplit(url).path.rstrip("/")
