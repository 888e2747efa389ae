"""Identifiers: what may stand in a subject, and ids that are derived from facts."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError
from ulid import ULID

from cambus.schemas.alarms import AlarmType
from cambus.schemas.ids import EventId, derived_event_id, is_name, is_token, new_ulid, ulid_time

AT = datetime(2026, 2, 1, 12, 17, 22, 123456, tzinfo=UTC)


@pytest.mark.parametrize("text", ["gate-1", "34020000001320000001", "A_b-9", "x", "y" * 64])
def test_a_device_id_of_letters_digits_dashes_is_a_token(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a.b", "a b", "*", ">", "a\n", "gäte", "y" * 65, "a/b", "\u0661"])
def test_what_could_change_a_subject_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize("text", ["", "Ptz", "9lives", "a.b", "ptz\n"])
def test_names_are_lower_case(text: str) -> None:
    assert not is_name(text)


def test_a_fresh_id_is_a_ulid_of_now() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    fresh = new_ulid()
    assert before <= ulid_time(fresh) <= datetime.now(UTC)
    assert TypeAdapter(EventId).validate_python(fresh) == fresh


def test_fresh_ids_differ() -> None:
    assert len({new_ulid() for _ in range(1000)}) == 1000


def test_the_same_facts_give_the_same_id() -> None:
    assert derived_event_id(AT, "gate-1", 0, "motion") == derived_event_id(AT, "gate-1", 0, "motion")


def test_a_derived_id_is_stable_over_releases() -> None:
    assert derived_event_id(AT, "gate-1", 0, "motion", None) == "01KGCJ5R6B9M2W3FXGDMW587W7"


def test_the_zone_in_which_a_time_is_written_does_not_matter() -> None:
    assert derived_event_id(AT.astimezone(timezone(timedelta(hours=8))), "a") == derived_event_id(AT, "a")


def test_a_derived_id_carries_the_time_of_the_event() -> None:
    assert ulid_time(derived_event_id(AT, "a")) == AT.replace(microsecond=123000)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        ((1,), ("1",)),
        ((1,), (True,)),
        ((1,), (1.0,)),
        ((None,), ("None",)),
        ((b"a",), ("a",)),
        (("a",), ("a", None)),
        ((), ("",)),
    ],
)
def test_different_facts_give_different_ids(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert derived_event_id(AT, *one) != derived_event_id(AT, *other)


def test_times_within_one_millisecond_give_different_ids() -> None:
    assert derived_event_id(AT) != derived_event_id(AT + timedelta(microseconds=1))


def test_a_word_of_a_list_counts_as_its_text() -> None:
    assert derived_event_id(AT, AlarmType.MOTION) == derived_event_id(AT, "motion")


def test_a_time_before_1970_is_held_at_the_first_id() -> None:
    assert derived_event_id(datetime(1969, 1, 1, tzinfo=UTC)).startswith("0" * 10)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        derived_event_id(AT.replace(tzinfo=None), "a")
    with pytest.raises(ValueError, match="zone"):
        derived_event_id(AT, AT.replace(tzinfo=None))


def test_a_fact_of_a_strange_type_is_refused() -> None:
    with pytest.raises(TypeError, match="list"):
        derived_event_id(AT, [1])  # type: ignore[arg-type]  # what the test is about


def test_our_pattern_takes_what_the_ulid_library_writes() -> None:
    pattern = re.compile(r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")
    assert pattern.match(str(ULID.from_bytes(b"\xff" * 16)))
    assert pattern.match(str(ULID.from_bytes(bytes(16))))


@pytest.mark.parametrize(
    "text", ["", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01kge5c8qxg1z5x0n3v7m4t2rb", "0" * 25, "0" * 27]
)
def test_what_is_no_ulid_is_no_event_id(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(EventId).validate_python(text)
