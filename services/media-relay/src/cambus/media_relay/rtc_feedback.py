"""What a WebRTC viewer reports of the media: packets that are missing, pictures that are, how much gets lost."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
)

MAX_MISSING: Final = 256
"""Of one packet: a viewer who lost more has lost the picture, and asks for a new one."""


@dataclass(slots=True)
class Feedback:
    """What one compound packet says.

    Attributes:
        missing: sequence numbers to be sent again, by SSRC.
        keyframe: whether a new keyframe is asked for (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
        lost: the share of packets that did not arrive since the last report, 0 to 1; by SSRC.
    """

    missing: dict[int, list[int]] = field(default_factory=dict)
    keyframe: bool = False
    lost: dict[int, float] = field(default_factory=dict)


def parse_feedback(data: bytes) -> Feedback:
    """Read a compound RTCP packet; what is malformed or of no interest is ignored."""
    feedback = Feedback()
    for packet in _packets(data):
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            feedback.lost |= {each.ssrc: each.fraction_lost / 256 for each in packet.reports}
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            wanted = feedback.missing.setdefault(packet.media_ssrc, [])
            wanted += packet.lost[: MAX_MISSING - len(wanted)]
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in {RTCP_PSFB_PLI, RTCP_PSFB_FIR}:
            feedback.keyframe = True
    return feedback


def _packets(data: bytes) -> Iterable[object]:
    try:
        return RtcpPacket.parse(data)
    except (ValueError, IndexError, struct.error):
        return ()
