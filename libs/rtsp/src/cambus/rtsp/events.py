"""What a server connection tells its owner.

`Described`, `SetUp`, `Play` and `Pause` of a player, `Announced`, `SetUp` and `Record` of a publisher wait for a reply.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cambus.rtsp.description import Description
from cambus.rtsp.message import Request
from cambus.rtsp.ranges import Range
from cambus.rtsp.transport import Transport
from cambus.rtsp.url import RtspUrl


@dataclass(frozen=True, slots=True)
class Described:
    """DESCRIBE: answer with `accept_describe` or `reject`."""

    url: RtspUrl
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetUp:
    """SETUP of one track: answer with `accept_setup` or `reject`.

    `transport` is the client's first usable offer; interleaved channels are filled in and free.
    """

    url: RtspUrl
    track: int
    transport: Transport
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class Play:
    """PLAY of all tracks set up: answer with `accept_play` or `reject`, then send media.

    `range` is None to go on where it stands; `scale` is the wanted speed factor, None if not asked for.
    """

    url: RtspUrl
    range: Range | None
    scale: float | None
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """PAUSE of all tracks: stop sending, then answer with `accept_pause` or `reject`."""

    url: RtspUrl
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class Announced:
    """ANNOUNCE: a publisher says what it will send; answer with `accept_announce` or `reject`."""

    url: RtspUrl
    description: Description
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """RECORD of all tracks set up: answer with `accept_record` or `reject`; then media comes."""

    url: RtspUrl
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class TrackData:
    """A packet off the connection.

    Attributes:
        track: number of its track.
        rtcp: whether it came as RTCP.
        data: the packet.
    """

    track: int
    rtcp: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Teardown:
    """The session is over, by the client's TEARDOWN; it has been answered. Stop sending."""


@dataclass(frozen=True, slots=True)
class InterleavedData:
    """The client sent binary data on a channel: RTCP, or something to ignore."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more will be read. Flush `data_to_send`, then close the socket.

    Attributes:
        reason: for the log.
        context: the client's bytes at the spot that made it so, at most eight.
    """

    reason: str
    context: bytes = field(default=b"", compare=False)


Event = (
    Described | SetUp | Play | Pause | Announced | Record | TrackData | Teardown | InterleavedData | Closed
)
