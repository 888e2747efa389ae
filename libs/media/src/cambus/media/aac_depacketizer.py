"""Frames of AAC out of RTP packets of `mpeg4-generic` (RFC 3640 §3.2, §3.3.5, §3.3.6)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from cambus.media.bitreader import BitReader
from cambus.media.errors import BitstreamError
from cambus.media.rtp_input import RtpPacket

SAMPLES: Final = 1024
"""Samples of each channel in a frame."""
MAX_FRAME_BYTES: Final = 64 * 1024
_MAX_FRAMES: Final = 64


@dataclass(frozen=True, slots=True)
class AacLayout:
    """The parameters of the description that say how packets are laid out (RFC 3640 §4.1).

    Attributes:
        size_bits: `sizelength`; 0: a packet is one frame, without headers.
        index_bits: `indexlength`.
        delta_bits: `indexdeltalength`.
    """

    size_bits: int = 13
    index_bits: int = 3
    delta_bits: int = 3


class AacFrame:
    """One frame; a plain class, for nothing compares it.

    Attributes:
        payload: without any header.
        timestamp: of its first sample, not wrapped to 32 bits.
    """

    __slots__ = ("payload", "timestamp")

    def __init__(self, payload: bytes, timestamp: int) -> None:
        self.payload = payload
        self.timestamp = timestamp


class AacDepacketizer:
    """Takes the packets of one stream apart.

    Args:
        layout: how they are laid out.

    Attributes:
        counts: what was dropped, by reason.
    """

    def __init__(self, layout: AacLayout | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._layout = layout or AacLayout()
        self._parts = bytearray()
        self._wanted = 0

    def push(self, packet: RtpPacket) -> list[AacFrame]:
        """Take a packet, in order; the frames in it."""
        layout, payload = self._layout, packet.payload
        if not layout.size_bits:
            return [AacFrame(payload, packet.timestamp)] if payload else []
        sizes = self._sizes(payload)
        if sizes is None:
            self.counts["bad-headers"] += 1
            self.lost()
            return []
        at = 2 + (int.from_bytes(payload[:2], "big") + 7) // 8
        if len(sizes) == 1 and sizes[0] > len(payload) - at:
            return self._fragment(payload[at:], sizes[0], packet)
        self._parts.clear()
        frames: list[AacFrame] = []
        for number, size in enumerate(sizes):
            if not size or at + size > len(payload):
                self.counts["bad-headers"] += 1
                break
            stamp = packet.timestamp + number * SAMPLES
            frames.append(AacFrame(payload[at : at + size], stamp))
            at += size
        return frames

    def lost(self) -> None:
        """Packets are missing here: the frame under way is worth nothing."""
        self._parts.clear()

    def _sizes(self, payload: bytes) -> list[int] | None:
        """The sizes of the frames in a packet, by its headers; None where these make no sense (§3.2.1)."""
        layout = self._layout
        if len(payload) < 2:
            return None
        bits = int.from_bytes(payload[:2], "big")
        if 2 + (bits + 7) // 8 > len(payload):
            return None
        reader = BitReader(payload[2 : 2 + (bits + 7) // 8], "AU headers")
        sizes: list[int] = []
        try:
            while bits >= layout.size_bits and len(sizes) < _MAX_FRAMES:
                sizes.append(reader.bits(layout.size_bits))
                index = layout.delta_bits if len(sizes) > 1 else layout.index_bits
                index = min(index, max(bits - layout.size_bits, 0))
                if index:
                    reader.bits(index)
                bits -= layout.size_bits + index
        except BitstreamError:
            return None
        return sizes or None

    def _fragment(self, payload: bytes, size: int, packet: RtpPacket) -> list[AacFrame]:
        """A frame of several packets: each says its whole size, the last has the marker (§3.3.6)."""
        if size > MAX_FRAME_BYTES:
            self.counts["oversize"] += 1
            return []
        if self._wanted != size:
            self._parts.clear()
        self._wanted = size
        self._parts += payload
        if len(self._parts) < size:
            return []
        whole = bytes(self._parts[:size])
        self._parts.clear()
        return [AacFrame(whole, packet.timestamp)]
