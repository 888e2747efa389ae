import pytest

from cambus.media.bitreader import MAX_BYTES, BitReader
from cambus.media.errors import BitstreamError


def bits(text):
    text = text.replace(" ", "")
    text += "0" * (-len(text) % 8)
    return BitReader(bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8)), "test")


def test_bits_are_read_from_the_highest_on():
    reader = BitReader(bytes.fromhex("a50f"), "test")
    assert (reader.bits(4), reader.flag(), reader.flag(), reader.bits(0)) == (10, False, True, 0)
    reader.skip(2)
    assert (reader.position, reader.bits(8)) == (8, 15)


def test_unsigned_codes():
    reader = bits("1 010 011 00100 00101 0001000")
    assert [reader.ue() for _ in range(6)] == [0, 1, 2, 3, 4, 7]


def test_signed_codes():
    reader = bits("1 010 011 00100 00101")
    assert [reader.se() for _ in range(5)] == [0, 1, -1, 2, -2]


def test_the_largest_code_has_31_zeros():
    assert bits("0" * 31 + "1" * 32).ue() == 2**32 - 2
    with pytest.raises(BitstreamError):
        bits("0" * 32 + "1" * 33).ue()


def test_reading_past_the_end_says_where():
    reader = BitReader(b"\x80", "H.264 SPS")
    reader.skip(7)
    with pytest.raises(BitstreamError, match=r"H.264 SPS at bit 7: 2 bits wanted, 1 left") as caught:
        reader.bits(2)
    assert (caught.value.bit, caught.value.context) == (7, "H.264 SPS")


@pytest.mark.parametrize("text", ["00000000", "00000001 0000000", ""])
def test_a_code_that_breaks_off_is_an_error(text):
    reader = bits(text[:8])
    with pytest.raises(BitstreamError):
        reader.ue()


def test_a_code_above_its_limit_is_an_error():
    with pytest.raises(BitstreamError, match="2, at most 1"):
        bits("011").ue(1)


def test_huge_sets_are_not_read_at_all():
    with pytest.raises(BitstreamError, match="at most"):
        BitReader(bytes(MAX_BYTES + 1), "test")
