from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.flac import FlacEncoder, crc8, crc16


def crc_bit_by_bit(data: bytes, polynomial: int, width: int) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << width - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc >> width - 1 else crc << 1) & (1 << width) - 1
    return crc


@given(st.binary(max_size=200))
def test_the_tables_give_what_the_polynomials_say(data):
    assert crc8(data) == crc_bit_by_bit(data, 0x07, 8)
    assert crc16(data) == crc_bit_by_bit(data, 0x8005, 16)


@given(st.lists(st.integers(1, 65535), max_size=40))
def test_frames_are_numbered_like_utf_8(sizes):
    encoder = FlacEncoder(8000)
    at = 0
    for size in sizes:
        frame = encoder.silence(size)
        if not 0xD800 <= at <= 0xDFFF:  # Python refuses to write surrogates
            coded = chr(at).encode()
            assert frame[4 : 4 + len(coded)] == coded
        at += size
