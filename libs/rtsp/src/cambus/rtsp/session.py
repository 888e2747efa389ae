"""The RTSP session of a connection: its id, its tracks, what may be asked of it (RFC 2326 §3.4, A.2)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.states import TRANSITIONS, Method, State
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower, Transport
from cambus.rtsp.url import RtspUrl

_CHANNELS = 256


@dataclass(slots=True)
class Session:
    """One session; it exists from the first accepted SETUP (`id` is then set) to TEARDOWN."""

    state: State = State.INIT
    id: str = field(default="", repr=False)
    path: str = ""
    tracks: dict[int, Transport] = field(default_factory=dict)

    def check(self, method: Method, session_header: str | None) -> None:
        """Check that `method` is allowed now and speaks of this session.

        Raises:
            ProtocolError: 454 another or no session is named, 455 not in this state.
        """
        named = None if session_header is None else session_header.partition(";")[0].strip()
        if named is not None and method is not Method.OPTIONS and not self._is(named):
            raise ProtocolError("no such session", status=Status.SESSION_NOT_FOUND)
        if (self.state, method) not in TRANSITIONS:
            raise ProtocolError(
                f"{method} is not valid in state {self.state.value}", status=Status.METHOD_NOT_VALID
            )
        if named is None and method in {Method.PLAY, Method.PAUSE, Method.TEARDOWN}:
            raise ProtocolError("the Session header is missing", status=Status.SESSION_NOT_FOUND)

    def check_track(self, url: RtspUrl) -> int:
        """The track a SETUP means.

        Raises:
            ProtocolError: 459, it means a whole presentation, or another one than the session has.
        """
        if url.track is None or (self.tracks and url.path != self.path):
            raise ProtocolError(
                "SETUP is for one track of one presentation", status=Status.AGGREGATE_NOT_ALLOWED
            )
        return url.track

    def check_aggregate(self, url: RtspUrl) -> None:
        """Check that PLAY, PAUSE or TEARDOWN means the whole session.

        Raises:
            ProtocolError: 460 one track of several, 404 another presentation.
        """
        if url.path != self.path:
            raise ProtocolError("the session is for another URL", status=Status.NOT_FOUND)
        if url.track is not None and set(self.tracks) != {url.track}:
            raise ProtocolError("the tracks play together", status=Status.ONLY_AGGREGATE_ALLOWED)

    def place(self, track: int, transport: Transport) -> Transport:
        """As `placed`, among the tracks of this session."""
        return placed(self.tracks, track, transport)

    @property
    def is_kept_alive_by_media(self) -> bool:
        """Whether sending media itself shows that the client is there.

        With every track in the TCP connection a dead client shows as a failing write, and many players send
        neither requests nor RTCP while they play; so such a session does not time out.
        """
        return self.state is State.PLAYING and all(t.lower is Lower.TCP for t in self.tracks.values())

    def _is(self, named: str) -> bool:
        return is_named(self.id, named)


def is_named(session_id: str, named: str) -> bool:
    """Whether a client names this session; the empty id is none's."""
    return bool(session_id) and hmac.compare_digest(
        session_id.encode(), named.encode("utf-8", "surrogateescape")
    )


def placed(tracks: Mapping[int, Transport], track: int, transport: Transport) -> Transport:
    """`transport` with interleaved channels that no other track uses, the client's own if they are free.

    Raises:
        ProtocolError: 461, no channels are left, or another track goes another way.
    """
    if any(placed.lower is not transport.lower for other, placed in tracks.items() if other != track):
        raise ProtocolError(
            "the tracks of a session go one way, all of them", status=Status.UNSUPPORTED_TRANSPORT
        )
    if transport.lower is not Lower.TCP:
        return transport
    taken = {
        channel
        for other, placed in tracks.items()
        if other != track and placed.channels is not None
        for channel in placed.channels
    }
    if transport.channels is not None and taken.isdisjoint(transport.channels):
        return transport
    for first in range(0, _CHANNELS, 2):
        if taken.isdisjoint((first, first + 1)):
            return replace(transport, channels=(first, first + 1))
    raise ProtocolError("no interleaved channels are left", status=Status.UNSUPPORTED_TRANSPORT)
