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
from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.events import Described, Event, Pause, Play, SetUp, Teardown
from cambus.rtsp.message import Request
from cambus.rtsp.ranges import Range, RtpInfo, parse_range
from cambus.rtsp.server_dialog import DialogOptions, Header, ServerDialog
from cambus.rtsp.session import Session
from cambus.rtsp.states import TRANSITIONS, Method, State
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Transport, choose_transport
from cambus.rtsp.url import parse_url

Asked = Described | SetUp | Play | Pause


class RtspServerConnection(ServerDialog[Asked]):
    """The server's side of one RTSP connection, with at most one session.

    Args:
        now: the time, in seconds of any monotonic clock; all later times are of the same clock.
        options: as of `ServerDialog`. A connection that is being sent media over TCP may be silent for any time.
    """

    _public = tuple(Method)

    def __init__(self, now: float, **options: Unpack[DialogOptions]) -> None:
        super().__init__(now, **options)
        self._session = Session()

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._session.state

    @property
    def tracks(self) -> dict[int, Transport]:
        """The tracks set up and how each is sent."""
        return dict(self._session.tracks)

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

    # --- inside

    @property
    def _session_id(self) -> str:
        return self._session.id

    @property
    def _is_kept_alive(self) -> bool:
        return self._session.is_kept_alive_by_media

    def _step(self, request: Request) -> None:
        self._session.state = TRANSITIONS[self._session.state, Method(request.method)]

    def _told(self, event: Asked) -> Event:
        return event

    def _understand(self, request: Request) -> Asked | None:
        """The event of a request, None if it has been answered here."""
        method = Method(request.method)
        self._session.check(method, request.headers.get("session"))
        if method in {Method.OPTIONS, Method.GET_PARAMETER, Method.SET_PARAMETER}:
            self._keep_alive(request)
            return None
        if method is Method.TEARDOWN:
            self._tear_down(request)
            return None
        return self._to_decide(method, request)

    def _to_decide(self, method: Method, request: Request) -> Asked:
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

    def _tear_down(self, request: Request) -> None:
        self._session.check_aggregate(parse_url(request.url))
        self._reply(request, Status.OK)
        self._session = Session()
        self._events.append(Teardown())


def _takes_sdp(accept: str | None) -> bool:
    """Whether an `Accept` header (RFC 2326 §12.1) lets a session description pass; none lets everything."""
    if accept is None or not accept.strip():
        return True
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return not kinds.isdisjoint({"application/sdp", "application/*", "*/*", "*"})


def _scale(request: Request) -> float | None:
    """The `Scale` header (RFC 2326 §12.34)."""
    text = request.headers.get("scale")
    if text is None:
        return None
    if not re.fullmatch(r"-?\d{1,4}(\.\d{1,6})?", text, re.ASCII) or float(text) == 0.0:
        raise ProtocolError("Scale is not a number other than zero")
    return float(text)
