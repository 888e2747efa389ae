"""RTCP packets of a sender (RFC 3550 §6)."""

from __future__ import annotations

import struct

_SENDER_REPORT = 200
_SOURCE_DESCRIPTION = 202
_BYE = 203
_CNAME = 1
_NTP_TO_UNIX_S = 2_208_988_800  # 1900 to 1970
_MASK = 0xFFFFFFFF
_REPORT = struct.Struct(">BBHIIIIII")


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
