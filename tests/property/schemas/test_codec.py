"""Properties of the codec: what is written is read, and whatever arrives is a model or a `BadRequest`."""

import json
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.codec import JSON, MSGPACK, decode, encode
from cambus.schemas.commands.native import NativeCallRequest
from cambus.schemas.commands.ptz import PtzMoveRequest
from cambus.schemas.commands.users import UsersAddRequest
from cambus.schemas.errors import BadRequest, ErrorCode, ErrorReply
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import derived_event_id
from cambus.schemas.model import Message
from cambus.schemas.registry import declared_example, models
from cambus.schemas.state.alarm_rule import AlarmRule

ENCODINGS = (MSGPACK, JSON)
CANARY = "canary-5f1e0c77"

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
token = st.text("abcXYZ019_-", min_size=1, max_size=64)
instants = st.datetimes(timezones=st.timezones())
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
free = st.recursive(
    plain | text, lambda each: st.lists(each, max_size=4) | st.dictionaries(text, each, max_size=4)
)

moves = st.builds(
    PtzMoveRequest,
    channel=st.integers(0, 65535),
    pan=st.floats(-1, 1),
    tilt=st.floats(-1, 1),
    zoom=st.floats(-1, 1),
    duration_s=st.none() | st.floats(0.001, 30),
)
natives = st.builds(NativeCallRequest, protocol=st.just("dvrip"), message=free, data=st.none() | st.binary())
replies = st.builds(
    ErrorReply,
    code=st.sampled_from(ErrorCode),
    reason=st.just("some-reason"),
    text=text,
    device_code=st.none() | text,
    retryable=st.booleans(),
)
alarms = instants.flatmap(
    lambda at: st.builds(
        AlarmRaised,
        id=st.just(derived_event_id(at, "property")),
        device=token,
        protocol=st.just("dvrip"),
        at=st.just(at),
        device_time=st.none() | instants,
        channel=st.none() | st.integers(0, 65535),
        type=st.sampled_from(AlarmType),
        severity=st.sampled_from(Severity),
        key=st.just("motion:0"),
        text=text,
    )
)


def refusal(model: type[Message], data: bytes, content_type: str | None) -> str | None:
    """What `decode` says against a body; None if it takes it. Anything but a `BadRequest` fails the test."""
    try:
        decode(model, data, content_type)
    except BadRequest as error:
        return str(error)
    return None


@given(message=moves | natives | replies | alarms, content_type=st.sampled_from(ENCODINGS))
def test_what_is_written_is_read(message: Any, content_type: str) -> None:
    data = encode(message, content_type)
    assert decode(type(message), data, content_type) == message
    assert decode(type(message), data) == message


@given(message=moves | natives | replies | alarms)
def test_both_encodings_say_the_same(message: Any) -> None:
    assert msgpack.unpackb(encode(message, MSGPACK)) == json.loads(encode(message, JSON))


@given(data=st.binary(max_size=300), content_type=st.sampled_from([None, *ENCODINGS]))
@example(data=b"\xdc\xff\xff", content_type=None)
@example(data=b"\xc9\x00\x00\x00\x00\x01", content_type=None)
@example(data=b"{" * 2000, content_type=None)
def test_arbitrary_bytes_are_a_model_or_a_bad_request(data: bytes, content_type: str | None) -> None:
    for model in (PtzMoveRequest, NativeCallRequest, AlarmRaised, AlarmRule, ErrorReply):
        assert refusal(model, data, content_type) != ""


@given(data=st.data(), content_type=st.sampled_from(ENCODINGS))
@pytest.mark.parametrize(
    "name", ["AlarmRaised", "AlarmRule", "Presence", "UpgradeStartRequest", "PtzTourSetRequest"]
)
def test_a_damaged_message_is_a_model_or_a_bad_request(
    name: str, data: st.DataObject, content_type: str
) -> None:
    model = models()[name]
    body = bytearray(encode(model.model_validate(declared_example(model)), content_type))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    for damaged in (bytes(body), bytes(body[:cut])):
        assert refusal(model, damaged, content_type) != ""


@given(value=free, content_type=st.sampled_from(ENCODINGS))
def test_any_value_in_the_place_of_a_body_is_refused(value: Any, content_type: str) -> None:
    data = json.dumps(value).encode() if content_type == JSON else msgpack.packb(value)
    refused = refusal(AlarmRule, data, content_type)
    assert refused is not None
    assert "AlarmRule: " in refused or "body: " in refused


@given(place=st.sampled_from(["user", "password", "confirm"]), wrap=st.integers(0, 3))
def test_no_refusal_repeats_what_it_refuses(place: str, wrap: int) -> None:
    value: Any = CANARY
    for _ in range(wrap):
        value = [value]
    body = {"user": {"name": "u"}, "password": "p", "confirm": True} | {place: value}
    for data in (msgpack.packb(body), json.dumps(body).encode()):
        assert CANARY not in (refusal(UsersAddRequest, data, None) or "")


@given(value=free)
def test_an_instant_is_nothing_but_an_instant(value: Any) -> None:
    fields = declared_example(models()["AlarmRaised"]) | {"at": value}
    with pytest.raises(BadRequest, match="at: "):
        decode(models()["AlarmRaised"], msgpack.packb(fields))
