"""Media frames cut into media packets (DVRIP §9.2, §18 "chunk")."""

from typing import Final

from cambus.dvrip.device_quirks import DeviceQuirks
from cambus.dvrip.wire import HEAD_FLAG, Header

#: The quirk ``dribble`` sends so much of a frame byte by byte: all of it would be 21 bytes on the wire per
#: byte.
_DRIBBLE_BYTES: Final = 64
_SPLIT_AT: Final = 7

Piece = bytes | memoryview


class Packetizer:
    """Builds the packets of one stream; Sequence starts at 1.

    Args:
        message_id: 1412, 1422, 1426 or 1433.
        session_id: of the header.
        channel: of the header, 0-based.
        stream: 0 main, 1 and up extra; on the wire only with the quirk ``media_marks``.
        quirks: read for every frame, so that they can be switched in mid-stream.
    """

    def __init__(
        self, message_id: int, session_id: int, channel: int, stream: int, quirks: DeviceQuirks
    ) -> None:
        self._message_id = message_id
        self._session_id = session_id
        self._channel = channel
        self._stream = stream
        self._quirks = quirks
        self._joined = bytearray()
        self.sequence = 1

    def packets(self, head: bytes, body: bytes, *, audio: bool = False, last: bool = False) -> list[Piece]:
        """The packets of one frame: header, payload, header, payload and so on, to be written in this order.

        ``last`` sets EndFlag on the last of them.
        """
        quirks = self._quirks
        stream, mark = (self._stream, 0x80 if audio else 0) if quirks.media_marks else (0, 0)
        size = max(1, quirks.chunk_bytes)
        length = len(head) + len(body)
        if quirks.chunk_mode == "joined":
            out = self._join(head + body, stream, mark)
            if last:
                out += self.flush()
        else:
            out = self.flush()
            if quirks.chunk_mode == "frame" or (quirks.chunk_mode == "size" and length <= size):
                out += (self._header(length, stream, mark), head + body)
            elif quirks.chunk_mode == "size" and size >= len(head):
                first = size - len(head)
                out += (self._header(size, stream, mark), head + body[:first])
                view = memoryview(body)
                for start in range(first, len(body), size):
                    piece = view[start : start + size]
                    out += (self._header(len(piece), stream, mark), piece)
            else:
                whole = head + body
                for start, stop in _cuts(quirks.chunk_mode, length, size):
                    out += (self._header(stop - start, stream, mark), whole[start:stop])
        if last and out:
            out[-2] = Header.parse(out[-2])._replace(current_or_end=1).serialize()
        return out

    def flush(self) -> list[Piece]:
        """What ``joined`` still holds back, as a last packet."""
        if not self._joined:
            return []
        rest = bytes(self._joined)
        self._joined.clear()
        return [self._header(len(rest), 0, 0), rest]

    def empty(self, *, end: bool) -> bytes:
        """A packet without payload."""
        return self._header(0, 0, 0, end=end)

    def _join(self, data: bytes, stream: int, mark: int) -> list[Piece]:
        self._joined += data
        size = max(1, self._quirks.chunk_bytes)
        out: list[Piece] = []
        while len(self._joined) >= size:
            out += (self._header(size, stream, mark), bytes(self._joined[:size]))
            del self._joined[:size]
        return out

    def _header(self, length: int, stream: int, mark: int, *, end: bool = False) -> bytes:
        sequence = self.sequence
        self.sequence = (sequence + 1) & 0xFFFFFFFF
        return Header(
            HEAD_FLAG,
            self._quirks.version,
            stream,
            mark,
            self._session_id,
            sequence,
            self._channel,
            int(end),
            self._message_id,
            length,
        ).serialize()


def _cuts(mode: str, length: int, size: int) -> list[tuple[int, int]]:
    """Where a frame of ``length`` bytes is cut."""
    if mode == "dribble":
        borders = [*range(min(length, _DRIBBLE_BYTES)), *range(min(length, _DRIBBLE_BYTES), length, size)]
    elif mode == "split_header":
        borders = [0, *range(min(length, _SPLIT_AT), length, size)]
    else:
        borders = [*range(0, length, size)]
    return list(zip(borders, [*borders[1:], length], strict=True))
