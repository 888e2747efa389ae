"""Configuration objects give back what they were given, whatever a device puts into them."""

import copy
import functools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from cambus.dvrip.objects import fields
from cambus.dvrip.objects.catalog import MODELS, problems, read_objects, write_objects
from cambus.dvrip.objects.model import Inner, slots_of

NAMES = sorted(name for name in MODELS if slots_of(MODELS[name]))
few = settings(max_examples=examples(8, 40))  # of each object

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=6,
)
hexes = st.integers(0, 2**64 - 1).map(lambda n: f"0x{n:08X}") | st.integers(0, 255).map(lambda n: f"0x{n:x}")
sections = st.builds(
    lambda on, begin, end: f"{on} {begin:02}:00:00-{end:02}:30:00",
    st.integers(0, 1),
    st.integers(0, 23),
    st.integers(0, 23),
)


def shaped(kind):
    """JSON a device may well put there."""
    match kind:
        case fields.Flag():
            return st.booleans() | st.sampled_from([0, 1, "0", "1", "true"])
        case fields.Number():
            low = -100 if kind.low is None else kind.low
            return st.integers(low, kind.high if kind.high is not None else low + 1000) | hexes
        case fields.Choice():
            return st.sampled_from(kind.words) | st.text(max_size=5)
        case fields.Text():
            return st.text(max_size=10)
        case fields.Bits():
            return hexes | st.integers(0, 2**32)
        case fields.Address():
            return st.integers(0, 2**32 - 1).map(lambda n: f"0x{n:08X}") | st.sampled_from(
                ["10.0.0.1", "host", ""]
            )
        case fields.Section():
            return sections
        case fields.Items():
            return st.lists(shaped(kind.kind), min_size=kind.least, max_size=max(kind.least, 3))
        case fields.Line():
            return st.tuples(
                st.integers(0, 200000), st.text(max_size=4), st.integers(), st.integers(), json_values
            ).map(list)
        case fields.Link():
            return st.tuples(st.sampled_from(["None", "Preset"]), st.integers(0, 9)).map(list)
        case Inner():
            return objects_of(kind.model)
    raise AssertionError(f"no strategy for {kind}")


@functools.cache  # what makes them is made once, not for each example
def objects_of(model):
    """Objects of a model: known keys in any spelling, missing keys, wrong types, keys nobody knows."""
    known = {key: shaped(slot.kind) | json_values for slot in slots_of(model) for key in slot.keys}
    return st.builds(
        lambda some, others: {**others, **some},
        st.fixed_dictionaries({}, optional=known),
        st.dictionaries(st.text(max_size=6), json_values, max_size=2),
    )


@functools.cache
def nested(name):
    """What a configuration of a name is, or lists of such, or lists of lists."""
    made = objects_of(MODELS[name]) if name in MODELS else json_values
    return made | st.lists(made, max_size=2) | st.lists(st.lists(made, max_size=2), max_size=2)


def exactly(value):
    """JSON as text: True is not 1 there."""
    return json.dumps(value)


@pytest.mark.parametrize("name", [*NAMES, "Camera.Param", "No.Such"])
@few
@given(data=st.data())
def test_what_was_read_is_written_as_it_came(name, data):
    value = data.draw(nested(name))
    given_ = exactly(value)
    assert exactly(write_objects(read_objects(name, value))) == given_
    assert exactly(value) == given_  # and was not changed meanwhile


@pytest.mark.parametrize("name", NAMES)
@few
@given(data=st.data())
def test_a_change_touches_one_key_and_is_read_back(name, data):
    model = MODELS[name]
    value = data.draw(objects_of(model))
    slot = data.draw(st.sampled_from(slots_of(model)))
    new = slot.kind.read(data.draw(shaped(slot.kind)))
    if new is None:
        return
    before = copy.deepcopy(value)
    written = replace(model.parse(value), **{slot.attribute: new}).wire()
    key = slot.key_in(value) or slot.keys[0]
    assert exactly({k: v for k, v in written.items() if k != key}) == exactly(
        {k: v for k, v in before.items() if k != key}
    )
    again = getattr(model.parse(written), slot.attribute)
    if isinstance(slot.kind, fields.Bits):
        assert again.value == new.value  # in the width the device uses
    elif not _holds_bits(slot.kind):
        assert again == new


def _holds_bits(kind):
    if isinstance(kind, fields.Items):
        return _holds_bits(kind.kind)
    return isinstance(kind, fields.Bits | Inner)


@pytest.mark.parametrize("name", NAMES)
@few
@given(value=json_values, before=json_values)
def test_any_value_can_be_checked_and_the_present_one_is_never_refused(name, value, before):
    list(problems(name, value, before))
    list(problems(f"{name}.[0].Level", value))
    assert list(problems(name, value, value)) == []
