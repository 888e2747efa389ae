"""Header fields by name (RFC 3261 §7.3)."""

from __future__ import annotations

import pytest

from cambus.sip.headers import Headers, spelling


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("v", "Via"),
        ("V", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("k", "Supported"),
        ("s", "Subject"),
        ("e", "Content-Encoding"),
        ("o", "Event"),
        ("u", "Allow-Events"),
        ("CALL-id", "Call-ID"),
        ("cseq", "CSeq"),
        ("x-gb-ver", "X-GB-Ver"),
        ("www-authenticate", "WWW-Authenticate"),
        ("x-unheard-OF", "X-Unheard-Of"),
    ],
)
def test_names_are_known_in_any_case_and_in_their_short_form(written: str, usual: str) -> None:
    headers = Headers([(written, "x")])

    assert spelling(written) == usual
    assert list(headers) == [(usual, "x")]
    assert headers.get(written) == headers.get(usual.upper()) == "x"
    assert written in headers


def test_values_of_one_name_keep_their_order() -> None:
    headers = Headers([("Via", "a, b"), ("To", "t"), ("v", "c")])

    assert headers.all("Via") == ["a, b", "c"]
    assert headers.listed("via") == ["a", "b", "c"]
    assert headers.get("Via") == "a, b"
    assert headers.get("From") is None
    assert headers.get("From", "-") == "-"


def test_fields_are_put_where_the_first_stood() -> None:
    headers = Headers([("To", "t"), ("Via", "a, b"), ("From", "f"), ("Via", "c")])

    headers.set("via", "a", "b", "c")
    headers.set("Expires", "60")
    headers.add_first("Route", "r")

    assert list(headers) == [
        ("Route", "r"),
        ("To", "t"),
        ("Via", "a"),
        ("Via", "b"),
        ("Via", "c"),
        ("From", "f"),
        ("Expires", "60"),
    ]
    headers.remove("VIA")
    assert len(headers) == 4


def test_a_copy_is_its_own() -> None:
    headers = Headers([("To", "t")])
    copy = headers.copy()

    copy.add("From", "f")

    assert headers != copy
    assert copy == Headers([("t", "t"), ("f", "f")])


def test_secrets_are_not_shown() -> None:
    shown = repr(Headers([("Authorization", "hush"), ("proxy-authorization", "hush"), ("To", "t")]))

    assert "hush" not in shown
    assert "'t'" in shown
