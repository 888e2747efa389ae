"""Via, CSeq, addresses, parameters and text (RFC 3261 §20)."""

from __future__ import annotations

import pytest

from cambus.sip.errors import ProtocolError
from cambus.sip.fields import CSeq, NameAddress, Via, parse_parameters, readable, split_outside_quotes, tag_of


def test_lists_are_split_outside_quotes_and_brackets_only() -> None:
    text = '"a, \\", b" <sip:1@x;y=1,2>;q=1, <sip:2@x>, sip:3@x'

    assert [part.strip() for part in split_outside_quotes(text, ",")] == [
        '"a, \\", b" <sip:1@x;y=1,2>;q=1',
        "<sip:2@x>",
        "sip:3@x",
    ]


def test_of_repeated_parameters_the_first_counts() -> None:
    assert parse_parameters(';Tag=a;tag=b;lr; x = "q;\\"1" ;;') == {"tag": "a", "lr": None, "x": 'q;"1'}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<sip:1@x>;tag=a", "a"),
        ("<sip:1@x>;tag=a;tag=b", "a"),
        ("<sip:1@x;tag=inner>;tag=a", "a"),
        ("sip:1@x;tag=a", "a"),
        ('"n" <sip:1@x> ; TAG = "a"', "a"),
        ("<sip:1@x>;taggy=b", ""),
        ("<sip:1@x>", ""),
        ("", ""),
    ],
)
def test_the_first_tag_is_found_cheaply_as_well(text: str, tag: str) -> None:
    assert tag_of(text) == tag
    assert (NameAddress.parse(text).tag or "") == tag


def test_an_address_has_a_name_a_uri_and_parameters() -> None:
    address = NameAddress.parse('"Gate <1>, \\"north\\"" <sip:1@x;lr>;tag=a;expires=60')

    assert address == NameAddress("sip:1@x;lr", {"tag": "a", "expires": "60"}, 'Gate <1>, "north"')


def test_without_brackets_parameters_belong_to_the_header() -> None:
    assert NameAddress.parse("sip:1@x;expires=60") == NameAddress("sip:1@x", {"expires": "60"})
    assert NameAddress.parse("*").uri == "*"


@pytest.mark.parametrize(
    ("text", "host", "port", "branch"),
    [
        ("SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK1", "192.0.2.7", 5060, "z9hG4bK1"),
        ("sip / 2.0 / udp 192.0.2.7 : 5060 ; branch = z9hG4bK1", "192.0.2.7", 5060, "z9hG4bK1"),
        ("SIP/2.0/UDP [2001:db8::1]:5060;branch=b", "[2001:db8::1]", 5060, "b"),
        ("SIP/2.0/UDP 2001:db8::1;branch=b", "2001:db8::1", None, "b"),
        ("SIP/2.0/UDP 3402000000;branch=b;branch=c", "3402000000", None, "b"),
        ("SIP/2.0/UDP nvr", "nvr", None, ""),
    ],
)
def test_hops_are_read(text: str, host: str, port: int | None, branch: str) -> None:
    via = Via.parse(text)

    assert (via.transport, via.host, via.port, via.branch) == ("UDP", host, port, branch)


@pytest.mark.parametrize("text", ["", "UDP 192.0.2.7", "SIP/1.0/UDP 192.0.2.7", "SIP/2.0 192.0.2.7", "\x00"])
def test_what_is_no_hop_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        Via.parse(text)


@pytest.mark.parametrize(
    ("hop", "source", "answered"),
    [
        ("192.0.2.7:5060;rport;branch=b", ("192.0.2.7", 5060), "192.0.2.7:5060;rport=5060;branch=b"),
        (
            "192.0.2.7:5060;rport;branch=b",
            ("198.51.100.1", 40001),
            "192.0.2.7:5060;rport=40001;branch=b;received=198.51.100.1",
        ),
        (
            "192.0.2.7:5060;branch=b",
            ("198.51.100.1", 40001),
            "192.0.2.7:5060;branch=b;received=198.51.100.1",
        ),
        (
            "192.0.2.7;received=203.0.113.9;rport=1;branch=b",
            ("198.51.100.1", 2),
            "192.0.2.7;rport=2;branch=b;received=198.51.100.1",
        ),
        ("[2001:db8::1];branch=b", ("2001:db8::1", 5060), "[2001:db8::1];branch=b"),
        ("nvr;rport;branch=b", ("fe80::1%eth0", 5060), "nvr;rport=5060;branch=b;received=fe80::1"),
    ],
)
def test_the_source_is_filled_in(hop: str, source: tuple[str, int], answered: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP {hop}").answered_to(*source) == f"SIP/2.0/UDP {answered}"


def test_numbers_may_have_leading_zeros() -> None:
    assert CSeq.parse(" 0009  INVITE ") == CSeq(9, "INVITE")
    assert str(CSeq(20, "MESSAGE")) == "20 MESSAGE"


@pytest.mark.parametrize(
    "text", ["", "20", "MESSAGE 20", "-1 MESSAGE", "2147483648 MESSAGE", "٢٠ MESSAGE", "1 A B"]
)
def test_what_is_no_cseq_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        CSeq.parse(text)


def test_names_in_any_charset_can_be_read() -> None:
    gbk = "大门".encode("gb18030").decode("utf-8", "surrogateescape")

    assert readable("gate") == "gate"
    assert readable("大门") == "大门"
    assert readable(gbk) == "大门"
    assert readable("\udcff") == "\ufffd"
