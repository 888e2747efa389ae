"""Cuts the byte stream of a client into messages (RFC 2326 §4, §10.12). Sans-IO; every length is bounded.

Tolerated because clients do it: line ends of LF alone, blank lines between messages, folded headers, several
spaces in the request line. Not tolerated: anything that leaves the end of a message in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cambus.rtsp.errors import FramingError
from cambus.rtsp.message import ENCODING, ClientResponse, InterleavedFrame, Message, Request, is_header_text
from cambus.rtsp.status import Status

_DOLLAR = ord("$")
_BLANKS = b"\r\n"
_INTERLEAVED_HEADER = 4
_CONTEXT_BYTES = 8  # enough to recognise the spot, too little to hold a credential


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may make us hold.

    Attributes:
        head_bytes: request line and headers together.
        header_count: header lines of one message.
        body_bytes: `Content-Length` of one message.
        waiting_bytes: bytes received while a request waits for its reply.
    """

    head_bytes: int = 16 * 1024
    header_count: int = 64
    body_bytes: int = 64 * 1024
    waiting_bytes: int = 256 * 1024


class MessageParser:
    """Incremental parser: `feed` bytes, then call `next_message` until it returns None."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._scanned = 0  # the end of the head was looked for up to here
        self._head: tuple[Request | ClientResponse, int, int] | None = None  # message, head size, body size
        self._offset = 0  # stream offset of _buffer[0]

    @property
    def buffered_bytes(self) -> int:
        """Bytes received and not yet part of a returned message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the transport."""
        self._buffer += data

    def next_message(self) -> Message | None:
        """The next whole message, or None until more bytes come.

        Raises:
            FramingError: the stream cannot be cut any further. The parser must not be used again.
        """
        if self._head is None:
            self._skip_blanks()
            if not self._buffer:
                return None
            if self._buffer[0] == _DOLLAR:
                return self._interleaved()
            self._head = self._read_head()
            if self._head is None:
                return None
        message, head_size, body_size = self._head
        if len(self._buffer) < head_size + body_size:
            return None
        body = bytes(self._buffer[head_size : head_size + body_size])
        self._drop(head_size + body_size)
        self._head = None
        return replace(message, body=body) if body else message

    def _skip_blanks(self) -> None:
        blanks = 0
        while blanks < len(self._buffer) and self._buffer[blanks] in _BLANKS:
            blanks += 1
        if blanks:
            self._drop(blanks)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count
        self._scanned = 0

    def _interleaved(self) -> InterleavedFrame | None:
        if len(self._buffer) < _INTERLEAVED_HEADER:
            return None
        end = _INTERLEAVED_HEADER + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < end:
            return None
        frame = InterleavedFrame(self._buffer[1], bytes(self._buffer[_INTERLEAVED_HEADER:end]))
        self._drop(end)
        return frame

    def _read_head(self) -> tuple[Request | ClientResponse, int, int] | None:
        if not chr(self._buffer[0]).isalpha() or self._buffer[0] > 0x7F:
            raise self._framing("a message must begin with a letter or '$'")
        end = self._find_head_end()
        if end is None or end > self._limits.head_bytes:
            if len(self._buffer) <= self._limits.head_bytes:
                return None
            raise self._framing(f"head longer than {self._limits.head_bytes} bytes")
        lines = bytes(self._buffer[:end]).decode(ENCODING, "surrogateescape").split("\n")
        first = lines[0].strip()
        headers = self._headers(lines[1:])
        body_size = self._body_size(headers)
        if first.startswith("RTSP/"):
            return ClientResponse(first, headers), end, body_size
        words = first.split()
        if len(words) != 3 or not is_header_text(first):
            raise self._framing("the request line is not METHOD URL VERSION")
        return Request(words[0], words[1], words[2], headers), end, body_size

    def _find_head_end(self) -> int | None:
        """Index behind the empty line that ends the head, None while it has not come."""
        start = max(0, self._scanned - 3)
        ends = [
            found + len(mark)
            for mark in (b"\n\r\n", b"\n\n")
            if (found := self._buffer.find(mark, start)) >= 0
        ]
        self._scanned = len(self._buffer)
        return min(ends) if ends else None

    def _headers(self, lines: list[str]) -> dict[str, str]:
        headers: dict[str, str] = {}
        name = ""
        if (
            len(lines) > self._limits.header_count + 2
        ):  # the empty line and the text behind it are not headers
            raise self._framing(f"more than {self._limits.header_count} headers")
        for line in lines:
            text = line.rstrip("\r")
            if not text:
                continue
            if text[0] in " \t" and name:  # folded, RFC 2326 §4.2
                headers[name] = f"{headers[name]} {text.strip()}"
                continue
            raw_name, colon, value = text.partition(":")
            name = raw_name.strip().lower()
            if not colon or not name or not is_header_text(text):
                raise self._framing("a header line is not NAME: VALUE")
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        return headers

    def _body_size(self, headers: dict[str, str]) -> int:
        text = headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise self._framing("Content-Length is not a number")
        size = int(text)
        if size > self._limits.body_bytes:
            raise self._framing(
                f"Content-Length above {self._limits.body_bytes} bytes", status=Status.REQUEST_TOO_LARGE
            )
        return size

    def _framing(self, text: str, *, status: Status = Status.BAD_REQUEST) -> FramingError:
        return FramingError(
            text, status=status, offset=self._offset, context=bytes(self._buffer[:_CONTEXT_BYTES])
        )
