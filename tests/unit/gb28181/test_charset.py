"""Texts in the charsets devices use, whatever they declare (GB-065 to GB-067)."""

import pytest

from cambus.gb28181.charset import decode, encode, shown_charset
from cambus.gb28181.manscdp.presence import DeviceInfo, Keepalive
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element, parse, serialize

RARE = "\u8433"
NAME = f"大门{RARE}é"


def document(declared, encoding, *, head=b""):
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return head + f"{declaration}\r\n<Notify><Name>{NAME}</Name></Notify>".encode(encoding)


@pytest.mark.parametrize(
    "declared", ["GB2312", "gb2312 ", "GB18030", "GBK", "UTF-8", "utf8", "ISO-8859-1", "no such", ""]
)
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_the_bytes_count_and_not_what_is_declared(declared, encoding):
    assert parse(document(declared, encoding)).get("Name") == NAME


def test_a_byte_order_mark_counts_more_than_a_setting():
    data = document("GB2312", "utf-8", head=b"\xef\xbb\xbf")
    assert parse(data).get("Name") == parse(data, "GB2312").get("Name") == NAME


def test_bytes_that_are_neither_are_replaced_and_cost_nothing_else():
    assert decode(b"\xff\xff gate") == "\ufffd\ufffd gate"


@pytest.mark.parametrize("charset", ["GB2312", "GB18030", "UTF-8"])
def test_characters_beyond_gb_2312_are_written_and_read(charset):
    with pytest.raises(UnicodeEncodeError):
        RARE.encode("gb2312")
    made = serialize(Element("Notify").add("Name", NAME + "\U0001f4f7"), charset)
    assert made.startswith(f'<?xml version="1.0" encoding="{charset}"?>'.encode())
    assert parse(made).get("Name") == NAME + "\U0001f4f7"


def test_the_edition_says_what_is_declared():
    assert [each.charset for each in Version] == ["GB2312", "GB2312", "GB2312", "GB18030"]
    assert b'encoding="GB2312"' in Keepalive(ok=True).serialize(1, "1", charset=Version.GB2016.charset)
    assert b'encoding="GB18030"' in Keepalive(ok=True).serialize(1, "1", charset=Version.GB2022.charset)


@pytest.mark.parametrize("charset", ["GB2312", "GB18030", "UTF-8"])
def test_what_xml_cannot_hold_is_left_out(charset):
    every = "".join(map(chr, range(32))) + '\ud800\ufffe\uffffgate<&>"'
    made = DeviceInfo(name=every).serialize(1, "1", charset=charset)
    assert parse(made).get("DeviceName") == 'gate<&>"'
    assert not set(made) & (set(range(32)) - set(b"\r\n\t"))


def test_half_a_pair_of_surrogates_is_left_out():
    assert encode("a\udc80b", "GB2312") == b"ab"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"gate", None),
        ("大门".encode(), "UTF-8"),
        ("大门".encode("gb18030"), "GB18030"),
        (b"\xff\xff", None),
    ],
)
def test_what_bytes_show_of_their_charset(text, shown):
    assert shown_charset(text) == shown
