"""Properties of derived event ids."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cambus.schemas.ids import EventId, derived_event_id, ulid_time

instants = st.datetimes(timezones=st.timezones())
facts = st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | instants)
EVENT_ID = TypeAdapter(EventId)


@given(at=instants, facts=facts)
def test_every_derived_id_is_a_valid_event_id_and_deterministic(at: datetime, facts: list[str]) -> None:
    derived = derived_event_id(at, *facts)
    assert EVENT_ID.validate_python(derived) == derived
    assert derived_event_id(at.astimezone(UTC), *facts) == derived


@given(one=facts, other=facts)
def test_different_facts_never_meet(one: list[str], other: list[str]) -> None:
    at = datetime(2026, 2, 1, tzinfo=UTC)
    equal = [(type(each), repr(each)) for each in one] == [(type(each), repr(each)) for each in other]
    if not equal and not any(isinstance(each, datetime) for each in [*one, *other]):
        assert derived_event_id(at, *one) != derived_event_id(at, *other)


@given(at=st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001  # the strategy adds it
def test_a_derived_id_carries_its_time(at: datetime) -> None:
    assert abs(ulid_time(derived_event_id(at)) - at) <= timedelta(milliseconds=1)
