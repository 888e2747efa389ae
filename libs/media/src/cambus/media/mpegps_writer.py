"""Program streams as GB/T 28181 wants them: one pack for each picture (ISO/IEC 13818-1 §2.5, annex C of the standard).

A keyframe's pack has a system header and a map. Pictures of more than 64 KiB are cut into several PES packets, the
first of which has the time.
"""

from __future__ import annotations

import struct
from typing import Final

from cambus.media.frame import Codec

VIDEO_ID: Final = 0xE0
AUDIO_ID: Final = 0xC0
_STREAM_TYPES: Final = {
    Codec.MPEG4: 0x10,
    Codec.H264: 0x1B,
    Codec.H265: 0x24,
    Codec.PCMA: 0x90,
    Codec.PCMU: 0x91,
    Codec.AAC: 0x0F,
}
_MOST_PES: Final = 0xFFFF - 16
_MUX_RATE: Final = 25_000  # in units of 50 bytes a second: 10 Mbit/s
_PTS_BYTES: Final = 5


class ProgramStreamMuxer:
    """Writes one program stream.

    Args:
        video: codec of the pictures, None without.
        audio: codec of the sound, None without.
    """

    def __init__(self, video: Codec | None = None, audio: Codec | None = None) -> None:
        self._head = _system_header(video is not None, audio is not None) + _stream_map(video, audio)

    def picture(self, access_unit: bytes, pts: int, *, keyframe: bool) -> bytes:
        """The pack of one picture.

        Args:
            access_unit: Annex-B for H.264 and H.265.
            pts: in 90 kHz.
            keyframe: whether system header and map go in front.
        """
        parts = [_pack_header(pts)]
        if keyframe:
            parts.append(self._head)
        parts += [
            _pes(VIDEO_ID, access_unit[at : at + _MOST_PES], pts if at == 0 else None)
            for at in range(0, len(access_unit), _MOST_PES)
        ]
        return b"".join(parts)

    def sound(self, payload: bytes, pts: int, *, pack: bool = True, mapped: bool = False) -> bytes:
        """A piece of sound, in a pack of its own or to be put behind a picture.

        Args:
            payload: as its codec has it.
            pts: in 90 kHz.
            pack: whether it has a pack of its own.
            mapped: whether that has system header and map, which a stream without pictures needs now and then.
        """
        packet = _pes(AUDIO_ID, payload, pts)
        return _pack_header(pts) + (self._head if mapped else b"") + packet if pack else packet


def _pack_header(scr: int) -> bytes:
    """ISO/IEC 13818-1 §2.5.3.3, without an extension of the clock and without stuffing."""
    base = scr % (1 << 33)
    clock = (
        0x4 << 44
        | (base >> 30 & 0x7) << 43
        | 1 << 42
        | (base >> 15 & 0x7FFF) << 27
        | 1 << 26
        | (base & 0x7FFF) << 11
        | 1 << 10
        | 1
    )
    return b"\x00\x00\x01\xba" + clock.to_bytes(6, "big") + (_MUX_RATE << 2 | 3).to_bytes(3, "big") + b"\xf8"


def _system_header(video: bool, audio: bool) -> bytes:
    """ISO/IEC 13818-1 §2.5.3.5."""
    streams = b""
    if video:
        streams += bytes((VIDEO_ID, 0xE0, 0x80))
    if audio:
        streams += bytes((AUDIO_ID, 0xC0, 0x20))
    rate = (1 << 23 | _MUX_RATE << 1 | 1).to_bytes(3, "big")
    body = rate + bytes((int(audio) << 2, int(video) | 0xE0, 0x7F)) + streams
    return b"\x00\x00\x01\xbb" + struct.pack(">H", len(body)) + body


def _stream_map(video: Codec | None, audio: Codec | None) -> bytes:
    """ISO/IEC 13818-1 §2.5.4.1."""
    entries = b""
    for codec, stream in ((video, VIDEO_ID), (audio, AUDIO_ID)):
        if codec is not None:
            entries += struct.pack(">BBH", _STREAM_TYPES[codec], stream, 0)
    body = b"\xe0\xff" + struct.pack(">H", 0) + struct.pack(">H", len(entries)) + entries
    head = b"\x00\x00\x01\xbc" + struct.pack(">H", len(body) + 4) + body
    return head + struct.pack(">I", crc32(head))


def _pes(stream: int, payload: bytes, pts: int | None) -> bytes:
    """ISO/IEC 13818-1 §2.4.3.6."""
    if pts is None:
        return (
            struct.pack(">4sHBBB", b"\x00\x00\x01" + bytes((stream,)), len(payload) + 3, 0x80, 0, 0) + payload
        )
    head = struct.pack(
        ">4sHBBB", b"\x00\x00\x01" + bytes((stream,)), len(payload) + 3 + _PTS_BYTES, 0x80, 0x80, _PTS_BYTES
    )
    return head + _time(pts) + payload


def _time(pts: int) -> bytes:
    value = pts % (1 << 33)
    return struct.pack(
        ">BHH", 0x21 | value >> 29 & 0x0E, (value >> 14 & 0xFFFE) | 1, (value << 1 & 0xFFFE) | 1
    )


def crc32(data: bytes) -> int:
    """CRC-32 of ISO/IEC 13818-1 annex A: not reflected, not inverted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
