"""RTCP as a sender has to do with it: its own packets written, what receivers report read (RFC 3550 §6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_BYE = 203
_CNAME = 1
_NTP_TO_UNIX_S = 2_208_988_800  # 1900 to 1970
_MASK = 0xFFFFFFFF
_REPORT = struct.Struct(">BBHIIIIII")
_BLOCK = struct.Struct(">II")
_BLOCK_BYTES = 24
_BLOCKS_AT = {_SENDER_REPORT: 28, _RECEIVER_REPORT: 8}
_MAX_PACKETS = 16


def sender_report(
    ssrc: int, *, wall_us: int, rtp_timestamp: int, packets: int, octets: int, cname: str
) -> bytes:
    """A compound packet of SR and SDES (§6.4.1, §6.5), which every first packet of RTCP has to be.

    Args:
        ssrc: the sender.
        wall_us: a point in time, microseconds since 1970 UTC.
        rtp_timestamp: the same point in time on the clock of the RTP packets.
        packets: RTP packets sent so far, modulo 2^32.
        octets: payload bytes in them, modulo 2^32.
        cname: name that all streams of this source share, at most 255 bytes.

    Raises:
        ValueError: the name is too long.
    """
    seconds, micros = divmod(wall_us, 1_000_000)
    report = _REPORT.pack(
        0x80,
        _SENDER_REPORT,
        _REPORT.size // 4 - 1,
        ssrc,
        (seconds + _NTP_TO_UNIX_S) & _MASK,
        (micros << 32) // 1_000_000,
        rtp_timestamp & _MASK,
        packets & _MASK,
        octets & _MASK,
    )
    name = cname.encode()
    if len(name) > 0xFF:
        message = f"a CNAME of {len(name)} bytes"
        raise ValueError(message)
    item = bytes((_CNAME, len(name))) + name
    item += bytes(4 - len(item) % 4)  # the list ends in a zero and is padded to 32 bits
    return report + struct.pack(">BBHI", 0x81, _SOURCE_DESCRIPTION, len(item) // 4 + 1, ssrc) + item


def bye(ssrc: int) -> bytes:
    """A BYE packet (§6.6): the source leaves. In UDP it goes behind a sender report."""
    return struct.pack(">BBHI", 0x81, _BYE, 1, ssrc)


class Reception(NamedTuple):
    """What one receiver says about the packets of one sender.

    Attributes:
        ssrc: of the sender.
        lost: packets missing since the beginning; negative where some came twice.
    """

    ssrc: int
    lost: int


def receptions(data: bytes) -> Iterator[Reception]:
    """The report blocks of a compound packet (§6.4.1, §6.4.2); reading ends where it makes no sense any more."""
    at = 0
    for _ in range(_MAX_PACKETS):
        if at + 4 > len(data):
            return
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4])
        if data[at] >> 6 != 2 or end > len(data):  # RFC 3550 A.2
            return
        first = _BLOCKS_AT.get(data[at + 1])
        if first is not None:
            count = data[at] & 0x1F
            for block in range(at + first, min(at + first + count * _BLOCK_BYTES, end), _BLOCK_BYTES):
                if block + _BLOCK_BYTES > end:
                    return
                ssrc, losses = _BLOCK.unpack_from(data, block)
                lost = losses & 0xFFFFFF
                yield Reception(ssrc, lost - (1 << 24) if lost >> 23 else lost)
        at = end
