"""XML that is meant to hurt, and XML that is only broken (GB-068 to GB-071, GB-074)."""

import socket
import tracemalloc

import pytest

from cambus.gb28181 import xml
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp.catalog import CatalogPart
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.layout import undeclared, unreadable
from cambus.gb28181.manscdp.presence import DeviceInfo
from cambus.gb28181.manscdp.records import RecordItem
from cambus.gb28181.values import read_float, read_int, read_time
from cambus.gb28181.xml import MAX_DEPTH, MAX_ELEMENTS, MAX_TEXT_CHARS, parse

LAUGHS = b"<!DOCTYPE lolz [<!ENTITY l0 'lol'>" + b"".join(
    b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12)
)


@pytest.mark.parametrize(
    "hostile",
    [
        LAUGHS + b"]><Query>&l11;</Query>",
        b"<?xml version='1.0'?><!DOCTYPE Q SYSTEM 'http://192.0.2.1/x.dtd'><Query/>",
        b"<!doctype Q [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Query>&x;</Query>",
        b"<!\x00DOCTYPE Q [<!\x00ENTITY x 'y'>]><Query>&x;</Query>",
        b"<! \t\nDOCTYPE Q><Query/>",
        b"<Query><X><!ENTITY x 'y'></X></Query>",
        "\ufeff<!DOCTYPE Q><Query/>".encode(),
    ],
    ids=["laughs", "network", "file", "zeros", "spaces", "inside", "marked"],
)
def test_declarations_of_types_and_entities_are_refused_before_anything_is_parsed(hostile, monkeypatch):
    def never(*_, **__):
        raise AssertionError("parsed")

    monkeypatch.setattr(xml.etree, "fromstring", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(ProtocolError, match="DTD"):
        parse(hostile)


def test_an_entity_bomb_costs_no_memory():
    bomb = LAUGHS + b"]><Query>" + b"&l11;" * 100_000 + b"</Query>"
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            parse(bomb)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_reference_to_an_entity_nobody_declared_is_text():
    assert parse(b"<Query><Name>&nbsp;&x;</Name></Query>").get("Name") == "&nbsp;&x;"


def test_the_limits_are_those_of_the_reference():
    assert (MAX_DEPTH, MAX_ELEMENTS, MAX_TEXT_CHARS) == (16, 2_000_000, 64 * 1024)


def test_sixteen_levels_are_read_and_seventeen_are_not():
    def nested(levels):
        return b"<a>" * levels + b"</a>" * levels

    assert parse(nested(MAX_DEPTH)).name == "a"
    for levels in (MAX_DEPTH + 1, 500, 100_000):
        with pytest.raises(ProtocolError):
            parse(nested(levels))
    with pytest.raises(ProtocolError):
        parse(b"<a>" * 100_000)


def test_more_elements_than_allowed_are_refused_before_anything_is_parsed(monkeypatch):
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 100)
    assert len(parse(b"<a>" + b"<b/>" * 99 + b"</a>").children) == 99
    monkeypatch.setattr(xml.etree, "fromstring", None)
    with pytest.raises(ProtocolError, match="more than 100 elements"):
        parse(b"<a>" + b"<b></b>" * 100 + b"</a>")


def test_a_text_beyond_the_limit_is_cut():
    element = parse(b"<a><b>" + b"x" * (MAX_TEXT_CHARS + 1) + b"</b><c>1</c></a>")
    assert len(element.get("b")) == MAX_TEXT_CHARS
    assert len(element.find("b").text) == MAX_TEXT_CHARS
    assert element.get("c") == "1"


@pytest.mark.parametrize("fault", [b"&", b"<", b"<x", b"<x>", b"</x>"])
def test_a_few_faults_are_mended_and_nothing_but_faults_is_refused(fault):
    assert parse(b"<a><n>" + fault * 100 + b"</n><c>1</c></a>").get("c") == "1"
    with pytest.raises(ProtocolError, match=r"faults|deeper"):
        parse(b"<a>" + fault * 1_000_000 + b"</a>")


CATALOG = """<?xml version="1.0" encoding="GB2312"?>
<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>34020000001180000002</DeviceID><SumNum>2</SumNum>
<DeviceList Num="2"><Item><DeviceID>34020000001310000001</DeviceID><Name>{name}</Name><Model>M</Model>
<Address>{address}</Address><Status>ON</Status><Longitude>116.5</Longitude><Latitude>39.5</Latitude></Item>
<Item><DeviceID>34020000001310000002</DeviceID><Name>two</Name><Address>second</Address><Status>OFF</Status></Item>
</DeviceList></Response>"""


@pytest.mark.parametrize(
    "broken",
    [
        *(
            "A & B",
            "A &",
            "&&&",
            "a&b;c",
            "&#xZZ;",
            "1 < 2",
            "north<gate",
            "a<b>c",
            "<<<",
            "x > y",
            "<1>",
            "a</b>c",
        ),
        *(
            "nul\x00here",
            "\x01\x02",
            "<![CDATA[a < b & c]]>",
            "half<![CDATA[",
            "<!-- gone -->kept",
            "a<b c='1'>d",
        ),
    ],
)
@pytest.mark.parametrize("field", ["name", "address"])
def test_a_broken_text_costs_no_other_field_and_no_item(broken, field):
    text = CATALOG.format(**{"name": "one", "address": "first", field: broken})
    part = CatalogPart.parse(Envelope.parse(text.encode("gb18030")))
    first, second = part.items
    assert (first.code[-1], first.model, first.on, first.longitude, first.latitude) == (
        "1",
        "M",
        True,
        116.5,
        39.5,
    )
    assert (second.code[-1], second.name, second.address, second.on) == ("2", "two", "second", False)
    other = {"name": first.address, "address": first.name}[field]
    assert other == {"name": "first", "address": "one"}[field]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A & B", "A & B"),
        ("north<gate", "north<gate"),
        ("a<b>c", "a<b>c"),
        ("<![CDATA[a < b & c]]>", "a < b & c"),
        ("<!-- gone -->kept", "kept"),
        ("&lt;&amp;&gt;&quot;&#65;&#x42;", '<&>"AB'),
    ],
)
def test_a_broken_text_is_read_as_it_was_meant(written, read):
    assert parse(f"<R><Name>{written}</Name></R>".encode()).get("Name") == read


def test_a_body_that_breaks_off_gives_what_is_there():
    whole = CATALOG.format(name="one", address="first").encode("gb18030")
    part = CatalogPart.parse(Envelope.parse(whole[: whole.index(b"</Item>") + 7]))
    assert [each.name for each in part.items] == ["one"]


def test_names_of_elements_may_have_any_case_and_prefix_and_num_may_lie():
    text = CATALOG.format(name="one", address="first").replace('Num="2"', 'Num=" 5 "')
    for old, new in (
        ("Item", "gb:item"),
        ("<Name>", "<NAME>"),
        ("</Name>", "</NAME>"),
        ("DeviceList", "devicelist"),
    ):
        text = text.replace(old, new)
    text = text.replace("<Response>", '<ns:Response xmlns:ns="urn:x">').replace(
        "</Response>", "</ns:Response>"
    )
    part = CatalogPart.parse(Envelope.parse(text.encode("gb18030")))
    assert [each.name for each in part.items] == ["one", "two"]


@pytest.mark.parametrize(
    ("indent", "end"), [("    ", "\n"), ("", "\n"), ("", "\r\n"), ("\t", "\r\n"), ("", "")]
)
def test_layout_does_not_matter(indent, end):
    lines = ["<Response>", "<CmdType>DeviceInfo</CmdType>", "<SN> 7 </SN>", "<DeviceID> 1 </DeviceID>"]
    lines += ["<DeviceName>gate</DeviceName>", "<Vendor>x</Vendor>", "</Response>", "", ""]
    envelope = Envelope.parse(end.join(indent + line for line in lines).encode())
    assert (envelope.sn, envelope.code, DeviceInfo.parse(envelope).name) == (7, "1", "gate")
    assert undeclared(DeviceInfo, envelope.element) == {"vendor": "x"}


def test_logins_are_never_kept_of_what_nobody_declared():
    envelope = Envelope.parse(
        b"<Response><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>1</DeviceID><DeviceName>DS-7816N</DeviceName>"
        b"<Result>OK</Result><Manufacturer>Hikvision</Manufacturer><Model>DS-7816N-R2</Model><Firmware>V4</Firmware>"
        b"<Channel>16</Channel><LoginName>admin</LoginName><Password>s3cret</Password></Response>\n\n"
    )
    info = DeviceInfo.parse(envelope)
    assert (info.manufacturer, info.channels, info.firmware) == ("Hikvision", 16, "V4")
    assert "s3cret" not in repr(info)
    assert undeclared(DeviceInfo, envelope.element) == {}


def test_a_bad_number_is_none_and_named_and_costs_nothing_else():
    item = parse(
        b"<Item><Name>n</Name><Secrecy>no</Secrecy><FileSize>1e99x</FileSize><StreamNumber>1</StreamNumber></Item>"
    )
    record = RecordItem.read(item)
    assert (record.name, record.secrecy, record.size_bytes, record.stream_number) == ("n", None, None, 1)
    assert unreadable(RecordItem, item) == ["Secrecy", "FileSize"]
    listed = CATALOG.format(name="n", address="a").replace("116.5", "east").replace("39.5", "inf")
    first = CatalogPart.parse(Envelope.parse(listed.encode())).items[0]
    assert (first.longitude, first.latitude, first.unreadable) == (None, None, ("Longitude", "Latitude"))


@pytest.mark.parametrize("text", ["", " ", "x", "1.2.3", "0x10", "١e", "--1", "1" * 6000])
def test_what_is_no_number_is_none(text):
    assert read_int(text) is None
    assert read_float("nan" if not text.strip() else f"{text}z") is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-05-01T08:00:00", "2024-05-01T00:00:00"),
        ("2024-05-01 08:00:00", "2024-05-01T00:00:00"),
        (" 2024-5-1T8:00:00.250 ", "2024-05-01T00:00:00.250000"),
        ("2024-05-01T08:00:00Z", "2024-05-01T08:00:00"),
        ("2024-05-01T08:00:00+09:00", "2024-04-30T23:00:00"),
        ("2024-05-01T08:00:00-0130", "2024-05-01T09:30:00"),
    ],
)
def test_dates_are_read_in_every_form(text, utc):
    read = read_time(text)
    assert read.astimezone(tz=__import__("datetime").UTC).replace(tzinfo=None).isoformat() == utc


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "2024-13-01T00:00:00",
        "2024-02-30T00:00:00",
        "2024-05-01T25:00:00",
        "2024-05-01T08:00:00+99:99",
    ],
)
def test_what_is_no_date_is_none(text):
    assert read_time(text) is None
