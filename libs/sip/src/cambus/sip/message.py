"""Requests and responses, and the bytes they are (RFC 3261 §7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cambus.sip.errors import LocalProtocolError, ProtocolError
from cambus.sip.fields import CSeq, NameAddress, Via, split_outside_quotes, tag_of
from cambus.sip.headers import Headers, known_spelling, spelling
from cambus.sip.status import reason_of
from cambus.sip.uri import MAX_URI_CHARS

MAX_HEAD_BYTES: Final = 65_536
MAX_FIELDS: Final = 200
_VERSION = "SIP/2.0"
_ECHOED = frozenset({"Via", "From", "Call-ID", "CSeq", "Record-Route"})  # RFC 3261 §8.2.6.2, §12.1.1
_METHOD = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,40}\Z")  # RFC 3261 §25.1: token
_STATUS_LINE = re.compile(r"(?i)SIP\s*/\s*2\.0\s+([0-9]{3})(?:\s+(.*))?\Z", re.DOTALL)
_FIELD_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,100}\Z")
_FOLD = re.compile(rb"\r?\n[ \t]+")


@dataclass(slots=True)
class Message:
    """What requests and responses have in common.

    Attributes:
        headers: all fields but Content-Length, which is made from the body.
        body: the bytes behind the head.
        wire_bytes: how long it was when it came; 0 for what is made here.
    """

    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    wire_bytes: int = field(default=0, kw_only=True, compare=False, repr=False)

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
        return Via.parse(next(split_outside_quotes(self.headers.get("Via") or "", ",")))

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
            LocalProtocolError: a line break in a value, or half a surrogate pair: somebody's text was not checked.
        """
        lines = [self.start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
            raise LocalProtocolError("a line break in a header value")
        try:
            return text.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body
        except UnicodeEncodeError:
            raise LocalProtocolError("a header value that is no text") from None


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
    fields = []
    for name, value in request.headers:
        if name in _ECHOED:
            fields.append((name, value))
        elif name == "To":
            fields.append((name, f"{value};tag={to_tag}" if to_tag and not tag_of(value) else value))
    fields += [(spelling(name), value) for name, value in headers]
    return Response(Headers.spelled(fields), status=status)


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
    text = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", " ")
    first, *lines = text.split("\n")
    message = _start(first)
    if len(lines) > MAX_FIELDS:
        raise ProtocolError(f"{len(lines)} header fields, at most {MAX_FIELDS} are read", status=413)
    message.headers = Headers.spelled([pair for line in lines if (pair := _field(line)) is not None])
    return message


def _field(line: str) -> tuple[str, str] | None:
    """Name and value; None for a line with nothing on it."""
    name, colon, value = line.partition(":")
    usual = known_spelling(name)
    if usual is None:
        name = name.rstrip(" \t")
        if not colon or not _FIELD_NAME.match(name):
            if line.strip(" \t"):
                raise ProtocolError("a header line without a name", context=_bytes(line))
            return None
        usual = spelling(name)
    elif not colon:
        raise ProtocolError("a header line without a value", context=_bytes(line))
    return usual, value.strip(" \t")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _start(line: str) -> Request | Response:
    text = line.strip()
    status = _STATUS_LINE.match(text)
    if status is not None:
        code = int(status.group(1))
        if not 100 <= code <= 699:
            raise ProtocolError(f"status {code}", status=0, context=_bytes(line))
        return Response(status=code, reason=(status.group(2) or "").strip())
    method, _, rest = text.partition(" ")
    uri, _, version = rest.strip().rpartition(" ")
    if not version.upper().startswith("SIP/") or not _METHOD.match(method):
        raise ProtocolError("no start line", status=0, context=_bytes(line))
    request = Request(method=method, uri=uri.strip())
    if version.upper() != _VERSION:
        raise ProtocolError(f"version {version[:10]!a}", status=505, context=_bytes(line))
    if not request.uri or " " in request.uri or len(request.uri) > MAX_URI_CHARS:
        raise ProtocolError("no Request-URI", status=414 if len(request.uri) > MAX_URI_CHARS else 400)
    return request
