"""Our sound as RTP: G.711 in packets of 20 ms, bare or in PS (§8.5, GB-190, GB-194)."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable
from typing import Final

from cambus.gb28181 import sdp
from cambus.gb28181.sdp import PayloadFormat
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, encode_ulaw
from cambus.media.mpegps_writer import ProgramStreamMuxer

PACKET_SAMPLES: Final = 160
"""20 ms of G.711."""
PCMU: Final = PayloadFormat(0, "PCMU", 8_000)
_HEADER = struct.Struct(">BBHII")
_MARKER: Final = 0x80
_TICKS_PER_SAMPLE: Final = 90 / 8


def format_of(offered: Iterable[PayloadFormat]) -> PayloadFormat:
    """In which of the offered formats we speak: A-law if that may be, else u-law, else PS with A-law in it."""
    numbers = {each.number for each in offered}
    for known in (sdp.PCMA, PCMU, sdp.PS):
        if known.number in numbers:
            return known
    return sdp.PCMA


class SoundPackets:
    """Cuts sound into packets.

    Args:
        ssrc: of them.
        format_: what they hold: PCMA, PCMU or PS.
    """

    def __init__(self, ssrc: int, format_: PayloadFormat = sdp.PCMA) -> None:
        self.ssrc = ssrc
        self._format = format_
        self._muxer = ProgramStreamMuxer(audio=Codec.PCMA) if format_.number == sdp.PS.number else None
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(31)
        self._rest = b""
        self._first = True

    def cut(self, samples: bytes) -> list[bytes]:
        """The packets that are full now; the rest waits for more.

        Args:
            samples: G.711 A-law, 8 kHz.
        """
        data = self._rest + samples
        whole = len(data) - len(data) % PACKET_SAMPLES
        self._rest = data[whole:]
        return [self._packet(data[at : at + PACKET_SAMPLES]) for at in range(0, whole, PACKET_SAMPLES)]

    def _packet(self, samples: bytes) -> bytes:
        stamp, payload = self._timestamp, samples
        marker = _MARKER if self._first else 0  # the beginning of speech (RFC 3551 §4.1)
        if self._muxer is not None:
            stamp = round(self._timestamp * _TICKS_PER_SAMPLE)
            payload, marker = self._muxer.sound(samples, stamp, mapped=self._first), _MARKER
        elif self._format.number == PCMU.number:
            payload = encode_ulaw(decode_alaw(samples))
        head = _HEADER.pack(0x80, marker | self._format.number, self._sequence, stamp & 0xFFFFFFFF, self.ssrc)
        self._first = False
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp += len(samples)
        return head + payload
