"""Requests and responses, and the bytes they are (RFC 3261 §7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cambus.sip.errors import LocalProtocolError, ProtocolError
from cambus.sip.fields import CSeq, NameAddress, Via, tag_of
from cambus.sip.headers import Headers
from cambus.sip.status import reason_of
from cambus.sip.uri import MAX_URI_CHARS

MAX_HEAD_BYTES: Final = 65_536
MAX_FIELDS: Final = 200
_VERSION = "SIP/2.0"
_METHOD = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,40}\Z")  # RFC 3261 §25.1: token
_STATUS_LINE = re.compile(r"(?i)SIP\s*/\s*2\.0\s+(\d{3})(?:\s+(.*))?\Z", re.DOTALL)
_FIELD_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,100}\Z")
_FOLD = re.compile(rb"\r?\n[ \t]+")


@dataclass(slots=True)
class Message:
    """What requests and responses have in common.

    Attributes:
        headers: all fields but Content-Length, which is made from the body.
        body: the bytes behind the head.
    """

    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def call_id(self) -> str:
        """The Call-ID, empty without one."""
        return self.headers.get("Call-ID") or ""

    @property
    def cseq(self) -> CSeq:
        """The CSeq. Raises ProtocolError where it is missing or no CSeq."""
        return CSeq.parse(self.headers.get("CSeq") or "")

    @property
    def from_(self) -> NameAddress:
        """Who asks."""
        return NameAddress.parse(self.headers.get("From") or "")

    @property
    def to(self) -> NameAddress:
        """Who is asked."""
        return NameAddress.parse(self.headers.get("To") or "")

    @property
    def from_tag(self) -> str:
        """The tag of who asks, empty without one."""
        return tag_of(self.headers.get("From") or "")

    @property
    def to_tag(self) -> str:
        """The tag of who is asked, empty without one."""
        return tag_of(self.headers.get("To") or "")

    @property
    def via(self) -> Via:
        """The topmost hop. Raises ProtocolError where there is none."""
        hops = self.headers.listed("Via")
        return Via.parse(hops[0] if hops else "")

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters; empty without one."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def start_line(self) -> str:
        """The first line."""
        raise NotImplementedError

    def serialize(self) -> bytes:
        """The bytes, with the Content-Length of the body.

        Raises:
            LocalProtocolError: a line break in a value: somebody's text was not checked.
        """
        lines = [self.start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
            raise LocalProtocolError("a line break in a header value")
        return text.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


@dataclass(slots=True)
class Request(Message):
    """A request.

    Attributes:
        method: upper case for the methods RFC 3261 knows; they are compared as written (§7.1).
        uri: the Request-URI as text, so that it is echoed and digested as it came.
    """

    method: str = ""
    uri: str = ""

    def start_line(self) -> str:
        """`METHOD URI SIP/2.0`."""
        return f"{self.method} {self.uri} {_VERSION}"


@dataclass(slots=True)
class Response(Message):
    """A response.

    Attributes:
        status: 100..699.
        reason: whatever the peer wrote; it means nothing (GB-019).
    """

    status: int = 0
    reason: str = ""

    @property
    def final(self) -> bool:
        """Whether the transaction is answered by it."""
        return self.status >= 200

    def start_line(self) -> str:
        """`SIP/2.0 200 OK`."""
        return f"{_VERSION} {self.status} {self.reason or reason_of(self.status)}"


def respond(
    request: Request, status: int, *, to_tag: str = "", headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """The response to a request, with what must be echoed (RFC 3261 §8.2.6.2).

    Args:
        request: the request; its Via should carry the source already (`Via.answered_to`).
        status: the status code.
        to_tag: our tag, for a To that has none; 100 carries none.
        headers: more fields.
    """
    response = Response(status=status)
    for name, value in request.headers:
        if name in {"Via", "From", "Call-ID", "CSeq", "Record-Route"}:
            response.headers.add(name, value)
        elif name == "To":
            tagged = to_tag and not tag_of(value)
            response.headers.add(name, f"{value};tag={to_tag}" if tagged else value)
    for name, value in headers:
        response.headers.add(name, value)
    return response


def parse_head(head: bytes) -> Request | Response:
    """Read start line and header fields; the body stays empty.

    Args:
        head: everything before the blank line.

    Raises:
        ProtocolError: no SIP message, or beyond a limit; its status says how to answer, 0 not at all.
    """
    if len(head) > MAX_HEAD_BYTES:
        raise ProtocolError(f"a head of {len(head)} bytes, at most {MAX_HEAD_BYTES} are read", status=0)
    if b"\n " in head or b"\n\t" in head:
        head = _FOLD.sub(b" ", head)
    first, *lines = (line.rstrip(b"\r").replace(b"\r", b" ") for line in head.split(b"\n"))
    message = _start(first)
    if len(lines) > MAX_FIELDS:
        raise ProtocolError(f"{len(lines)} header fields, at most {MAX_FIELDS} are read", status=0)
    offset = len(first)
    for line in lines:
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        name = name.rstrip()
        if colon and _FIELD_NAME.match(name):
            message.headers.add(name, value.strip())
        elif line.strip():
            raise ProtocolError("a header line without a name", offset=offset, context=line)
        offset += len(line) + 2
    return message


def _start(line: bytes) -> Request | Response:
    text = line.decode("utf-8", "surrogateescape").strip()
    status = _STATUS_LINE.match(text)
    if status is not None:
        code = int(status.group(1))
        if not 100 <= code <= 699:
            raise ProtocolError(f"status {code}", status=0, context=line)
        return Response(status=code, reason=(status.group(2) or "").strip())
    method, _, rest = text.partition(" ")
    uri, _, version = rest.strip().rpartition(" ")
    if not version.upper().startswith("SIP/") or not _METHOD.match(method):
        raise ProtocolError("no start line", status=0, context=line)
    request = Request(method=method, uri=uri.strip())
    if version.upper() != _VERSION:
        raise ProtocolError(f"version {version[:10]!a}", status=505, context=line)
    if not request.uri or " " in request.uri or len(request.uri) > MAX_URI_CHARS:
        raise ProtocolError("no Request-URI", status=414 if len(request.uri) > MAX_URI_CHARS else 400)
    return request
