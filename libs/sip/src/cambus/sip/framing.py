"""Where messages begin and end, on datagrams and on byte streams (RFC 3261 §18.3, §7.5).

Devices count wrong, mix line ends, and send noise to keep a NAT open. What can be understood is; what cannot is
counted by its reason and never stops the reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cambus.sip.errors import ProtocolError
from cambus.sip.message import MAX_HEAD_BYTES, Request, Response, parse_head

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_START_LINE = re.compile(rb"(?:[A-Z]{3,12} \S{1,1024} SIP/2\.0|SIP/2\.0 [0-9]{3} ?[^\r\n]{0,60})[ \t]*\r?\n")
_BEGINNING = re.compile(rb"[A-Za-z0-9.!%*_+`'~-]{1,40}(?:[ \t/]|\Z)")
_XML_ROOT = re.compile(rb"<\s*([A-Za-z][\w.:-]{0,40})[\s>]")
_FIELD_LINE = re.compile(rb"[A-Za-z-]{1,40}[ \t]*:")
_METHOD = re.compile(rb"[A-Z]{3,12}(?= )")
_WINDOW: Final = 64
_BETWEEN = re.compile(rb"[\r\n\x00]{0,%d}" % _WINDOW)
_PING: Final = b"\r\n\r\n"
_DIGITS = re.compile(r"[0-9]{1,10}\Z")
_HEAD_AND_END: Final = MAX_HEAD_BYTES + len(_PING)
_KEEP: Final = 1400
"""Bytes kept while looking for a start line: more than one can have."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no message, dropped.

    Attributes:
        reason: from a closed list: `empty`, `keepalive`, `garbage`.
        size: how many.
    """

    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class Ping:
    """The double CRLF of a TCP peer, to be answered with one (RFC 5626 §3.5.1, GB-010)."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that cannot be taken.

    Attributes:
        error: why; its status says what to answer, 0 nothing.
        request: what is known of the request to answer, None if nothing is or it was a response.
        fatal: the stream cannot be followed any further: answer, then close.
    """

    error: ProtocolError
    request: Request | None = None
    fatal: bool = False


Framed = Request | Response | Noise | Ping | Broken


def read_datagram(
    data: bytes, *, max_body_bytes: int = MAX_BODY_BYTES
) -> Request | Response | Noise | Broken:
    """The message in a datagram.

    A missing Content-Length means the rest of it. One that is too large is an error in a request, for then
    something is missing. One that is too small cuts the body, unless that would cut an XML document whose end
    is there (GB-007).
    """
    stripped = data.lstrip(b"\r\n\x00 ")
    if not stripped:
        return Noise("keepalive" if data else "empty", len(data))
    blank = _BLANK_LINE.search(stripped)
    head, body = (stripped[: blank.start()], stripped[blank.end() :]) if blank else (stripped.rstrip(), b"")
    request: Request | None = None
    try:
        message = parse_head(head)
        request = message if isinstance(message, Request) else None
        message.body = _body_of(message, body, max_body_bytes)
    except ProtocolError as error:
        if error.status == 0 or (request is None and head[:4].upper() == b"SIP/"):
            return Noise("garbage", len(data))
        # without its frames, which hold the message and would be held by it
        request = request or _request_of(head)
        if request is not None:
            request.wire_bytes = len(data)
        return Broken(error.with_traceback(None), request)
    message.wire_bytes = len(data)
    return message


def _body_of(message: Request | Response, body: bytes, most: int) -> bytes:
    length = take_content_length(message)
    if length is not None and length > len(body):
        raise ProtocolError(f"{len(body)} bytes of a body of {length}")
    if length is not None and length < len(body):
        body = _cut(body, length)
    if len(body) > most:
        raise ProtocolError(f"a body of {len(body)} bytes", status=413)
    return body


def _cut(body: bytes, length: int) -> bytes:
    root = _XML_ROOT.search(body, 0, length)
    if root is not None:
        end = re.compile(rb"</" + re.escape(root.group(1)) + rb"\s*>").search(body)
        if end is not None and end.end() > length:
            return body[: end.end()]
    return body[:length]


def take_content_length(message: Request | Response) -> int | None:
    """Remove the Content-Length fields; what they say, None where there is none.

    Raises:
        ProtocolError: no number, or several that differ.
    """
    values = message.headers.all("Content-Length")
    if not values:
        return None
    message.headers.remove("Content-Length")
    if not all(_DIGITS.match(value) for value in values) or len(lengths := set(map(int, values))) > 1:
        raise ProtocolError("no Content-Length that can be followed")
    return lengths.pop()


def _request_of(head: bytes) -> Request | None:
    """What can be saved of a request in error: enough to answer it."""
    first, *lines = head.split(b"\n", 100)
    method = _METHOD.match(first)
    fields = [line for line in lines[:99] if _FIELD_LINE.match(line)]
    start = (method.group() if method else b"UNKNOWN") + b" sip:unknown SIP/2.0"
    message = parse_head(b"\n".join([start, *fields]))
    names = {name for name, _ in message.headers}
    if isinstance(message, Request) and names >= {"Via", "From", "To", "Call-ID", "CSeq"}:
        return message
    return None


class StreamReader:
    """Cuts the bytes of a connection into messages.

    After bytes that begin no message, it goes on at the next start line; after a Content-Length that cannot be
    followed it is over (`Broken.fatal`).

    Attributes:
        max_body_bytes: larger bodies end the connection; may be raised once the peer is known.
    """

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._message: Request | Response | None = None
        self._missing = 0
        self._searched = 0
        self._over = False

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not complete yet."""
        return len(self._buffer)

    @property
    def in_head(self) -> bool:
        """Whether a message has begun whose head is not complete."""
        return self._message is None and _may_start(self._buffer)

    @property
    def in_body(self) -> bool:
        """Whether the body of a message is not complete."""
        return self._message is not None

    def receive_data(self, data: bytes) -> list[Framed]:
        """Take bytes; what they complete."""
        if self._over:
            return []
        self._buffer += data
        found: list[Framed] = []
        while not self._over and (each := self._next()) is not None:
            found.append(each)
        return found

    def _next(self) -> Framed | None:
        if self._message is not None:
            return self._body()
        if self._skip_blank():
            return Ping()
        if not self._buffer or _PING.startswith(self._buffer):
            return None
        match = _BLANK_LINE.search(self._buffer, self._searched, _HEAD_AND_END)
        if match is None:
            self._searched = max(0, min(len(self._buffer), _HEAD_AND_END) - len(_PING) + 1)
            return self._without_head()
        head = bytes(self._buffer[: match.start()])
        skipped = _garbage_before(head)
        if skipped:
            self._drop(skipped)
            return Noise("garbage", skipped)
        self._drop(match.end())
        return self._head(head)

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._searched = 0

    def _skip_blank(self) -> bool:
        """Drop what may stand between messages; whether that was a ping."""
        while (blank := _BETWEEN.match(self._buffer)) and (end := blank.end()):
            ping = self._buffer.find(_PING, 0, end)
            if ping >= 0:
                self._drop(ping + len(_PING))
                return True
            kept = 0
            if end in {len(self._buffer), _WINDOW}:  # the beginning of a ping may stand at the end
                kept = next(size for size in (3, 2, 1, 0) if blank.group().endswith(_PING[:size]))
            self._drop(end - kept)
            if end < _WINDOW:
                break
        return False

    def _without_head(self) -> Framed | None:
        if _may_start(self._buffer):
            return (
                None if len(self._buffer) < _HEAD_AND_END else self._fail("a head without an end", status=0)
            )
        match = _START_LINE.search(self._buffer)
        drop = match.start() if match else len(self._buffer) - _KEEP
        if drop <= 0:
            return None
        self._drop(drop)
        return Noise("garbage", drop)

    def _head(self, head: bytes) -> Framed | None:
        message: Request | Response | None = None
        try:
            message = parse_head(head)
            length = take_content_length(message) or 0
        except ProtocolError as error:
            if error.status == 0:
                return Noise("garbage", len(head))
            message = message or _request_of(head)
            if message is not None:
                message.wire_bytes = len(head)
            return self._fail(error.text, message, status=error.status)
        message.wire_bytes = len(head) + length
        if length > self.max_body_bytes:
            return self._fail(f"a body of {length} bytes", message, status=413)
        self._message, self._missing = message, length
        return self._body()

    def _body(self) -> Framed | None:
        message = self._message
        if message is None or len(self._buffer) < self._missing:
            return None
        message.body = bytes(self._buffer[: self._missing])
        self._drop(self._missing)
        self._message = None
        return message

    def _fail(self, text: str, message: Request | Response | None = None, *, status: int) -> Broken:
        self._over = True
        self._buffer.clear()
        request = message if isinstance(message, Request) else None
        return Broken(ProtocolError(text, status=status), request, fatal=True)


def _garbage_before(head: bytes) -> int:
    """How many bytes stand before the start line, if the head does not begin with it."""
    if _may_start(head + b"\n"):
        return 0
    match = _START_LINE.search(head + b"\r\n")
    return match.start() if match else 0


def _may_start(data: bytes | bytearray) -> bool:
    """Whether the first line could be a start line, as far as it is there."""
    if not _BEGINNING.match(data):
        return False
    line, end, _ = bytes(data[:_KEEP]).partition(b"\n")
    if not end:
        return len(data) < _KEEP
    shown = line.rstrip().upper()
    return shown.startswith(b"SIP/2.0") or b"SIP/" in shown[-10:]
