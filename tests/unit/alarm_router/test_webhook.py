import base64
import hashlib
import hmac

import pytest

from cambus.alarm_router.webhook import (
    LONGEST_RETRY_AFTER_S,
    Envelope,
    address,
    headers,
    retry_after,
    signature,
    signing_key,
)

ENVELOPE = Envelope("01KGE5C8QXG1Z5X0N3V7M4T2RB", b'{"type":"alarm.raised"}')


def test_the_signature_is_the_hmac_of_id_time_and_body() -> None:
    signed = b"01KGE5C8QXG1Z5X0N3V7M4T2RB.1767225600." + ENVELOPE.body
    digest = hmac.new(b"key", signed, hashlib.sha256).digest()
    assert signature(b"key", ENVELOPE, 1767225600) == f"v1,{base64.b64encode(digest).decode()}"


def test_our_headers_win_over_those_of_the_rule() -> None:
    fields = headers(ENVELOPE, 1, b"key", {"X-Site": "north", "webhook-id": "forged"})
    assert fields["webhook-id"] == ENVELOPE.id
    assert fields["X-Site"] == "north"
    assert "webhook-signature" in fields


def test_without_a_key_there_is_no_signature() -> None:
    assert "webhook-signature" not in headers(ENVELOPE, 1, None, {})


def test_a_secret_is_its_text_or_the_bytes_behind_the_mark() -> None:
    assert signing_key("plain text") == b"plain text"
    assert signing_key("whsec_AAEC") == b"\x00\x01\x02"
    with pytest.raises(ValueError, match="base64"):
        signing_key("whsec_not base64!")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("999999", LONGEST_RETRY_AFTER_S),
        ("-1", None),
        ("Wed, 21 Oct", None),
        ("²", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_bounded(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_an_address_is_used_as_it_was_written() -> None:
    assert str(address("http://h/a%2Fb?x=%2F&y=1+1")) == "http://h/a%2Fb?x=%2F&y=1+1"
    assert str(address("http://münchen.example/tür")) == "http://xn--mnchen-3ya.example/t%C3%BCr"
