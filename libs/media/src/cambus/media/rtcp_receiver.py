"""RTCP as a receiver has to do with it: the clocks of senders read, its own report written (RFC 3550 §6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_SENDER_REPORT, _RECEIVER_REPORT, _SOURCE_DESCRIPTION, _BYE = 200, 201, 202, 203
_CNAME: Final = 1
_HEADER = struct.Struct(">BBH")
_SENDER = struct.Struct(">IIII")
_U32 = struct.Struct(">I")
_NTP_TO_UNIX_S: Final = 2_208_988_800  # 1900 to 1970
_MAX_PACKETS: Final = 64


class SenderReport(NamedTuple):
    """Which wall clock of the sender a timestamp of its belongs to.

    Attributes:
        ssrc: of the sender.
        wall_us: its clock, microseconds since 1970 UTC; far off where nobody has set it.
        rtp_timestamp: the same instant, 32 bits.
    """

    ssrc: int
    wall_us: int
    rtp_timestamp: int


class Bye(NamedTuple):
    """The sender leaves."""

    ssrc: int


def read_rtcp(data: bytes) -> Iterator[SenderReport | Bye]:
    """What a compound packet tells that a receiver goes by; reading ends where it makes no sense any more."""
    at = 0
    for _ in range(_MAX_PACKETS):
        if at + 8 > len(data):
            return
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            return
        ssrc = _U32.unpack_from(data, at + 4)[0]
        if kind == _SENDER_REPORT and end - at >= 24:
            seconds, fraction, stamp, _ = _SENDER.unpack_from(data, at + 8)
            wall_us = (seconds - _NTP_TO_UNIX_S) * 1_000_000 + (fraction * 1_000_000 >> 32)
            yield SenderReport(ssrc, wall_us, stamp)
        elif kind == _BYE and first & 0x1F:
            yield Bye(ssrc)
        at = end


def receiver_report(ssrc: int, cname: str) -> bytes:
    """An empty report and who sends it (§6.4.2, §6.5): what keeps a sender over UDP from giving us up.

    Args:
        ssrc: our own.
        cname: ASCII, at most 255 characters.
    """
    name = cname.encode("ascii")
    item = bytes((_CNAME, len(name))) + name
    item += bytes(4 - len(item) % 4)  # the list ends in a zero and is padded to 32 bits
    empty = _HEADER.pack(0x80, _RECEIVER_REPORT, 1) + _U32.pack(ssrc)
    return empty + _HEADER.pack(0x81, _SOURCE_DESCRIPTION, len(item) // 4 + 1) + _U32.pack(ssrc) + item
