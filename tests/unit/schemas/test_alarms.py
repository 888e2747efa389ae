"""The vocabulary of alarms."""

import pytest
from pydantic import TypeAdapter

from cambus.schemas.alarms import AlarmKey, AlarmType, Severity, alarm_key, default_severity


def test_start_and_end_of_one_alarm_have_one_key() -> None:
    assert alarm_key(AlarmType.IO, None, 3) == alarm_key(AlarmType.IO, None, 3) == "io:-:3"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (alarm_key(AlarmType.MOTION, 0), alarm_key(AlarmType.MOTION, 1)),
        (alarm_key(AlarmType.MOTION, 0), alarm_key(AlarmType.MOTION, None)),
        (alarm_key(AlarmType.MOTION, 0), alarm_key(AlarmType.TAMPER, 0)),
        (alarm_key(AlarmType.INTRUSION, 0, 1), alarm_key(AlarmType.INTRUSION, 0, 2)),
    ],
)
def test_alarms_that_may_overlap_have_different_keys(one: str, other: str) -> None:
    assert one != other


@pytest.mark.parametrize("alarm", AlarmType)
def test_every_type_gives_a_valid_key_and_has_a_severity(alarm: AlarmType) -> None:
    key = alarm_key(alarm, 65535, "region-1", 7)
    assert TypeAdapter(AlarmKey).validate_python(key) == key
    assert default_severity(alarm) in Severity


@pytest.mark.parametrize("part", ["a b", "ä", "*", ">", "\n"])
def test_a_part_that_fits_no_key_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="alarm key"):
        alarm_key(AlarmType.OTHER, 0, part)


def test_long_parts_are_kept_apart_though_the_key_is_bounded() -> None:
    one, other = (alarm_key(AlarmType.OTHER, 0, "x" * 300 + end) for end in "ab")
    assert len(one) <= 200
    assert one != other
