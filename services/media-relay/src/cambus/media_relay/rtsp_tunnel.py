"""RTSP inside HTTP, for players whose network lets nothing else pass: two connections are one.

The way QuickTime began and FFmpeg, GStreamer and VLC follow: replies and interleaved media come as the endless body of
a GET, requests go as the endless body of a POST, in Base64; both name one `x-sessioncookie`. Nothing is answered to
the POST.
"""

import base64
import binascii
import re
from typing import Final, Generic, NamedTuple, TypeVar

MAX_HEAD_BYTES: Final = 4096
_VERBS: Final = (b"GET ", b"POST ")
_HEAD_END: Final = b"\r\n\r\n"
_COOKIE: Final = re.compile(rb"\r\nx-sessioncookie:[ \t]*([!-~]{8,128})[ \t]*\r\n", re.IGNORECASE)
_GROUPS: Final = re.compile(rb"[^=]+={0,2}")
_BLANKS: Final = b"\r\n\t "

OPENED: Final = (
    b"HTTP/1.0 200 OK\r\nServer: Cambus\r\nConnection: close\r\nCache-Control: no-store\r\nPragma: no-cache\r\n"
    b"Content-Type: application/x-rtsp-tunnelled\r\n\r\n"
)
REFUSED: Final = b"HTTP/1.0 404 Not Found\r\nServer: Cambus\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

T = TypeVar("T")


class Half(NamedTuple):
    """One half of a tunnel.

    Attributes:
        posts: whether it carries the requests.
        cookie: names the tunnel.
    """

    posts: bool
    cookie: bytes


class Opening:
    """Looks at the first bytes of a connection: RTSP as ever, or half of a tunnel."""

    def __init__(self) -> None:
        self._head = b""

    def feed(self, data: bytes) -> tuple[Half | None, bytes] | None:
        """The half, None for RTSP as ever, and what is behind its head; None while that can not be told."""
        head = self._head = self._head + data
        if not any(head.startswith(verb[: len(head)]) for verb in _VERBS):
            return None, head
        end = head.find(_HEAD_END)
        if end < 0:
            return None if len(head) <= MAX_HEAD_BYTES else (None, head)
        found = _COOKIE.search(head, 0, end + 2)
        if found is None:
            return None, head  # RTSP knows what to say to HTTP
        return Half(head.startswith(b"POST"), found[1]), head[end + len(_HEAD_END) :]


class Unarmour:
    """Base64 as it comes: in any pieces, each request perhaps padded by itself."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes that are complete. Raises ValueError for what is no Base64."""
        text = self._rest + data.translate(None, _BLANKS)
        whole = len(text) // 4 * 4
        self._rest = text[whole:]
        groups = _GROUPS.findall(text[:whole])
        if sum(map(len, groups)) != whole:
            raise ValueError("no Base64: padding without text")
        try:
            return b"".join(base64.b64decode(group, validate=True) for group in groups)
        except binascii.Error as error:
            raise ValueError("no Base64") from error


class Tunnels(Generic[T]):
    """The connections that wait for their other half, by who they are from and what they are called."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, bytes], T] = {}

    def open(self, host: str, cookie: bytes, connection: T) -> bool:
        """Register the half that carries replies; False if there is such a tunnel."""
        return self._open.setdefault((host, cookie), connection) is connection

    def find(self, host: str, cookie: bytes) -> T | None:
        """The half that carries replies; only for who is from the same address."""
        return self._open.get((host, cookie))

    def close(self, host: str, cookie: bytes, connection: T) -> None:
        """That half has gone."""
        if self._open.get((host, cookie)) is connection:
            del self._open[host, cookie]
