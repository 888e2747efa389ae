"""What the device role asks of the device behind it: credentials, answers and media.

`DeviceRole` speaks the protocol; a `DeviceBackend` is the device: its cameras, disks, users and settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from cambus.dvrip.device_connection import DeviceConnection
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.device_wire import Reply
from cambus.dvrip.payload import JsonObject, decode_body
from cambus.dvrip.values import as_object
from cambus.dvrip.wire import Header


@dataclass(slots=True)
class Request:
    """A request of a client.

    Attributes:
        message_id: its id; the usual one even where the session speaks the ids of the original tables.
        header: as it came.
        payload: the whole body, parts joined.
        session: who asks.
        connection: the socket it came on.
        now: when, seconds of the role's clock.
    """

    message_id: int
    header: Header
    payload: bytes
    session: Session
    connection: DeviceConnection
    now: float
    _body: JsonObject | None = field(default=None, repr=False)

    @property
    def body(self) -> JsonObject:
        """The JSON body.

        Raises:
            MalformedPayload: it is none.
        """
        if self._body is None:
            self._body = decode_body(self.payload)
        return self._body

    @property
    def name(self) -> str:
        """``Name`` of the body, "" when it is missing."""
        name = self.body.get("Name")
        return name if isinstance(name, str) else ""

    def section(self, *names: str) -> dict[str, Any]:
        """The first object found under one of ``names``; empty when there is none."""
        for name in names:
            if isinstance(self.body.get(name), dict):
                return as_object(self.body[name])
        return {}


class OutFrame(NamedTuple):
    """A media frame about to be sent (DVRIP §9.2).

    Attributes:
        due_s: when, in seconds of media time from the start of its source.
        head: its frame header; may be empty.
        body: what follows.
        key: whether a decoder can begin here.
        video: a coded picture, which is lost with its predecessors; other frames stand alone.
        audio: sound (marked 0x80 by some firmware).
    """

    due_s: float
    head: bytes
    body: bytes
    key: bool = False
    video: bool = True
    audio: bool = False


class MediaSource(Protocol):
    """Frames of one live stream, playback, download or talk."""

    @property
    def ready(self) -> bool:
        """Whether `next_frame` can be called; a picture may still be on its way."""
        ...

    @property
    def stream(self) -> int:
        """0 main, 1 and up extra: the selector some firmware puts into reserved byte 2."""
        ...

    def next_frame(self) -> OutFrame | None:
        """The next frame, in order of time; None at the end."""
        ...

    def skip_to_key(self) -> None:
        """Continue with the next key frame: a client asked for one."""
        ...

    def seek(self, time: datetime, /) -> bool:
        """Continue at a device time; False when that cannot be done."""
        ...


class DeviceBackend(Protocol):
    """The device behind the protocol."""

    def check_login(self, user: str, secret: str, encryption: str) -> int:
        """The code for these credentials: 100, or why not; ``encryption`` is ``MD5``, ``NONE`` or an OEM's name."""
        ...

    def login_fields(self) -> Mapping[str, Any]:
        """ChannelNum, DeviceType and ExtraChannel of the login answer."""
        ...

    def max_connections(self) -> int:
        """TCP connections allowed at once."""
        ...

    def handle(self, request: Request) -> Reply | int | None:
        """Answer a request the role does not answer itself: a reply, a bare return code, or None for silence.

        Raises:
            KeyError: the id means nothing to this device.
            MalformedPayload: the body cannot be read.
        """
        ...

    def open_live(self, channel: int, stream: int, now: float) -> MediaSource | int:
        """Live media of a 0-based channel, or a return code."""
        ...

    def playback_channel(self, parameter: Mapping[str, Any]) -> int:
        """The 0-based channel a playback is about, from ``Channel`` or the file's name."""
        ...

    def open_playback(self, playback: Mapping[str, Any], now: float, *, download: bool) -> MediaSource | int:
        """Recorded media as ``OPPlayBack`` asks, or a return code."""
        ...

    def open_talk(self, now: float) -> MediaSource | int:
        """What the device's microphone hears, or a return code."""
        ...

    def talk_audio(self, payload: bytes) -> None:
        """Media bytes a talker sent."""
        ...

    def session_opened(self, session: Session, now: float) -> None:
        """A user logged in."""
        ...

    def session_closed(self, session: Session, now: float) -> None:
        """A session ended, in whatever way."""
        ...
