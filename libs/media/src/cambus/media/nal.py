"""NAL units in a byte stream with start codes: ITU-T H.264 Annex B, ITU-T H.265 Annex B.

Everything here works on whole access units with ``bytes.find`` and slices; no byte is looked at in Python.
"""

from collections.abc import Iterator
from typing import Final

START_CODE: Final = b"\x00\x00\x00\x01"
#: No stream has more NAL units in front of an access unit's first slice; so many are looked at.
LEADING_UNITS: Final = 64
_SHORT_START_CODE: Final = b"\x00\x00\x01"
_EMULATION_PREVENTION: Final = b"\x00\x00\x03"


def iter_nal_offsets(annexb: bytes) -> Iterator[int]:
    """The offset of the first byte of each NAL unit, behind its start code.

    Lazy: who stops at the first slice never searches the slice. A start code at the very end has no unit.
    """
    find = annexb.find
    end = len(annexb)
    at = find(_SHORT_START_CODE)
    while at >= 0:
        at += 3
        if at < end:
            yield at
        at = find(_SHORT_START_CODE, at)


def iter_nal_units(annexb: bytes) -> Iterator[bytes]:
    """The NAL units, without start codes and trailing zeros; empty ones are left out.

    Start codes have 3 or 4 bytes (H.264 §B.1.1, H.265 §B.2.1). What stands before the first is no NAL unit.
    """
    for start, end in iter_nal_spans(annexb):
        yield annexb[start:end]


def iter_nal_spans(annexb: bytes) -> Iterator[tuple[int, int]]:
    """As :func:`iter_nal_units`, but offsets of begin and end instead of copies."""
    find = annexb.find
    start = find(_SHORT_START_CODE)
    while start >= 0:
        start += 3
        following = find(_SHORT_START_CODE, start)
        end = _trim(annexb, start, following if following >= 0 else len(annexb))
        if end > start:
            yield start, end
        start = following


def nal_unit_at(annexb: bytes, start: int) -> bytes:
    """The NAL unit that begins at an offset of :func:`iter_nal_offsets`."""
    following = annexb.find(_SHORT_START_CODE, start)
    return annexb[start : _trim(annexb, start, following if following >= 0 else len(annexb))]


def join_annexb(*units: bytes) -> bytes:
    """NAL units as a byte stream with 4-byte start codes."""
    return b"".join([START_CODE + unit for unit in units])


def unescape(unit: bytes) -> bytes:
    """Remove the emulation prevention bytes: 00 00 03 -> 00 00 (H.264 §7.4.1.1, H.265 §7.4.2)."""
    if _EMULATION_PREVENTION not in unit:
        return unit
    # Counting of zeros begins anew behind a removed 03, just as replace goes on behind what it found.
    return unit.replace(_EMULATION_PREVENTION, b"\x00\x00")


def _trim(annexb: bytes, start: int, end: int) -> int:
    """The end without trailing zeros: the first byte of a 4-byte start code, or padding."""
    if end > start and annexb[end - 1] == 0:
        end -= 1
        if end > start and annexb[end - 1] == 0:
            return start + len(annexb[start:end].rstrip(b"\x00"))
    return end
