from __future__ import annotations

import struct

import pytest

from cambus.media.rtcp import bye, sender_report


def split(compound: bytes) -> list[bytes]:
    packets = []
    while compound:
        size = 4 * (struct.unpack_from(">H", compound, 2)[0] + 1)
        packets.append(compound[:size])
        compound = compound[size:]
    return packets


@pytest.mark.parametrize("cname", ["", "a", "ab", "abc", "abcd", "x" * 255])
def test_a_report_is_a_compound_of_sr_and_sdes_whose_items_end_in_a_zero(cname):
    report, description = split(
        sender_report(7, wall_us=0, rtp_timestamp=1 << 33, packets=1 << 32, octets=5, cname=cname)
    )
    assert report[1] == 200
    assert struct.unpack_from(">III", report, 16) == (0, 0, 5)  # 32-bit fields wrap
    assert description[:2] == b"\x81\xca"
    assert description[8:10] == bytes((1, len(cname)))
    assert description[10 : 10 + len(cname)] == cname.encode()
    rest = description[10 + len(cname) :]
    assert 1 <= len(rest) <= 4
    assert not any(rest)


def test_a_name_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="256 bytes"):
        sender_report(7, wall_us=0, rtp_timestamp=0, packets=0, octets=0, cname="x" * 256)


def test_bye_names_its_source():
    assert bye(0x0A0B0C0D) == bytes.fromhex("81cb0001 0a0b0c0d")
