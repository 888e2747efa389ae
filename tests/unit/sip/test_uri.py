"""URIs as devices write them (GB-002)."""

from __future__ import annotations

import pytest

from cambus.sip.errors import ProtocolError
from cambus.sip.uri import MAX_URI_CHARS, SipUri

ID = "34020000001320000001"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (f"sip:{ID}@3402000000", "3402000000", None),
        (f"<sip:{ID}@3402000000>", "3402000000", None),
        (f"sip:{ID}@3402000000.spvmn.cn", "3402000000.spvmn.cn", None),
        (f"sip:{ID}@192.0.2.7:5060", "192.0.2.7", 5060),
        (f"sip:{ID}@nvr.example.com:15060", "nvr.example.com", 15060),
        (f"sip:{ID}@:5060", "", 5060),
        (f"sip:{ID}@", "", None),
        (f"sip:{ID}@192.0.2.7:", "192.0.2.7", None),
        (f"sip:{ID}@[2001:db8::1]:5060", "2001:db8::1", 5060),
        (f"sip:{ID}@[2001:db8::1]", "2001:db8::1", None),
        (f"sip:{ID}@[fe80::1%eth0]:5060", "fe80::1%eth0", 5060),
        (f"sip:{ID}@2001:db8::1", "2001:db8::1", None),
        (f"sip:{ID}@[::ffff:192.0.2.7]", "::ffff:192.0.2.7", None),
        (f"SIPS:{ID}@192.0.2.7", "192.0.2.7", None),
        (f"sip:{ID}:secret@192.0.2.7:5060", "192.0.2.7", 5060),
        (f"  sip : {ID}@192.0.2.7:5060 ", "192.0.2.7", 5060),
        (f"sip:{ID}@192.0.2.7;transport=tcp;lr", "192.0.2.7", None),
        (f"sip:{ID}@192.0.2.7?Subject=x", "192.0.2.7", None),
    ],
)
def test_the_id_is_found_in_every_form(text: str, host: str, port: int | None) -> None:
    uri = SipUri.parse(text)

    assert (uri.user, uri.host, uri.port) == (ID, host, port)


def test_parameters_are_read_and_written_again() -> None:
    uri = SipUri.parse(f"sip:{ID}@192.0.2.7:5060;Transport=tcp;lr;lr=2")

    assert uri.parameters == {"transport": "tcp", "lr": None}
    assert str(uri) == f"sip:{ID}@192.0.2.7:5060;transport=tcp;lr"


def test_a_secure_uri_says_so() -> None:
    assert SipUri.parse(f"SIPS:{ID}@192.0.2.7").scheme == "sips"


@pytest.mark.parametrize("host", ["2001:db8::1", "192.0.2.7", "3402000000"])
def test_what_is_written_is_read_again(host: str) -> None:
    uri = SipUri(ID, host, 5060)

    assert SipUri.parse(str(uri)) == uri


def test_a_uri_without_a_user_is_a_domain() -> None:
    assert SipUri.parse("sip:3402000000") == SipUri("", "3402000000")
    assert str(SipUri("", "3402000000")) == "sip:3402000000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        ID,
        "tel:+8613800000000",
        "http://192.0.2.7/",
        f"sip:{ID}@192.0.2.7:99999",
        f"sip:{ID}@192.0.2.7:123456",
        f"sip:{ID}@192.0.2.7:0",
        f"sip:{ID}@192.0.2.7 and more",
        f"sip:{ID}@[2001:db8::1",
        f"sip:{ID}@192.0.2.7:٥٠٦٠",
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        SipUri.parse(text)


def test_a_uri_beyond_the_limit_is_refused_as_too_long() -> None:
    with pytest.raises(ProtocolError) as refused:
        SipUri.parse(f"sip:{ID}@" + "h" * MAX_URI_CHARS)

    assert refused.value.status == 414
