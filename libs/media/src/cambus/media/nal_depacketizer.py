"""Access units out of RTP packets of H.264 (RFC 6184) and H.265 (RFC 7798): single units, aggregates and fragments."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import Final

from cambus.media.frame import Codec
from cambus.media.rtp_input import RtpPacket

_START: Final = b"\x00\x00\x00\x01"
_U16 = struct.Struct(">H")
_STAP_A, _FU_A = 24, 28  # RFC 6184 table 1
_AP, _FU = 48, 49  # RFC 7798 §4.4
MAX_UNIT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture.

    Attributes:
        payload: Annex-B.
        timestamp: of its packets, 32 bits.
        discontinuity: whether something before it is missing.
    """

    payload: bytes
    timestamp: int
    discontinuity: bool = False


class NalDepacketizer:
    """Puts the pictures of one stream together.

    Args:
        codec: H264 or H265.
        max_unit_bytes: larger pictures are dropped.

    Attributes:
        counts: what was dropped, by reason.
    """

    def __init__(self, codec: Codec, *, max_unit_bytes: int = MAX_UNIT_BYTES) -> None:
        if codec not in {Codec.H264, Codec.H265}:
            raise ValueError(f"no NAL units in {codec.name}")
        self.codec = codec
        self.counts: Counter[str] = Counter()
        self._most = max_unit_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = 0
        self._open = False
        self._damaged = False
        self._pictured = False
        self._discontinuity = False

    def push(self, packet: RtpPacket) -> list[AccessUnit]:
        """Take a packet, in order; the pictures it ends."""
        found: list[AccessUnit] = []
        if packet.timestamp != self._timestamp and (self._parts or self._damaged):
            self._end(found)
        self._timestamp = packet.timestamp
        if self.codec is Codec.H264:
            self._h264(packet.payload)
        else:
            self._h265(packet.payload)
        if self._size > self._most:
            self.counts["oversize"] += 1
            self._damaged = True
        # Some cameras mark each parameter set as if it were a picture of its own.
        if packet.marker and (self._pictured or self._damaged):
            self._end(found)
        return found

    def lost(self) -> None:
        """Packets are missing here: the picture under way is worth nothing."""
        self._damaged = True
        self._open = False

    def flush(self) -> list[AccessUnit]:
        """The stream has ended: what is left of it."""
        found: list[AccessUnit] = []
        if self._parts and not self._open:
            self._end(found)
        return found

    def _h264(self, payload: bytes) -> None:
        if not payload:
            return
        kind = payload[0] & 0x1F
        if kind == _STAP_A:
            self._aggregate(payload, 1)
        elif kind == _FU_A:
            if len(payload) > 2:
                first = bytes((payload[0] & 0xE0 | payload[1] & 0x1F,))
                self._fragment(payload[1], first, payload[2:])
        elif kind <= 23:
            self._put(_START, payload)
        else:
            self.counts["unknown-packet"] += 1

    def _h265(self, payload: bytes) -> None:
        if len(payload) < 3:
            return
        kind = payload[0] >> 1 & 0x3F
        if kind == _AP:
            self._aggregate(payload, 2)
        elif kind == _FU:
            first = bytes((payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1]))
            self._fragment(payload[2], first, payload[3:])
        elif kind < _AP:
            self._put(_START, payload)
        else:
            self.counts["unknown-packet"] += 1

    def _aggregate(self, payload: bytes, at: int) -> None:
        while at + 2 <= len(payload):
            size = _U16.unpack_from(payload, at)[0]
            unit = payload[at + 2 : at + 2 + size]
            if len(unit) < size or not size:
                self.counts["bad-aggregate"] += 1
                self._damaged = True
                return
            self._put(_START, unit)
            at += 2 + size

    def _fragment(self, header: int, first: bytes, payload: bytes) -> None:
        """RFC 6184 §5.8, RFC 7798 §4.4.3: the bits say where a unit begins and ends."""
        if header & 0x80:
            self._open = True
            self._put(_START + first, payload)
        elif self._open:
            self._put(b"", payload)
        else:
            self.counts["stray-fragment"] += 1
            self._damaged = True
        if header & 0x40:
            self._open = False

    def _put(self, before: bytes, payload: bytes) -> None:
        if self._damaged:
            return
        if before:
            self._parts.append(before)
            self._pictured = self._pictured or self._is_slice((before + payload[:1])[len(_START)])
        if payload:
            self._parts.append(payload)
        self._size += len(before) + len(payload)

    def _is_slice(self, header: int) -> bool:
        """Whether a unit that begins so is a piece of a picture (H.264 table 7-1, H.265 table 7-1)."""
        return 1 <= header & 0x1F <= 5 if self.codec is Codec.H264 else header >> 1 & 0x3F < 32

    def _end(self, found: list[AccessUnit]) -> None:
        if self._damaged:
            self.counts["damaged"] += 1
            self._discontinuity = True
        elif self._parts:
            found.append(AccessUnit(b"".join(self._parts), self._timestamp, self._discontinuity))
            self._discontinuity = False
        self._parts, self._size = [], 0
        self._open = self._damaged = self._pictured = False
