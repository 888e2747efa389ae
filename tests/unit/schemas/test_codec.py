"""The codec: two encodings of one model, bounded, and silent about what it refuses."""

import json

import msgpack
import pytest

from cambus.schemas.codec import JSON, MSGPACK, content_type_of, decode, encode
from cambus.schemas.commands.native import NativeCallRequest
from cambus.schemas.commands.ptz import PtzMoveRequest, PtzTourSetRequest
from cambus.schemas.commands.users import UsersAddRequest
from cambus.schemas.errors import BadRequest, TooLarge
from cambus.schemas.model import Empty
from cambus.schemas.state.alarm_sinks import WebhookSink

MOVE = PtzMoveRequest(channel=3, pan=0.5)
CANARY = "canary-5f1e0c77"


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        (None, b"{}", JSON),
        (None, b"", JSON),
        (None, b' \r\n\t{"a":1}', JSON),
        (None, b" ", JSON),
        (None, b"\x80", MSGPACK),
        (None, b"\xc0", MSGPACK),
        ("", b"{}", JSON),
        ("application/json", b"\x80", JSON),
        ("application/json; charset=utf-8", b"", JSON),
        ("Application/JSON", b"", JSON),
        ("application/msgpack", b"{}", MSGPACK),
        ("application/x-msgpack", b"", MSGPACK),
        ("application/vnd.msgpack", b"", MSGPACK),
    ],
)
def test_the_header_decides_and_without_one_the_first_byte(
    header: str | None, body: bytes, expected: str
) -> None:
    assert content_type_of(header, body) == expected


def test_an_unknown_content_type_is_refused() -> None:
    with pytest.raises(BadRequest, match="wanted application/msgpack or application/json") as caught:
        decode(Empty, b"<a/>", "text/xml")
    assert caught.value.reason == "content-type"
    with pytest.raises(BadRequest):
        encode(Empty(), "text/xml")


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
def test_a_command_goes_there_and_back(content_type: str) -> None:
    assert decode(PtzMoveRequest, encode(MOVE, content_type), content_type) == MOVE


def test_a_command_written_by_hand_is_understood() -> None:
    assert decode(PtzMoveRequest, b'{"channel":3,"pan":0.5}') == MOVE


@pytest.mark.parametrize("body", [b"", b"  ", b"{}"])
def test_an_empty_body_is_an_empty_request(body: bytes) -> None:
    assert decode(Empty, body) == Empty()


def test_msgpack_carries_plain_values() -> None:
    assert msgpack.unpackb(encode(MOVE)) == {
        "channel": 3,
        "pan": 0.5,
        "tilt": 0.0,
        "zoom": 0.0,
        "duration_s": None,
    }


def test_unknown_fields_are_ignored() -> None:
    body = {"channel": 3, "pan": 0.5, "roll": {"deep": [1]}}
    assert decode(PtzMoveRequest, msgpack.packb(body)) == MOVE
    assert decode(PtzMoveRequest, json.dumps(body).encode()) == MOVE


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        (PtzMoveRequest, {"pan": 0.5}, "PtzMoveRequest: channel: Field required"),
        (PtzMoveRequest, {"channel": "3"}, "channel: Input should be a valid integer"),
        (PtzMoveRequest, {"channel": 0, "pan": 1.5}, "pan: Input should be less than or equal to 1"),
        (
            PtzTourSetRequest,
            {"channel": 0, "tour": 1, "points": [{"preset": 1}, {"preset": "two"}]},
            "points[1].preset: Input should be a valid integer",
        ),
        (PtzMoveRequest, [], "body: Input should be"),
    ],
)
def test_a_wrong_body_is_refused_with_the_path_of_the_field(
    content_type: str, model: type[PtzMoveRequest], body: object, expected: str
) -> None:
    data = json.dumps(body).encode() if content_type == JSON else msgpack.packb(body)
    with pytest.raises(BadRequest) as caught:
        decode(model, data, content_type)
    assert expected in caught.value.text


def test_many_problems_are_counted() -> None:
    body = {"channel": "a", "pan": "a", "tilt": "a", "zoom": "a", "duration_s": "a"}
    with pytest.raises(BadRequest, match="and 2 more"):
        decode(PtzMoveRequest, json.dumps(body).encode())


def test_a_refusal_never_repeats_a_value() -> None:
    body = {"user": CANARY, "password": [CANARY], "confirm": CANARY}
    for data in (json.dumps(body).encode(), msgpack.packb(body)):
        with pytest.raises(BadRequest) as caught:
            decode(UsersAddRequest, data)
        assert CANARY not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
def test_the_codec_writes_secrets_for_the_receiver(content_type: str) -> None:
    request = decode(
        UsersAddRequest, json.dumps({"user": {"name": "u"}, "password": CANARY, "confirm": True}).encode()
    )
    assert CANARY not in repr(request)
    received = decode(UsersAddRequest, encode(request, content_type), content_type)
    assert received.password.get_secret_value() == CANARY


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",  # a byte msgpack never uses
        b"\x81\xa7channel",  # cut short
        b"\x80\x80",  # two values
        b"\x81\x01\x02",  # a key that is a number
        b"\xc7\x04\x05abcd",  # an extension
        b"\x81\xa7channel\xc7\x04\x05abcd",
        b"\x81\xa7channel\xd6\xff\x00\x00\x00\x00",  # a msgpack time
        b"\xdd\xff\xff\xff\xff",  # 4 G elements
        b"\xdb\xff\xff\xff\xff",  # 4 GiB of text
        b"\x91" * 100_000,
        b"\x81\xa7channel\xa2\xff\xfe",  # no UTF-8
        b"",
    ],
)
def test_msgpack_that_is_none_or_more_than_plain_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(PtzMoveRequest, data, MSGPACK)


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"nul",
        b'{"channel":NaN}',
        b'{"channel":0,"pan":NaN}',
        b'{"a":' * 5000,
        b"\xff{}",
        b"[]",
        b"{} {}",
    ],
)
def test_json_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(PtzMoveRequest, data, JSON)


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
def test_free_json_is_bounded_in_depth(content_type: str) -> None:
    body: object = 1
    for _ in range(100):
        body = [body]
    data = msgpack.packb({"protocol": "dvrip", "message": body})
    if content_type == JSON:
        data = json.dumps({"protocol": "dvrip", "message": body}).encode()
    with pytest.raises(BadRequest, match=r"message: .*32 levels"):
        decode(NativeCallRequest, data, content_type)


def test_a_body_above_the_limit_is_too_large_before_it_is_read() -> None:
    with pytest.raises(TooLarge, match="11 bytes, at most 10"):
        decode(Empty, b"{" + b" " * 10, JSON, limit=10)
    assert decode(Empty, b"{" + b" " * 8 + b"}", JSON, limit=10) == Empty()


def test_the_default_limit_is_a_mebibyte() -> None:
    fits = b'{"a":"' + b"x" * ((1 << 20) - 8) + b'"}'
    assert decode(Empty, fits) == Empty()
    with pytest.raises(TooLarge):
        decode(Empty, fits + b" ")


def test_an_answer_that_does_not_fit_is_too_large() -> None:
    with pytest.raises(TooLarge, match="PtzMoveRequest"):
        encode(MOVE, limit=10)


def test_a_native_null_survives() -> None:
    request = NativeCallRequest(protocol="dvrip", message={"body": {"LogPosition": None}})
    assert decode(NativeCallRequest, encode(request)).message == {"body": {"LogPosition": None}}


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
def test_half_characters_of_a_device_are_replaced_instead_of_losing_the_message(content_type: str) -> None:
    request = NativeCallRequest(protocol="dvrip", message={"key\ud800": ["G\udc00ate", {"x": "\U0001f6a7"}]})
    read = decode(NativeCallRequest, encode(request, content_type), content_type)
    assert isinstance(read.message, dict)
    assert next(iter(read.message)).startswith("key\ufffd")
    assert list(read.message.values()) == [["G\ufffdate", {"x": "\U0001f6a7"}]]


def test_bytes_may_come_as_msgpack_bytes() -> None:
    body = msgpack.packb({"protocol": "dvrip", "data": b"\x00\xff"})
    assert decode(NativeCallRequest, body).data == b"\x00\xff"


def test_a_key_the_sender_chose_is_shown_only_if_it_is_a_word() -> None:
    body = {"url": "https://a/b", "headers": {"X\r\nInjected: 1": "v"}}
    with pytest.raises(BadRequest) as caught:
        decode(WebhookSink, json.dumps(body).encode())
    assert "headers.?" in caught.value.text
    assert "Injected" not in caught.value.text
