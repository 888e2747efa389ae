"""The chunk stream: messages cut into pieces and put together again (RTMP 1.0 §5.3). Every length is bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cambus.rtmp.errors import ProtocolError
from cambus.rtmp.message import Kind, Message

DEFAULT_CHUNK: Final = 128
MAX_CHUNK: Final = 0xFFFFFF
"""No message is longer, so a larger chunk means nothing (§5.4.1)."""
MAX_CHUNK_STREAMS: Final = 32
MAX_COMMAND_BYTES: Final = 64 * 1024
MAX_MEDIA_BYTES: Final = 8 * 1024 * 1024
_EXTENDED: Final = 0xFFFFFF
_HEADER_BYTES: Final = (11, 7, 3, 0)
_MEDIA: Final = frozenset({Kind.AUDIO, Kind.VIDEO, Kind.AGGREGATE})
_STAMP_MASK: Final = 0xFFFFFFFF


@dataclass(slots=True)
class _ChunkStream:
    """What the next chunk of a chunk stream leaves out."""

    kind: int = 0
    length: int = 0
    message_stream: int = 0
    timestamp: int = 0
    delta: int = 0
    extended: bool = False
    begun: bool = False
    parts: bytearray = field(default_factory=bytearray)
    open: bool = False


class ChunkReader:
    """Puts messages together: `feed` bytes, then call `next_message` until it returns None.

    What is begun and not ended may be one such message and a command, all chunk streams together.

    Attributes:
        max_message_bytes: larger messages end the connection; commands have a smaller bound of their own.
    """

    def __init__(self, *, max_message_bytes: int = MAX_MEDIA_BYTES) -> None:
        self.max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._chunk = DEFAULT_CHUNK
        self._streams: dict[int, _ChunkStream] = {}
        self._waiting = 0
        self._offset = 0

    @property
    def buffered_bytes(self) -> int:
        """Bytes received and not yet part of a returned message, but for those of messages begun."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the transport."""
        self._buffer += data

    def next_message(self) -> Message | None:
        """The next whole message, or None until more bytes come. Chunk sizes and aborts are carried out here.

        Raises:
            ProtocolError: the stream cannot be read any further.
        """
        while True:
            message = self._next_chunk()
            if message is None:
                return None
            if isinstance(message, Message):
                if message.kind == Kind.SET_CHUNK_SIZE:
                    self._set_chunk(message.payload)
                elif message.kind == Kind.ABORT:
                    self._abort(message.payload)
                else:
                    return message

    def _next_chunk(self) -> Message | bool | None:
        """Read a chunk: the message it ends, True if it ends none, None if it has not come whole."""
        buffer = self._buffer
        start = self._basic_header()
        if start is None:
            return None
        form, number, at = start
        stream = self._streams.get(number)
        if stream is None:
            if len(self._streams) >= MAX_CHUNK_STREAMS:
                raise self._error(f"more than {MAX_CHUNK_STREAMS} chunk streams")
            stream = _ChunkStream()
        end = at + _HEADER_BYTES[form]
        if len(buffer) < end:
            return None
        if form > 1 and not stream.begun:  # librtmp begins some with form 1
            raise self._error("a chunk stream begins with what it leaves out")
        head = bytes(buffer[at:end])
        field_ = int.from_bytes(head[:3], "big") if form < 3 else 0
        extended = field_ == _EXTENDED if form < 3 else stream.extended
        stamp = field_
        if extended:
            if len(buffer) < end + 4:
                return None
            stamp = int.from_bytes(buffer[end : end + 4], "big")
            # Some senders do not repeat it where a message goes on.
            if form < 3 or not stream.open or stamp == stream.delta:
                end += 4
        length = int.from_bytes(head[3:6], "big") if form < 2 else stream.length
        begun = len(stream.parts) if stream.open and form == 3 else 0
        size = min(self._chunk, length - begun)
        if form < 2 or not stream.open:
            self._check_length(head[6] if form < 2 else stream.kind, length)
        if len(buffer) < end + size:
            return None
        self._streams[number] = stream
        if form < 3 or not stream.open:
            self._begin(stream, form, head, stamp, extended)
        return self._take(stream, end, size)

    def _basic_header(self) -> tuple[int, int, int] | None:
        """Form, number of the chunk stream and size of the header (§5.3.1.1); None until it is there."""
        buffer = self._buffer
        if not buffer:
            return None
        form, number = buffer[0] >> 6, buffer[0] & 0x3F
        size = 2 if number == 0 else 3 if number == 1 else 1
        if len(buffer) < size:
            return None
        if number == 0:
            number = 64 + buffer[1]
        elif number == 1:
            number = 64 + buffer[1] + 256 * buffer[2]
        return form, number, size

    def _check_length(self, kind: int, length: int) -> None:
        most = self.max_message_bytes if kind in _MEDIA else min(MAX_COMMAND_BYTES, self.max_message_bytes)
        if length > most:
            raise self._error(f"a message of {length} bytes, at most {most} are read")

    def _begin(self, stream: _ChunkStream, form: int, head: bytes, stamp: int, extended: bool) -> None:
        """A message begins: what its header says, and what it leaves out (§5.3.1.2)."""
        if stream.open:  # another began before it was whole
            self._waiting -= len(stream.parts)
            stream.parts.clear()
        if form < 3:
            stream.delta, stream.extended = stamp, extended
        if form < 2:
            stream.length, stream.kind = int.from_bytes(head[3:6], "big"), head[6]
        if form == 0:
            stream.message_stream = int.from_bytes(head[7:11], "little")
            stream.timestamp = stamp
        else:
            stream.timestamp = stream.timestamp + stream.delta & _STAMP_MASK
        stream.begun = stream.open = True

    def _take(self, stream: _ChunkStream, start: int, size: int) -> Message | bool:
        stream.parts += self._buffer[start : start + size]
        self._waiting += size
        del self._buffer[: start + size]
        self._offset += start + size
        if self._waiting > self.max_message_bytes + MAX_COMMAND_BYTES:
            raise self._error("too many bytes in messages that have not ended")
        if len(stream.parts) < stream.length:
            return True
        message = Message(stream.kind, stream.message_stream, stream.timestamp, bytes(stream.parts))
        self._waiting -= len(stream.parts)
        stream.parts = bytearray()
        stream.open = False
        return message

    def _set_chunk(self, payload: bytes) -> None:
        size = int.from_bytes(payload[:4], "big") if len(payload) >= 4 else 0
        if not 1 <= size <= 0x7FFFFFFF:
            raise self._error(f"a chunk size of {size}")
        self._chunk = min(size, MAX_CHUNK)

    def _abort(self, payload: bytes) -> None:
        stream = self._streams.get(int.from_bytes(payload[:4], "big"))
        if stream is not None and stream.open:
            self._waiting -= len(stream.parts)
            stream.parts = bytearray()
            stream.open = False

    def _error(self, text: str) -> ProtocolError:
        return ProtocolError(text, offset=self._offset)


def write_message(message: Message, chunk_stream: int, chunk: int = DEFAULT_CHUNK) -> bytes:
    """A message as chunks: one with the whole header, then ones with none.

    Args:
        message: what to send.
        chunk_stream: 2..63.
        chunk: what the peer was told that chunks have at most.
    """
    stamp = message.timestamp & _STAMP_MASK
    extended = stamp.to_bytes(4, "big") if stamp >= _EXTENDED else b""
    head = min(stamp, _EXTENDED).to_bytes(3, "big") + len(message.payload).to_bytes(3, "big")
    head += bytes((message.kind,)) + message.stream.to_bytes(4, "little") + extended
    pieces = [message.payload[at : at + chunk] for at in range(0, len(message.payload), chunk)] or [b""]
    parts = [bytes((chunk_stream,)), head, pieces[0]]
    for piece in pieces[1:]:
        parts += [bytes((0xC0 | chunk_stream,)), extended, piece]
    return b"".join(parts)
