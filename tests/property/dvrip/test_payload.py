"""Bodies survive the way out and back; anything else is our own error."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.values import (
    Mask,
    TimeSection,
    format_address,
    format_session_id,
    format_time,
    parse_address,
    parse_flag,
    parse_number,
    parse_session_id,
    parse_time,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(text, values, max_size=6))
def test_a_body_comes_back_as_it_was(body):
    assert decode_body(encode_body(body)) == body


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_an_object_or_malformed(data):
    try:
        body = decode_body(data)
    except MalformedPayload:
        return
    encode_body(body)


HALVES = [
    "\\ud800",
    "\\uDBFF",
    "\\udc00",
    "\\ud83d",
    "\\ude00",
    "\\u0041",
    "\\\\",
    "\\n",
    '\\"',
    "u",
    "d800",
    "x",
]


@given(st.lists(st.sampled_from(HALVES), max_size=9))
def test_halves_of_characters_become_question_marks_and_nothing_else_changes(pieces):
    raw = '{"a":"' + "".join(pieces) + '"}'
    plain = json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")
    assert decode_body(raw.encode()) == json.loads(plain)


@given(st.text(alphabet='{}[]",:\\ud8a0 1tn', max_size=60))
def test_json_like_noise_is_an_object_or_malformed(noise):
    with contextlib.suppress(MalformedPayload):
        encode_body(decode_body(("{" + noise).encode()))


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.lists(st.integers(), max_size=2)
)
def test_value_readers_take_anything(value):
    parse_session_id(value)
    parse_number(value)
    parse_address(value)
    parse_flag(value)
    parse_time(value)
    for reader in (Mask.parse, TimeSection.parse):
        with contextlib.suppress(MalformedPayload):
            reader(value)


@given(st.integers(0, 0xFFFFFFFF))
def test_session_ids_round_trip(session_id):
    assert parse_session_id(format_session_id(session_id)) == session_id


@given(st.integers(0, 2**128 - 1), st.integers(1, 32), st.booleans())
def test_masks_round_trip_in_their_shape(value, digits, upper):
    mask = Mask(value, digits, upper)
    again = Mask.parse(mask.wire())
    assert again.value == value
    assert again.wire() == mask.wire()
    assert Mask.parse(value).wire() == value


@given(st.ip_addresses(v=4))
def test_addresses_round_trip_as_hex_and_dotted(address):
    dotted = str(address)
    hexed = format_address(dotted, "0x00000000")
    assert hexed.startswith("0x")
    assert parse_address(hexed) == dotted
    assert format_address(parse_address(dotted), dotted) == dotted


@given(st.datetimes())
def test_times_round_trip_by_the_second(time):
    assert parse_time(format_time(time)) == time.replace(microsecond=0)


@given(st.booleans(), st.integers(0, 86400), st.integers(0, 86400))
def test_schedule_sections_round_trip(enabled, begin, end):
    section = TimeSection(enabled, begin, end)
    assert TimeSection.parse(section.wire()) == section
