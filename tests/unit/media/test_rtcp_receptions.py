import struct

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.rtcp import Reception, bye, receptions, sender_report


def block(ssrc: int, lost: int) -> bytes:
    """A report block (RFC 3550 §6.4.1): all but the losses is of no interest here."""
    return struct.pack(">II", ssrc, 0xFF << 24 | lost & 0xFFFFFF) + bytes(16)


def report(*blocks: bytes, kind: int = 201) -> bytes:
    body = struct.pack(">I", 7) + (bytes(20) if kind == 200 else b"") + b"".join(blocks)
    return struct.pack(">BBH", 0x80 | len(blocks), kind, len(body) // 4) + body


def test_losses_are_read_from_reports_of_receivers_and_of_senders():
    data = report(block(1, 5), block(2, -3)) + bye(7) + report(block(3, 0x7FFFFF), kind=200)
    assert list(receptions(data)) == [Reception(1, 5), Reception(2, -3), Reception(3, 0x7FFFFF)]


def test_a_report_without_blocks_says_nothing():
    data = report() + sender_report(1, wall_us=0, rtp_timestamp=0, packets=0, octets=0, cname="x")
    assert list(receptions(data)) == []


def test_what_is_cut_short_or_promises_too_much_is_read_as_far_as_it_goes():
    assert list(receptions(report(block(1, 5))[:-1])) == []
    promising = bytearray(report(block(1, 5)))
    promising[0] = 0x80 | 31
    assert list(receptions(bytes(promising))) == [Reception(1, 5)]
    assert list(receptions(report(block(1, 5)) + b"\x00\xc9\x00\x07" + bytes(28))) == [Reception(1, 5)]


@given(st.binary(max_size=200))
def test_anything_else_is_no_error(data):
    list(receptions(data))
