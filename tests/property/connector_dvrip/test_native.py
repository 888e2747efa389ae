"""Whatever a device says can be shown: encoded for the bus, within bounds, without secrets."""

import json

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_dvrip.handlers.config import without_blanks
from cambus.connector_dvrip.mapping.native import json_object, json_value, text
from cambus.schemas.commands.native import NativeCallReply

SECRET = "c4nary"
keys = st.one_of(st.text(max_size=5), st.sampled_from(["PassWord", "password", "CommunicateKey", "Name"]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=30,
)


@given(values)
def test_everything_can_be_encoded(value):
    shown = json_value(value)
    msgpack.packb(shown)
    json.dumps(shown, allow_nan=False)
    NativeCallReply(native=shown)


@given(values)
def test_an_object_is_always_an_object(value):
    assert isinstance(json_object(value), dict)


@given(values, st.sampled_from(["PassWord", "Password", "NewPassWord", " password ", "COMMUNICATEKEY"]))
def test_no_secret_gets_through_at_any_depth(value, key):
    shown = json_value({"Outer": [value, {key: SECRET, "Deeper": {key: SECRET}}]})
    assert SECRET not in json.dumps(shown)


@given(values, st.integers(0, 50))
def test_the_bound_holds(value, items):
    def count(each):
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        return 1 + sum(count(item) for item in inner)

    assert count(json_value(value, items)) <= max(items, 2)


@given(st.dictionaries(keys, scalars, max_size=5))
def test_what_was_blanked_is_not_written_back(value):
    shown = json_value({**value, "PassWord": SECRET, "Inner": [{"password": SECRET}]})
    written = without_blanks(shown)
    assert "***" not in json.dumps({"PassWord": written.get("PassWord"), "Inner": written["Inner"]})
    assert "PassWord" not in written


@given(st.text(), st.integers(1, 50))
def test_a_text_is_printable_and_bounded(value, limit):
    shown = text(value, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_depth_is_bounded():
    deep = value = {}
    for _ in range(500):
        value["x"] = {}
        value = value["x"]
    NativeCallReply(native=json_value(deep))
