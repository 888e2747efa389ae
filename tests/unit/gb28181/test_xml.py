"""XML as devices write it (GB-065 to GB-074)."""

import pytest

from cambus.gb28181 import charset
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.xml import MAX_DEPTH, Element, parse, serialize

NAME = "大门萃"  # the last one is no GB 2312


def document(name, encoding, declared):
    return f'<?xml version="1.0" encoding="{declared}"?>\n<Query><Name>{name}</Name></Query>'.encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "declared"), [("gb18030", "GB2312"), ("utf-8", "GB2312"), ("gb18030", "UTF-8")]
)
def test_what_is_declared_is_not_believed(encoding, declared):
    assert parse(document(NAME, encoding, declared)).get("Name") == NAME


def test_a_byte_order_mark_and_no_declaration_are_read():
    assert parse(b"\xef\xbb\xbf" + "<Query><Name>é</Name></Query>".encode()).get("name") == "é"
    assert parse(b"<Query/>").name == "Query"


def test_a_setting_overrides_the_guess():
    ambiguous = "Ã¶".encode("latin-1")  # also valid UTF-8
    assert parse(b"<a><b>" + ambiguous + b"</b></a>").get("b") == "ö"
    assert parse(b"<a><b>" + ambiguous + b"</b></a>", "GB2312").get("b") != "ö"


def test_broken_text_costs_only_itself():
    broken = b"<R><Item><Name>A & B</Name><Address>1 < 2\x00</Address><Status>ON</Status></Item></R>"
    fields = parse(broken).find("Item").fields
    assert fields["name"] == "A & B"
    assert fields["address"] == "1 < 2"
    assert fields["status"] == "ON"


def test_case_prefix_and_layout_do_not_matter():
    element = parse(b"<gb:Response>\n    <gb:cmdTYPE>Catalog</gb:cmdTYPE>\n\n</gb:Response>")
    assert element.name == "Response"
    assert element.get("CmdType") == "Catalog"


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<! doctype a><a/>",
        b"<!ENTITY x 'y'>",
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
        b"",
        b"no xml at all",
    ],
)
def test_what_is_dangerous_or_no_xml_is_refused(hostile):
    with pytest.raises(ProtocolError):
        parse(hostile)


def test_what_is_written_is_read_back_and_cannot_inject():
    element = Element("Control").add("Name", f'{NAME} <x> & "y"\x07').add("Gone", None)
    body = serialize(element, "GB18030")
    assert b'encoding="GB18030"' in body
    assert b"\x07" not in body
    assert b"\r\n" in body
    assert parse(body).fields == {"name": f'{NAME} <x> & "y"'}


def test_the_bytes_of_both_gb_names_are_those_of_gb18030():
    assert charset.encode(NAME, "GB2312") == NAME.encode("gb18030")
    assert charset.encode(NAME, "UTF-8") == NAME.encode()
