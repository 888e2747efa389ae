"""RTP as it comes in: packets read and put in order (RFC 3550 §5.1, GB-171, GB-172)."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Final, NamedTuple

HEADER_BYTES: Final = 12
REORDER_PACKETS: Final = 128
REORDER_S: Final = 0.1
_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")
_SEQUENCES: Final = 1 << 16
_RTCP_TYPES: Final = range(200, 205)


class RtpPacket(NamedTuple):
    """One packet.

    Attributes:
        payload_type: 0..127.
        marker: usually the end of a frame.
        sequence: 16 bits.
        timestamp: 32 bits.
        ssrc: of the sender.
        payload: without padding.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read a packet; None for what is none: another version, RTCP, cut short."""
    if len(data) < HEADER_BYTES or data[1] in _RTCP_TYPES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == 0x80:
        return RtpPacket(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[HEADER_BYTES:])
    if first >> 6 != 2:
        return None
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
    if first & 0x20:
        end -= data[-1]
    if start > end:
        return None
    return RtpPacket(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[start:end])


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram is RTCP (RFC 5761 §4)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and data[1] in _RTCP_TYPES


class ReorderBuffer:
    """Puts packets of one sender in order and drops what comes twice.

    Nothing is held back while nothing is missing.

    Args:
        packets: how many may wait for a missing one.
        wait_s: how long they may.

    Attributes:
        counts: `duplicate`, `late`, `lost` packets.
        expected: the sequence number that comes next; None before the first packet.
    """

    def __init__(self, *, packets: int = REORDER_PACKETS, wait_s: float = REORDER_S) -> None:
        self.counts: Counter[str] = Counter()
        self._most = packets
        self._wait_s = wait_s
        self.expected: int | None = None
        self._waiting: dict[int, RtpPacket] = {}
        self._since = 0.0

    def push(self, packet: RtpPacket, now: float) -> list[RtpPacket | None]:
        """Take a packet; those whose turn has come, None for a gap that will not be filled any more."""
        sequence = packet.sequence
        if self.expected is None or sequence == self.expected:
            self.expected = sequence + 1 & 0xFFFF
            return [packet, *self._run()] if self._waiting else [packet]
        ahead = sequence - self.expected & 0xFFFF
        if 4 * self._most < ahead < _SEQUENCES - 4 * self._most:
            return self._restart(packet)
        if ahead >= _SEQUENCES // 2 or sequence in self._waiting:
            self.counts["duplicate" if ahead < _SEQUENCES // 2 else "late"] += 1
            return []
        if not self._waiting:
            self._since = now
        self._waiting[sequence] = packet
        full = len(self._waiting) >= self._most or now - self._since >= self._wait_s
        return self._skip(now) if full else []

    def due(self, now: float) -> list[RtpPacket | None]:
        """What has waited long enough."""
        return self._skip(now) if self._waiting and now - self._since >= self._wait_s else []

    @property
    def waits(self) -> bool:
        """Whether something has come too early."""
        return bool(self._waiting)

    @property
    def deadline(self) -> float | None:
        """When to call `due`, None if nothing waits."""
        return self._since + self._wait_s if self._waiting else None

    def _run(self) -> list[RtpPacket]:
        found = []
        while (packet := self._waiting.pop(self.expected or 0, None)) is not None:
            found.append(packet)
            self.expected = packet.sequence + 1 & 0xFFFF
        return found

    def _skip(self, now: float) -> list[RtpPacket | None]:
        base = self.expected or 0
        nearest = min(self._waiting, key=lambda sequence: sequence - base & 0xFFFF)
        self.counts["lost"] += nearest - base & 0xFFFF
        self.expected = nearest
        self._since = now
        return [None, *self._run()]

    def _restart(self, packet: RtpPacket) -> list[RtpPacket | None]:
        """The sender began anew: what waited is given up with what was missing."""
        self.counts["restart"] += 1
        self._waiting.clear()
        self.expected = packet.sequence + 1 & 0xFFFF
        return [None, packet]
