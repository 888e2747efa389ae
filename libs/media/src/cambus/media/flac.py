"""FLAC (RFC 9639): verbatim frames from 16-bit mono PCM, so that browsers play G.711 through MSE, and their kin.

Browsers take FLAC in fragmented MP4 but not G.711; a verbatim frame is the samples themselves behind a header
of ten bytes or so, which costs a table look-up per sample and no compression.
"""

from __future__ import annotations

import struct
import sys
from array import array
from functools import cache

MAX_BLOCK_SAMPLES = 65535
_MIN_BLOCK_SAMPLES = 16
_SAMPLE_RATE_CODES = {8000: 4, 16000: 5, 22050: 6, 24000: 7, 32000: 8, 44100: 9, 48000: 10}  # RFC 9639 §9.1.2
STREAMINFO_BYTES = 34
SAMPLE_RATES = frozenset(_SAMPLE_RATE_CODES)
"""The sampling rates, in Hz, that a frame here can carry."""

_SYNC_VARIABLE = 0xFFF9  # sync code, blocks of varying size (§9.1)
_LEAST_FRAME = 8
_POWERS_FROM = 8
_BLOCK_SIZE_8_BIT = 6
_BLOCK_SIZE_16_BIT = 7  # block size - 1 follows in 16 bits (§9.1.1)
_BITS_16 = 4 << 1  # 16 bits per sample (§9.1.4); channels 0 = mono
_SUBFRAME_CONSTANT = b"\x00"  # §9.2.1
_SUBFRAME_VERBATIM = b"\x02"


class FlacEncoder:
    """Turns runs of PCM into FLAC frames that carry a continuous sample number.

    Args:
        sample_rate: one of `SAMPLE_RATES`; G.711 is 8000 or 16000 Hz.

    Raises:
        ValueError: a rate without a code.
    """

    def __init__(self, sample_rate: int) -> None:
        if sample_rate not in _SAMPLE_RATE_CODES:
            message = f"FLAC frames here have no code for {sample_rate} Hz"
            raise ValueError(message)
        self.sample_rate = sample_rate
        self._next_sample = 0

    def encode(self, pcm: bytes) -> bytes:
        """One frame of `pcm`, s16le mono, 1..65535 samples.

        Raises:
            ValueError: no whole samples, or too many for one frame.
        """
        samples = array("h", pcm)
        if sys.byteorder == "little":
            samples.byteswap()
        return self._frame(len(samples), _SUBFRAME_VERBATIM + samples.tobytes())

    def silence(self, samples: int) -> bytes:
        """One frame of `samples` zeros: a constant subframe, 15 bytes or so.

        Raises:
            ValueError: not 1..65535 samples.
        """
        return self._frame(samples, _SUBFRAME_CONSTANT + b"\x00\x00")

    def _frame(self, samples: int, subframe: bytes) -> bytes:
        if not 0 < samples <= MAX_BLOCK_SAMPLES:
            message = f"a FLAC frame holds 1..{MAX_BLOCK_SAMPLES} samples, not {samples}"
            raise ValueError(message)
        header = (
            struct.pack(
                ">HBB",
                _SYNC_VARIABLE,
                _BLOCK_SIZE_16_BIT << 4 | _SAMPLE_RATE_CODES[self.sample_rate],
                _BITS_16,
            )
            + _coded_number(self._next_sample)
            + struct.pack(">H", samples - 1)
        )
        self._next_sample = (self._next_sample + samples) % (1 << 36)  # the most a coded number holds
        frame = header + bytes((crc8(header),)) + subframe
        return frame + crc16(frame).to_bytes(2, "big")


def streaminfo(sample_rate: int, channels: int = 1) -> bytes:
    """The STREAMINFO block of 16-bit frames, 34 bytes, length and digest unknown (RFC 9639 §8.2)."""
    # rate 20 bits, channels - 1, bits - 1, samples unknown
    packed = sample_rate << 44 | (channels - 1) << 41 | 15 << 36
    return struct.pack(">HH6xQ16x", _MIN_BLOCK_SAMPLES, MAX_BLOCK_SAMPLES, packed)


def block_samples(frame: bytes) -> int:
    """Samples of each channel in a frame (RFC 9639 §9.1.1); 0 if it is none, or leaves that to STREAMINFO."""
    if (
        len(frame) < _LEAST_FRAME
        or frame[0] != _SYNC_VARIABLE >> 8
        or frame[1] & 0xFE != _SYNC_VARIABLE & 0xFE
    ):
        return 0
    code = frame[2] >> 4
    if code >= _POWERS_FROM:
        return 256 << (code - _POWERS_FROM)
    if code in {_BLOCK_SIZE_8_BIT, _BLOCK_SIZE_16_BIT}:
        at = 4 + max(1, 8 - (~frame[4] & 0xFF).bit_length())  # behind the coded number (§9.1.5)
        size = code - _BLOCK_SIZE_8_BIT + 1
        return int.from_bytes(frame[at : at + size]) + 1
    return (0, 192, 576, 1152, 2304, 4608)[code]


def crc8(data: bytes) -> int:
    """CRC-8 of a frame header: polynomial 0x07, start 0 (RFC 9639 §9.1.8)."""
    table = _crc8_table()
    crc = 0
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def crc16(data: bytes) -> int:
    """CRC-16 of a frame: polynomial 0x8005, start 0 (RFC 9639 §9.3); two bytes a step."""
    table = _crc16_table()
    even = len(data) & ~1
    words = array("H", data[:even])
    if sys.byteorder == "little":
        words.byteswap()
    crc = 0
    for word in words:
        crc = table[crc ^ word]
    if even != len(data):
        crc = (crc << 8 & 0xFFFF) ^ table[crc >> 8 ^ data[-1]]
    return crc


@cache
def _crc8_table() -> list[int]:
    return _table(polynomial=0x07, width=8, index_bits=8)


@cache
def _crc16_table() -> array[int]:
    """CRC of every 16-bit word; its first 256 entries are the CRC of every byte."""
    return array("H", _table(polynomial=0x8005, width=16, index_bits=16))


def _table(*, polynomial: int, width: int, index_bits: int) -> list[int]:
    """The CRC of every index; a CRC is linear, so each bit doubles the table."""
    top, mask = 1 << (width - 1), (1 << width) - 1
    table = [0]
    crc = polynomial  # of index 1: its only bit has been shifted out
    for _ in range(index_bits):
        table += [entry ^ crc for entry in table]
        crc = (crc << 1 ^ polynomial) & mask if crc & top else crc << 1
    return table


def _coded_number(number: int) -> bytes:
    """`number` below 2**36 in the UTF-8-like code of RFC 9639 §9.1.5."""
    if number < 0x80:
        return bytes((number,))
    tail = bytearray()
    limit = 0x40
    while number >= limit:
        tail.append(0x80 | number & 0x3F)
        number >>= 6
        limit >>= 1
    marker = 0xFF ^ ((limit << 1) - 1)
    return bytes((marker | number, *reversed(tail)))
