"""Errors: one exception for each code, there and back over the bus."""

import pytest

from cambus.schemas.codec import decode, encode
from cambus.schemas.errors import (
    ERRORS,
    MAX_TEXT,
    CambusError,
    Conflict,
    DeadlineExceeded,
    DeviceRefused,
    ErrorCode,
    ErrorReply,
    Internal,
    NotFound,
    Offline,
    Overloaded,
    from_reply,
)


def test_every_code_has_its_exception() -> None:
    assert set(ERRORS) == set(ErrorCode)
    assert len(set(ERRORS.values())) == len(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_survives_the_bus(code: ErrorCode) -> None:
    sent = ERRORS[code]("it failed", reason="some-reason", device_code="118", retryable=True)
    received = from_reply(decode(ErrorReply, encode(sent.reply())))
    assert type(received) is type(sent)
    assert received.reply() == sent.reply()
    assert received.code is code


def test_an_error_says_code_slug_text_and_device_code() -> None:
    error = DeviceRefused("the device has no PTZ protocol", reason="no-ptz-protocol", device_code="118")
    assert str(error) == "422 no-ptz-protocol: the device has no PTZ protocol (device code 118)"


@pytest.mark.parametrize("error", [Conflict, Overloaded, Offline])
def test_what_did_nothing_may_be_tried_again(error: type[Conflict]) -> None:
    assert error("later").retryable


def test_a_time_out_is_not_said_to_be_repeatable_because_it_may_have_been_done() -> None:
    assert not DeadlineExceeded("no answer in 5 s").retryable


def test_whether_to_try_again_can_be_said_otherwise() -> None:
    assert not Offline("disabled", retryable=False).retryable


def test_a_defect_of_ours_says_nothing_unless_told_to() -> None:
    assert Internal().text == "internal error"


def test_a_long_text_is_cut() -> None:
    error = NotFound("x" * (MAX_TEXT + 1))
    assert len(error.text) == MAX_TEXT
    assert error.text.endswith("…")


def test_every_error_is_caught_as_one() -> None:
    with pytest.raises(CambusError) as caught:
        raise NotFound("no channel 7")
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert caught.value.reason == "not-found"


@pytest.mark.parametrize(
    "text", ["a\r\nNats-Service-Error: b", "a\x00b", "a\x1b[31mb", "a\u2028b", "a\ud800b"]
)
def test_a_text_of_a_device_breaks_no_header_and_no_log_line(text: str) -> None:
    error = DeviceRefused(text, device_code=text)
    assert error.text.startswith("a ")
    assert error.text.isprintable()
    assert str(error).isprintable()
    assert from_reply(decode(ErrorReply, encode(error.reply()))).text == error.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("No PTZ protocol!", "no-ptz-protocol"),
        ("", "unspecified"),
        ("-a--b-", "a-b"),
        ("x" * 100, "x" * 64),
        ("ä", "unspecified"),
    ],
)
def test_a_reason_becomes_a_slug_whatever_it_was(given: str, kept: str) -> None:
    error = CambusError(ErrorCode.CONFLICT, given, "text")
    assert error.reason == kept
    assert decode(ErrorReply, encode(error.reply())).reason == kept
