"""G.711: A-law and mu-law to 16-bit samples and back (ITU-T G.711), by tables.

PCM is signed 16 bit, little-endian, one channel after the other sample by sample: channels need no attention.
"""

import sys
from array import array
from typing import Final

_A_MASK: Final = 0xD5
_U_MASK: Final = 0xFF


def decode_alaw(data: bytes) -> bytes:
    """A-law to PCM: two bytes for each."""
    return _expand(data, *_A_PLANES)


def decode_ulaw(data: bytes) -> bytes:
    """Mu-law to PCM: two bytes for each."""
    return _expand(data, *_U_PLANES)


def encode_alaw(pcm: bytes) -> bytes:
    """PCM to A-law: one byte for two; an odd byte at the end is left out."""
    return _compress(pcm, _A_CODES)


def encode_ulaw(pcm: bytes) -> bytes:
    """PCM to mu-law: one byte for two; an odd byte at the end is left out."""
    return _compress(pcm, _U_CODES)


def _alaw_value(code: int) -> int:
    """The sample of an A-law byte (ITU-T G.711 table 1): sign, segment, step; even bits inverted."""
    bits = code ^ 0x55
    segment, step = bits >> 4 & 7, bits & 15
    magnitude = (step << 4) + 8 if segment == 0 else (step << 4) + 0x108 << segment - 1
    return magnitude if bits & 0x80 else -magnitude


def _ulaw_value(code: int) -> int:
    """The sample of a mu-law byte (ITU-T G.711 table 2): as A-law, but biased by 33 and all bits inverted."""
    bits = code ^ 0xFF
    segment, step = bits >> 4 & 7, bits & 15
    magnitude = ((step << 3) + 0x84 << segment) - 0x84
    return -magnitude if bits & 0x80 else magnitude


def _planes(values: list[int]) -> tuple[bytes, bytes]:
    """Low and high byte of each code's sample, as tables of ``bytes.translate``."""
    pcm = b"".join([value.to_bytes(2, "little", signed=True) for value in values])
    return pcm[::2], pcm[1::2]


def _codes(values: list[int], mask: int) -> bytes:
    """The code of each 16-bit sample, indexed by the sample's bits.

    A sample takes the code of the nearest value; the border lies halfway between two values, in units of 4
    (the 14 bits of G.711), and belongs to the larger magnitude.
    """
    magnitudes = [values[code ^ mask] for code in range(128)]
    borders = [magnitudes[code] + magnitudes[code + 1] + 4 >> 3 for code in range(127)]
    by_magnitude = bytearray()
    for code, border in enumerate([*borders, 8193]):
        by_magnitude += bytes((code,)) * (border - len(by_magnitude))
    positive = b"".join([bytes((code ^ mask,)) * 4 for code in by_magnitude[:8192]])
    negative = b"".join([bytes((code ^ mask ^ 0x80,)) * 4 for code in by_magnitude[:0:-1]])
    return positive + negative


def _expand(data: bytes, low: bytes, high: bytes) -> bytes:
    pcm = bytearray(2 * len(data))
    pcm[::2] = data.translate(low)
    pcm[1::2] = data.translate(high)
    return bytes(pcm)


def _compress(pcm: bytes, codes: bytes) -> bytes:
    samples = array("H", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return bytes(map(codes.__getitem__, samples))


_A_VALUES: Final = [_alaw_value(code) for code in range(256)]
_U_VALUES: Final = [_ulaw_value(code) for code in range(256)]
_A_PLANES: Final = _planes(_A_VALUES)
_U_PLANES: Final = _planes(_U_VALUES)
_A_CODES: Final = _codes(_A_VALUES, _A_MASK)
_U_CODES: Final = _codes(_U_VALUES, _U_MASK)
