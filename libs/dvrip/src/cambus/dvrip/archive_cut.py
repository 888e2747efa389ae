"""Cutting the bytes of a recording to a span of time, without taking its frames apart (DVRIP §9.2, §10.1).

Devices cut where they like: at the key frame before the time asked for, at the begin of the file, or not at all. What
is needed for a span without gap or overlap is cut here, at key frames, by the DateTime they carry.
"""

from datetime import datetime
from typing import Final

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.frames import MAX_FRAME_BYTES, FrameType, parse_header, unpack_time

_DATED: Final = frozenset({FrameType.KEY, FrameType.PICTURE})


class GroupCutter:
    """Passes the groups of pictures of a span of time, and drops what comes before and behind.

    The group that `begin` falls into is passed whole, so that nothing is missing; the first group that begins at `end`
    or later ends it. Bytes that are no frames are passed as they are from there on: it is not for the cutter to judge
    them.

    Args:
        begin: device local time; None: from the first byte.
        end: device local time; None: to the last byte.
        max_held_bytes: the most that is kept of a group before it is known whether it is wanted.

    Attributes:
        ended: a group at or behind `end` has come; nothing more will be passed.
    """

    def __init__(
        self,
        begin: datetime | None = None,
        end: datetime | None = None,
        *,
        max_held_bytes: int = 2 * MAX_FRAME_BYTES,
    ) -> None:
        self.ended = False
        self._begin = begin
        self._end = end
        self._max_held_bytes = max_held_bytes
        self._passing = begin is None
        self._held = bytearray()
        self._head = b""
        self._left = 0
        self._lost = begin is None and end is None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that belong to the span."""
        if self._lost:
            return data
        out: list[bytes] = []
        at = 0
        if self._head:
            data = self._head + data
            self._head = b""
        while at < len(data) and not self.ended:
            if self._left:
                stop = min(at + self._left, len(data))
                self._left -= stop - at
            else:
                stop = self._open_frame(data, at, out)
            if stop == at:
                self._head = data[at:]
                break
            if not self.ended:
                self._take(data[at:stop], out)
            at = stop
        return b"".join(out)

    def finish(self) -> bytes:
        """There are no more bytes; return what was held back for a group that did not come."""
        rest, self._head = self._head, b""
        held, self._held = bytes(self._held), bytearray()
        return b"" if self.ended else held + (rest if self._passing else b"")

    def _open_frame(self, data: bytes, at: int, out: list[bytes]) -> int:
        """Read the frame header there; return where it ends, `at` if its end has not come yet."""
        try:
            header = parse_header(data, at)
        except MalformedPayload:
            self._lost = self._passing = True
            return len(data)
        if header is None:
            return at
        self._left = header.length
        if header.type in _DATED:
            self._group(unpack_time(header.time), out)
        return at + header.size

    def _group(self, time: datetime | None, out: list[bytes]) -> None:
        """A group begins: decide about it, and about the one held."""
        if time is None:
            return
        if self._end is not None and time >= self._end:
            if not self._passing:
                out.append(bytes(self._held))
                self._held.clear()
            self.ended = True
        elif self._begin is not None and time < self._begin:
            self._held.clear()
            self._passing = False
        elif not self._passing:
            if time != self._begin:  # what is held reaches into the span
                out.append(bytes(self._held))
            self._held.clear()
            self._passing = True
            self._begin = None  # a clock set back in mid-recording drops nothing

    def _take(self, data: bytes, out: list[bytes]) -> None:
        if self._passing:
            out.append(data)
        elif len(self._held) + len(data) <= self._max_held_bytes:
            self._held += data
        else:
            self._held.clear()
