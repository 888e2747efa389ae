"""Transport streams, for devices that agree on PS and send TS (ISO/IEC 13818-1 §2.4); pictures only."""

from __future__ import annotations

from itertools import count
from typing import Final

from cambus.media.frame import Codec
from cambus.media.mpegps_writer import crc32

PACKET_BYTES: Final = 188
PMT_PID: Final = 0x1000
VIDEO_PID: Final = 0x100
_TYPES: Final = {Codec.H264: 0x1B, Codec.H265: 0x24}
_ROOM: Final = PACKET_BYTES - 4


class TransportStreamMuxer:
    """Writes one transport stream.

    Args:
        video: codec of the pictures.
    """

    def __init__(self, video: Codec) -> None:
        self._counters = {pid: count() for pid in (0, PMT_PID, VIDEO_PID)}
        self._pat = _section(0x00, 1, (1).to_bytes(2, "big") + (0xE000 | PMT_PID).to_bytes(2, "big"))
        stream = bytes((_TYPES[video],)) + (0xE000 | VIDEO_PID).to_bytes(2, "big") + b"\xf0\x00"
        self._pmt = _section(0x02, 1, (0xE000 | VIDEO_PID).to_bytes(2, "big") + b"\xf0\x00" + stream)

    def picture(self, access_unit: bytes, pts: int, *, keyframe: bool) -> bytes:
        """The packets of one picture; before a key frame with the tables."""
        packets = []
        if keyframe:
            packets = [*self._packets(0, b"\x00" + self._pat), *self._packets(PMT_PID, b"\x00" + self._pmt)]
        stamp = bytes(
            (
                0x21 | pts >> 29 & 0x0E,
                pts >> 22 & 0xFF,
                pts >> 14 & 0xFE | 1,
                pts >> 7 & 0xFF,
                pts << 1 & 0xFE | 1,
            )
        )
        pes = b"\x00\x00\x01\xe0\x00\x00\x80\x80\x05" + stamp + access_unit
        return b"".join([*packets, *self._packets(VIDEO_PID, pes)])

    def _packets(self, pid: int, payload: bytes) -> list[bytes]:
        packets = []
        for at in range(0, len(payload), _ROOM):
            piece = payload[at : at + _ROOM]
            start = 0x4000 if at == 0 else 0
            stuffing = _ROOM - len(piece)
            control = (0x30 if stuffing else 0x10) | next(self._counters[pid]) & 0xF
            field = b""
            if stuffing:
                field = bytes((stuffing - 1,)) + (b"\x00" + b"\xff" * (stuffing - 2) if stuffing > 1 else b"")
            packets.append(b"\x47" + (start | pid).to_bytes(2, "big") + bytes((control,)) + field + piece)
        return packets


def _section(table: int, number: int, body: bytes) -> bytes:
    """§2.4.4.3: a table of one section."""
    inner = number.to_bytes(2, "big") + b"\xc1\x00\x00" + body
    head = bytes((table,)) + (0xB000 | len(inner) + 4).to_bytes(2, "big") + inner
    return head + crc32(head).to_bytes(4, "big")
