"""Maintenance windows of campaigns."""

from datetime import UTC, datetime, timedelta

from cambus.schemas.schedule import TimeSpan, WeekSchedule
from cambus.schemas.state.rollout import RolloutRules
from cambus.upgrade_manager.windows import is_open, opens_at

NIGHT = WeekSchedule(time_zone="Europe/Berlin", spans=[TimeSpan(days=["sat"], start="23:00", end="02:00")])
SATURDAY = datetime(2026, 2, 7, 22, 0, tzinfo=UTC)
"""23:00 in Berlin, the first second of the window."""


def test_without_windows_it_is_always_open() -> None:
    assert is_open(RolloutRules(), SATURDAY)
    assert opens_at(RolloutRules(), SATURDAY) is None


def test_a_window_is_of_the_clock_on_the_wall_and_runs_past_midnight() -> None:
    rules = RolloutRules(windows=NIGHT)
    assert not is_open(rules, SATURDAY - timedelta(seconds=1))
    assert is_open(rules, SATURDAY)
    assert is_open(rules, SATURDAY + timedelta(hours=2, minutes=59))
    assert not is_open(rules, SATURDAY + timedelta(hours=3))


def test_none_is_begun_in_the_last_seconds_of_a_window() -> None:
    rules = RolloutRules(windows=NIGHT, window_margin_s=3600)
    assert is_open(rules, SATURDAY + timedelta(hours=2))
    assert not is_open(rules, SATURDAY + timedelta(hours=2, seconds=1))


def test_the_next_window_is_told() -> None:
    rules = RolloutRules(windows=NIGHT)
    assert opens_at(rules, SATURDAY - timedelta(days=3)) == SATURDAY
    assert opens_at(rules, SATURDAY + timedelta(hours=1)) == SATURDAY + timedelta(days=7)


def test_a_window_that_is_too_short_never_comes() -> None:
    rules = RolloutRules(windows=NIGHT, window_margin_s=4 * 3600)
    assert opens_at(rules, SATURDAY - timedelta(days=3)) is None
    assert opens_at(RolloutRules(windows=WeekSchedule(spans=[])), SATURDAY) is None


def test_a_window_without_end_is_always_long_enough() -> None:
    always = RolloutRules(windows=WeekSchedule(spans=[TimeSpan()]), window_margin_s=86400)
    assert is_open(always, SATURDAY)
