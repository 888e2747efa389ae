from __future__ import annotations

import struct

import pytest

from cambus.media.flac import MAX_BLOCK_SAMPLES, FlacEncoder, block_samples, crc8, crc16, streaminfo


def test_a_frame_is_the_samples_big_endian_behind_a_header_with_checksums():
    pcm = struct.pack("<16h", *range(-8, 8))
    frame = FlacEncoder(8000).encode(pcm)
    assert frame[:7] == bytes.fromhex("fff9 74 08 00 000f")  # variable blocks, 16-bit size, 8 kHz, mono 16
    assert frame[7] == crc8(frame[:7])
    assert frame[8] == 0x02  # verbatim
    assert frame[9:-2] == struct.pack(">16h", *range(-8, 8))
    assert crc16(frame) == 0  # a CRC over data and its own CRC


def test_frames_number_their_first_sample():
    encoder = FlacEncoder(16000)
    numbers = [encoder.encode(bytes(2 * 320))[4:6] for _ in range(3)]
    assert numbers == [b"\x00\x01", b"\xc5\x80", b"\xca\x80"]  # 0, 320, 640 in UTF-8 style


def test_silence_takes_the_same_time_in_a_constant_subframe():
    encoder = FlacEncoder(8000)
    frame = encoder.silence(8000)
    assert len(frame) <= 16
    assert frame[5:7] == (7999).to_bytes(2, "big")
    assert crc16(frame) == 0
    assert encoder.encode(bytes(32))[4:7] == chr(8000).encode()


@pytest.mark.parametrize("samples", [0, MAX_BLOCK_SAMPLES + 1])
def test_blocks_out_of_range_are_refused(samples):
    with pytest.raises(ValueError, match=str(samples)):
        FlacEncoder(8000).encode(bytes(2 * samples))
    with pytest.raises(ValueError, match=str(samples)):
        FlacEncoder(8000).silence(samples)


def test_rates_without_a_code_are_refused():
    with pytest.raises(ValueError, match="11025"):
        FlacEncoder(11025)


def test_streaminfo_says_rate_mono_and_16_bits():
    info = streaminfo(8000)
    assert len(info) == 34
    assert struct.unpack_from(">HH", info) == (16, 65535)
    packed = int.from_bytes(info[10:18], "big")
    assert (packed >> 44, packed >> 41 & 7, packed >> 36 & 31, packed & (1 << 36) - 1) == (8000, 0, 15, 0)


@pytest.mark.parametrize(
    ("crc", "expected"),
    [(crc8, 0xF4), (crc16, 0xFEE8)],  # CRC-8/SMBUS and CRC-16/UMTS of the catalogue of CRCs
)
def test_checksums_have_the_published_check_values(crc, expected):
    assert crc(b"123456789") == expected


@pytest.mark.parametrize("samples", [16, 192, 1000, 65535])
@pytest.mark.parametrize("before", [0, 127, 128, 2047, 2048, 65535, 1 << 20])
def test_a_frame_says_how_many_samples_it_has(samples, before):
    encoder = FlacEncoder(8000)
    while before:
        some = min(before, MAX_BLOCK_SAMPLES)
        encoder.silence(some)
        before -= some
    assert block_samples(encoder.silence(samples)) == samples


@pytest.mark.parametrize(("code", "samples"), [(1, 192), (2, 576), (5, 4608), (8, 256), (15, 32768), (0, 0)])
def test_usual_block_sizes_have_codes(code, samples):
    assert block_samples(bytes((0xFF, 0xF8, code << 4 | 9, 0x18, 0x00)) + bytes(10)) == samples
    assert block_samples(bytes((0xFF, 0xF8, 0x69, 0x18, 0xC5, 0x80, 0x13)) + bytes(10)) == 20


@pytest.mark.parametrize("frame", [b"", b"\xff\xf8", bytes(20), b"\xff\xe8" + bytes(20)])
def test_what_is_no_frame_has_no_samples(frame):
    assert block_samples(frame) == 0
