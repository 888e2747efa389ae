"""How a transport delimits what it carries; a frame's head is part of the buffer all viewers share."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PONG: Final = 0xA

_NORMAL_CLOSURE: Final = (1000).to_bytes(2)


class Framing(StrEnum):
    """The framings the outputs use.

    WEBSOCKET has text messages about the stream between the binary ones; players that take a text for an error get
    WEBSOCKET_BINARY, which has none.
    """

    RAW = "raw"
    CHUNKED = "chunked"
    WEBSOCKET = "websocket"
    WEBSOCKET_BINARY = "websocket-binary"


_WEBSOCKETS: Final = frozenset({Framing.WEBSOCKET, Framing.WEBSOCKET_BINARY})


def wrap(framing: Framing, parts: Sequence[bytes]) -> bytes:
    """Join parts into one buffer: plain, an HTTP chunk (RFC 9112 §7.1) or a binary message (RFC 6455 §5.2)."""
    if framing is Framing.CHUNKED:
        return b"".join((b"%x\r\n" % sum(map(len, parts)), *parts, b"\r\n"))
    if framing in _WEBSOCKETS:
        return b"".join((websocket_head(BINARY, sum(map(len, parts))), *parts))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def farewell(framing: Framing) -> bytes:
    """What tells the peer that the stream is over and nothing is missing."""
    if framing is Framing.CHUNKED:
        return b"0\r\n\r\n"
    if framing in _WEBSOCKETS:
        last = websocket_text(json.dumps({"type": "end"})) if framing is Framing.WEBSOCKET else b""
        return last + websocket_head(CLOSE, len(_NORMAL_CLOSURE)) + _NORMAL_CLOSURE
    return b""


def websocket_head(opcode: int, size: int) -> bytes:
    """The head of an unmasked, unfragmented server frame (RFC 6455 §5.2)."""
    first = bytes((0x80 | opcode,))
    if size < 126:
        return first + bytes((size,))
    if size < 1 << 16:
        return first + b"\x7e" + size.to_bytes(2)
    return first + b"\x7f" + size.to_bytes(8)


def websocket_text(text: str) -> bytes:
    """A whole text message from the server."""
    body = text.encode()
    return websocket_head(TEXT, len(body)) + body


def websocket_pong(payload: bytes) -> bytes:
    """The answer to a ping (RFC 6455 §5.5.3); a ping carries at most 125 bytes."""
    return websocket_head(PONG, len(payload)) + payload
