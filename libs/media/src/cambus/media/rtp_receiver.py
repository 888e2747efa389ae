"""RTP of one sender as it comes off a socket, put in order and gathered into runs (RFC 3550 §5.1, GB-171, GB-172).

A run is what shares a timestamp. Everything behind this works once for each run, not for each packet: at a hundred
thousand packets a second, what is done for each of them is what receiving costs.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any, Final, NamedTuple

from cambus.media.rtp_input import HEADER_BYTES, ReorderBuffer, RtpPacket, is_rtcp, parse_rtp

_HEADER = struct.Struct(">BBHII")
_PLAIN: Final = 0x80
"""The first byte of nearly all packets: version 2, no padding, no extension, no contributing sources."""
_MARKER: Final = 0x80
_BEFORE_RTCP, _AFTER_RTCP = 199, 205

Address = tuple[Any, ...]
"""As a socket tells it: the host comes first."""


class RtpRun(NamedTuple):
    """Packets of one payload type and timestamp that follow each other.

    Attributes:
        payload_type: 0..127.
        timestamp: 32 bits.
        payloads: of the packets, in order.
        marker: whether the last has the marker: usually the end of a frame.
    """

    payload_type: int
    timestamp: int
    payloads: list[bytes]
    marker: bool


class RtpReceiver:
    """Sorts the packets of one session.

    Args:
        takes: whether packets with an SSRC from a host are of the session.

    Attributes:
        packets: how many of the session have come.
        octets: bytes in them, without headers.
        counts: what was dropped, by reason: `foreign`, `rtcp`, `not-rtp`.
        order: what has come too early, and counts of what came twice or not at all.
    """

    def __init__(self, takes: Callable[[int, str], bool]) -> None:
        self.packets = 0
        self.octets = 0
        self.counts: Counter[str] = Counter()
        self.order = ReorderBuffer()
        self._takes = takes

    def datagrams(self, batch: Iterable[tuple[bytes, Address]], now: float) -> list[RtpRun | None]:
        """Take datagrams.

        Args:
            batch: what came, and from where.
            now: the time in seconds, of any clock that only rises.

        Returns:
            Runs in order; None stands for packets that are missing for good.
        """
        return self._sort(batch, now)

    def segments(self, packets: Iterable[bytes], host: str) -> list[RtpRun | None]:
        """Take packets off a connection, which come in order; an empty one says that bytes are missing there.

        Returns:
            As `datagrams`.
        """
        return self._sort(zip(packets, repeat((host,)), strict=False), None)

    def due(self, now: float) -> list[RtpRun | None]:
        """What has waited long enough for what is missing before it."""
        return [_alone(packet) for packet in self.order.due(now)]

    def _sort(self, batch: Iterable[tuple[bytes, Address]], now: float | None) -> list[RtpRun | None]:  # noqa: C901, PLR0912, PLR0915 - one loop: calls would cost more than all it does
        found: list[RtpRun | None] = []
        order, unpack = self.order, _HEADER.unpack_from
        expected = None if order.waits else order.expected
        good: tuple[int, Address] | None = None
        payloads: list[bytes] | None = None
        run_type = run_time = -1
        packets = octets = 0
        for data, address in batch:
            size = len(data)
            if size < HEADER_BYTES:
                if data or now is not None:
                    self.counts["rtcp" if is_rtcp(data) else "not-rtp"] += 1
                    continue
                payloads = None
                found.append(None)
                continue
            first, second, sequence, timestamp, ssrc = unpack(data)
            type_ = second & 0x7F
            if first != _PLAIN or _BEFORE_RTCP < second < _AFTER_RTCP:
                read = parse_rtp(data)
                if read is None:
                    self.counts["rtcp" if is_rtcp(data) else "not-rtp"] += 1
                    continue
                payload = read.payload
            else:
                payload = data[HEADER_BYTES:]
            if good is None or good[0] != ssrc or good[1] != address:
                if not self._takes(ssrc, address[0]):
                    self.counts["foreign"] += 1
                    continue
                good = (ssrc, address)
            packets += 1
            octets += len(payload)
            if now is not None:
                if sequence != expected and (expected is not None or order.expected is not None):
                    if expected is not None:
                        order.expected = expected
                    packet = RtpPacket(type_, second >= _MARKER, sequence, timestamp, ssrc, payload)
                    found += map(_alone, order.push(packet, now))
                    expected = None if order.waits else order.expected
                    payloads = None
                    continue
                expected = sequence + 1 & 0xFFFF
            if payloads is not None and timestamp == run_time and type_ == run_type:
                payloads.append(payload)
                if second >= _MARKER:
                    found[-1] = RtpRun(type_, timestamp, payloads, True)
                    payloads = None
                continue
            payloads = [payload]
            run_type, run_time = type_, timestamp
            found.append(RtpRun(type_, timestamp, payloads, second >= _MARKER))
            if second >= _MARKER:
                payloads = None
        if now is not None and expected is not None:
            order.expected = expected
        self.packets += packets
        self.octets += octets
        return found


def _alone(packet: RtpPacket | None) -> RtpRun | None:
    if packet is None:
        return None
    return RtpRun(packet.payload_type, packet.timestamp, [packet.payload], packet.marker)
