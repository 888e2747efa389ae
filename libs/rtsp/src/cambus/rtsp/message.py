"""What goes over an RTSP connection: requests, responses and interleaved frames (RFC 2326 §4-7, §10.12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cambus.rtsp.status import Status

ENCODING = "utf-8"
"""RTSP is UTF-8 (RFC 2326 §4); bytes that are not survive a round trip as surrogates."""


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was framed; nothing about its meaning is checked yet.

    Attributes:
        method: first word of the request line, as sent.
        url: second word, as sent: `*`, an absolute URL, or a path.
        version: third word, as sent, e.g. `RTSP/1.0`.
        headers: names in lower case; repeated headers are joined with a comma (RFC 2326 §4.2).
        body: the `Content-Length` bytes after the head.
    """

    method: str
    url: str = field(repr=False)  # these may hold a token or credentials
    version: str = "RTSP/1.0"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def serialize(self) -> bytes:
        """The request on the wire; for clients and tests."""
        lines = [f"{self.method} {self.url} {self.version}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body and "content-length" not in {name.lower() for name in self.headers}:
            lines.append(f"Content-Length: {len(self.body)}")
        return _head(lines) + self.body


@dataclass(frozen=True, slots=True)
class Response:
    """One reply; `headers` are written in the order given."""

    status: Status
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""

    def serialize(self) -> bytes:
        """The reply on the wire, `Content-Length` added where there is a body.

        Raises:
            ValueError: a header holds a line break or another control character.
        """
        lines = [f"RTSP/1.0 {self.status.value} {self.status.reason}"]
        for name, value in self.headers:
            if not (name.isprintable() and is_header_text(value)):
                message = f"header {name!r} holds a control character"
                raise ValueError(message)
            lines.append(f"{name}: {value}")
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return _head(lines) + self.body


@dataclass(frozen=True, slots=True)
class InterleavedFrame:
    """Binary data between the messages: `$`, channel, 16-bit length, data (RFC 2326 §10.12)."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ClientResponse:
    """A reply as it was read: a server, which asks nothing, skips it; a client judges it.

    Attributes:
        status_line: as sent, e.g. `RTSP/1.0 200 OK`.
        headers: as of a `Request`.
        body: the `Content-Length` bytes after the head.
    """

    status_line: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


Message = Request | InterleavedFrame | ClientResponse


def is_header_text(value: str) -> bool:
    """Whether `value` can stand in a header: no control character other than a tab."""
    return _CONTROL.search(value) is None


def _head(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode(ENCODING, "surrogateescape")
