"""Weekly schedules by the clock on the wall, over midnight and over changes to summer time."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from cambus.schemas.schedule import TimeSpan, WeekSchedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(zone: str, *spans: TimeSpan) -> WeekSchedule:
    return WeekSchedule(time_zone=zone, spans=list(spans))


@pytest.mark.parametrize(
    ("when", "covered"),
    [
        ("2026-02-02T07:59:59", False),  # Monday
        ("2026-02-02T08:00:00", True),
        ("2026-02-02T16:59:59", True),
        ("2026-02-02T17:00:00", False),
        ("2026-02-07T09:00:00", False),  # Saturday
    ],
)
def test_a_span_begins_with_its_first_second_and_ends_before_its_last(when: str, covered: bool) -> None:
    office = TimeSpan(days=["mon", "tue", "wed", "thu", "fri"], start="08:00", end="17:00")
    assert schedule("UTC", office).covers(at(when)) is covered


@pytest.mark.parametrize(
    ("when", "covered"),
    [
        ("2026-02-06T21:59:59", False),  # Friday
        ("2026-02-06T22:00:00", True),
        ("2026-02-07T05:59:59", True),  # Saturday, still Friday's night
        ("2026-02-07T06:00:00", False),
        ("2026-02-07T22:30:00", False),  # Saturday's night is not named
        ("2026-02-06T03:00:00", False),  # nor is Thursday's
    ],
)
def test_a_span_over_midnight_belongs_to_the_day_it_starts_on(when: str, covered: bool) -> None:
    assert schedule("UTC", TimeSpan(days=["fri"], start="22:00", end="06:00")).covers(at(when)) is covered


def test_a_whole_day_ends_at_24() -> None:
    sunday = schedule("UTC", TimeSpan(days=["sun"]))
    assert sunday.covers(at("2026-02-01T23:59:59"))
    assert not sunday.covers(at("2026-02-02T00:00:00"))


def test_sunday_night_runs_into_monday() -> None:
    night = schedule("UTC", TimeSpan(days=["sun"], start="23:00", end="01:00"))
    assert night.covers(at("2026-02-02T00:30:00"))


def test_equal_start_and_end_are_a_full_day() -> None:
    assert schedule("UTC", TimeSpan(days=["fri"], start="08:00", end="08:00")).covers(
        at("2026-02-07T07:59:00")
    )


def test_the_zone_decides_what_the_clock_says() -> None:
    noon = TimeSpan(start="12:00", end="13:00")
    assert schedule("Asia/Shanghai", noon).covers(at("2026-02-02T04:30:00"))
    assert not schedule("UTC", noon).covers(at("2026-02-02T04:30:00"))


def test_the_clock_on_the_wall_counts_in_summer_and_winter() -> None:
    morning = schedule("Europe/Berlin", TimeSpan(start="08:00", end="09:00"))
    assert morning.covers(at("2026-01-15T07:30:00"))
    assert morning.covers(at("2026-07-15T06:30:00"))
    assert not morning.covers(at("2026-07-15T07:30:00"))


def test_the_hour_that_happens_twice_counts_twice() -> None:
    early = schedule("Europe/Berlin", TimeSpan(start="02:00", end="03:00"))
    assert early.covers(at("2026-10-25T00:30:00"))
    assert early.covers(at("2026-10-25T01:30:00"))


def test_no_span_is_never() -> None:
    assert not schedule("UTC").covers(at("2026-02-02T00:00:00"))


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "\0"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="time_zone"):
        schedule(zone)


@pytest.mark.parametrize("time", ["24:01", "8:00", "08:60", "08:00:60", "25:00", "", "08:00\n"])
def test_a_time_of_day_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(ValidationError, match="start"):
        TimeSpan(start=time)


def test_a_span_without_days_is_refused() -> None:
    with pytest.raises(ValidationError, match="days"):
        TimeSpan(days=[])
