"""What a video payload really is: its codec, and the service blocks that are no video (DVRIP §9.3).

Only the first bytes are looked at, never the whole frame.
"""

from typing import Final

from cambus.media.frame import Codec

_JPEG: Final = b"\xff\xd8\xff"
#: The constant block some recorders insert; in H.264 it passes for a NAL unit of a reserved type.
_SERVICE_BLOCK: Final = b"\x00\x00\x00\x01\x11\x01\x78\x00"
_SERVICE_BLOCK_BYTES: Final = 127


def is_jpeg(payload: bytes) -> bool:
    """Whether a payload is a JPEG file."""
    return payload.startswith(_JPEG)


def nal_offset(payload: bytes) -> int:
    """Where the first NAL unit begins, behind its 3- or 4-byte start code; -1 without a start code."""
    if payload.startswith(b"\x00\x00\x00\x01"):
        return 4
    return 3 if payload.startswith(b"\x00\x00\x01") else -1


def sniff_codec(payload: bytes) -> Codec | None:
    """The codec of a key frame by its bitstream; None when the first NAL unit does not tell.

    H.264 opens with SPS (``67``, ``27``, ``47``), AUD (``09 F0`` and kin) or SEI (``06``); H.265 with VPS
    (``40 01``), AUD (``46 01``) or SPS (``42 01``); MPEG-4 part 2 with a visual object sequence or layer
    (``B0``, ``B5``, ``20``...).
    """
    offset = nal_offset(payload)
    if offset < 0 or len(payload) < offset + 2:
        return None
    first, second = payload[offset], payload[offset + 1]
    if second == 0x01 and first in {0x40, 0x42, 0x44, 0x46, 0x4E}:
        return Codec.H265
    if first & 0x80 == 0 and first & 0x1F == 7 and first & 0x60:
        return Codec.H264
    if first in {0xB0, 0xB5, 0xB6} or (offset == 3 and 0x20 <= first <= 0x2F and first != 0x27):
        return Codec.MPEG4
    if first & 0x9F in {0x06, 0x09}:  # AUD or SEI: H.264 if its parameter set follows
        following = payload.find(b"\x00\x00\x01", offset, offset + 512)
        if following >= 0 and len(payload) > following + 3 and payload[following + 3] & 0x9F == 7:
            return Codec.H264
    return None


def is_service_block(codec: Codec, payload: bytes) -> bool:
    """Whether an FC/FD frame is not video of ``codec`` (DVRIP §9.3).

    Some recorders insert constant frames every 2 s that stop decoders. A frame is one when it has no start
    code, the forbidden bit is set, or its first NAL header is impossible: layer id not 0 or temporal id + 1 =
    0 in H.265, type outside 1-23 in H.264. The rules of one codec are never applied to the other: 0x41 is a
    fine H.264 slice and layer 32 of H.265.
    """
    offset = nal_offset(payload)
    if offset < 0 or len(payload) < offset + 2:
        return True
    if len(payload) == _SERVICE_BLOCK_BYTES and payload.startswith(_SERVICE_BLOCK):
        return True
    first, second = payload[offset], payload[offset + 1]
    if codec is Codec.H265:
        layer = (first & 1) << 5 | second >> 3
        return bool(first & 0x80) or layer != 0 or second & 7 == 0
    if codec is Codec.H264:
        return bool(first & 0x80) or not 1 <= first & 0x1F <= 23
    return False
