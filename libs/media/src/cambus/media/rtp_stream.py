"""RTP packets in a TCP stream: three framings, told apart by looking, and found again when lost (§11, GB-170, GB-180).

* two bytes of length (RFC 4571), which is the rule;
* `$`, channel, two bytes of length (RFC 2326 §10.12), which some devices use instead;
* a private header of 256 bytes before such packets, which one family of recorders sends.
"""

from __future__ import annotations

import struct
from collections import Counter
from enum import Enum
from typing import Final

MAX_RESYNC_BYTES: Final = 4 * 1024 * 1024
PRIVATE_HEADER_BYTES: Final = 256
_LEAST, _LEAST_RTCP = 12, 8
_BEFORE_RTCP, _AFTER_RTCP = 199, 205
_LOOK = struct.Struct(">HBB6xI")
"""The length before a packet, its first two bytes, and its SSRC."""
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_DOLLAR: Final = 0x24
_PS_STARTS: Final = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xbb")


class Framing(Enum):
    """How packets are set apart; the value is the size of what stands before each."""

    LENGTH = 2
    INTERLEAVED = 4


class StreamLostError(Exception):
    """No packet could be found in `MAX_RESYNC_BYTES`: the connection is worth nothing any more."""


class RtpStreamReader:
    """Cuts the bytes of one connection into packets.

    Args:
        ssrc: of the sender if it is known, for finding packets again.
        max_resync_bytes: how much may be skipped in search of a packet.

    Attributes:
        framing: what was found; None before the first packet.
        counts: `resync` and `skipped` bytes.
    """

    def __init__(self, ssrc: int | None = None, *, max_resync_bytes: int = MAX_RESYNC_BYTES) -> None:
        self.framing: Framing | None = None
        self.counts: Counter[str] = Counter()
        self._ssrc = ssrc
        self._most = max_resync_bytes
        self._buffer = b""
        self._private = False
        self._lost = False
        self._skipped = 0

    def receive_data(self, data: bytes) -> list[bytes]:
        """Take bytes; the packets they complete.

        Returns:
            Packets; an empty one stands for a place where bytes are missing.

        Raises:
            StreamLostError: there is nothing to be found any more.
        """
        self._buffer = self._buffer + data if self._buffer else data
        found: list[bytes] = []
        if self.framing is None and not self._detect():
            return found
        at = 0
        while True:
            if self._lost:
                place = self._search(at)
                if place is None:
                    return found  # what was searched is gone from the buffer
                found.append(b"")
                at = place
            at = self._packets(at, found)
            if not self._lost:
                self._buffer = self._buffer[at:]
                return found

    # --- packets ----------------------------------------------------------------------------------------

    def _packets(self, at: int, found: list[bytes]) -> int:
        """Take the packets that begin here; the place of the first that is not all there, or is none."""
        buffer, framing = self._buffer, self.framing
        assert framing is not None  # noqa: S101 - detected before
        end, head, private = len(buffer), framing.value, self._private
        dollar = head == Framing.INTERLEAVED.value
        while at + head + _LEAST <= end:
            length, first, second, ssrc = _LOOK.unpack_from(buffer, at + head - 2)
            rtcp = _BEFORE_RTCP < second < _AFTER_RTCP  # has its SSRC elsewhere
            if self._ssrc is None and not rtcp:
                self._ssrc = ssrc
            strange = ssrc != self._ssrc and not rtcp
            if (
                length < (_LEAST_RTCP if rtcp else _LEAST)
                or first >> 6 != 2
                or strange
                or (dollar and buffer[at] != _DOLLAR)
            ):
                self._lose()
                return at
            start = at + head
            after = start + length
            if after > end:
                break
            packet = buffer[start:after]
            if private and packet[12:13] == b"\x0d":
                packet = packet[:12] + packet[13:]
            found.append(packet)
            at = after
        return at

    # --- finding the framing ----------------------------------------------------------------------------

    def _detect(self) -> bool:
        buffer = self._buffer
        if len(buffer) < Framing.INTERLEAVED.value + _LEAST:
            return False
        if buffer[0] == 1 and buffer[1] == 0 and buffer[2] >= 1:
            if len(buffer) < PRIVATE_HEADER_BYTES + Framing.INTERLEAVED.value:
                return False
            buffer = self._buffer = buffer[PRIVATE_HEADER_BYTES:]
            self._private = True
        if buffer[0] == _DOLLAR and buffer[4] >> 6 == 2:
            self.framing = Framing.INTERLEAVED
        else:
            self.framing = Framing.LENGTH
        return True

    # --- finding the place again ------------------------------------------------------------------------

    def _lose(self) -> None:
        self._lost = True
        self._skipped = 0
        self.counts["resync"] += 1

    def _search(self, at: int) -> int | None:
        """Look for a packet: its SSRC twice, as far apart as its length says; else the start of a picture.

        Returns:
            Where it begins; None if it is not there, and what cannot be part of it has been dropped.
        """
        assert self.framing is not None  # noqa: S101 - lost after it was detected
        head, buffer = self.framing.value, self._buffer
        place = self._by_ssrc(at, head) if self._ssrc is not None else None
        if place is None:
            place = self._by_picture(at, head)
        if place is None:
            keep = max(at, len(buffer) - 0x10000 - head)
            self._buffer = buffer[keep:]
            self._skip(keep - at)
            return None
        self._skip(place - at)
        self._lost = False
        return place

    def _by_ssrc(self, at: int, head: int) -> int | None:
        buffer, wanted = self._buffer, _U32.pack(self._ssrc or 0)
        spot = buffer.find(wanted, at + head + 8)
        while spot >= 0:
            begin = spot - 8 - head
            length = _U16.unpack_from(buffer, begin + head - 2)[0]
            following = begin + head + length
            if length >= _LEAST and self._begins(begin, head):
                if buffer[following + head + 8 : following + head + 12] == wanted:
                    return begin
                if following + head + 12 > len(buffer):
                    return None  # perhaps; more bytes will tell
            spot = buffer.find(wanted, spot + 1)
        return None

    def _by_picture(self, at: int, head: int) -> int | None:
        for start in _PS_STARTS:
            spot = self._buffer.find(start, at + head + _LEAST)
            begin = spot - _LEAST - head
            if spot >= 0 and begin >= at and self._begins(begin, head):
                length = _U16.unpack_from(self._buffer, begin + head - 2)[0]
                if length >= _LEAST + 4:
                    self._ssrc = _U32.unpack_from(self._buffer, begin + head + 8)[0]
                    return begin
        return None

    def _begins(self, at: int, head: int) -> bool:
        """Whether a packet may begin here: version 2, and `$` where that stands before packets."""
        buffer = self._buffer
        return buffer[at + head] >> 6 == 2 and (head == Framing.LENGTH.value or buffer[at] == _DOLLAR)

    def _skip(self, count: int) -> None:
        self._skipped += count
        self.counts["skipped"] += count
        if self._skipped > self._most:
            raise StreamLostError
