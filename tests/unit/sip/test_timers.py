"""Deadlines, earliest first."""

from __future__ import annotations

from dataclasses import dataclass

from cambus.sip.timers import Schedule, Timers


@dataclass(eq=False)
class Alarm:
    deadline: float | None
    wakes_at: float = float("inf")


def test_the_long_timers_follow_from_t1() -> None:
    assert Timers().timeout_s == 32.0
    assert Timers(t1=0.1).timeout_s == 6.4


def test_the_earliest_comes_first() -> None:
    schedule = Schedule()
    late, early = Alarm(2.0), Alarm(1.0)
    schedule.put(late)
    schedule.put(early)

    assert schedule.next() == 1.0
    assert schedule.due(0.9) is None
    assert schedule.due(2.0) is early
    assert schedule.due(2.0) is late
    assert schedule.due(2.0) is None
    assert schedule.next() is None


def test_what_is_put_often_is_kept_once() -> None:
    schedule = Schedule()
    alarm = Alarm(1.0)

    for later in range(100):
        alarm.deadline = 1.0 + later
        schedule.put(alarm)

    assert len(schedule) == 1
    assert schedule.due(50.0) is None
    assert schedule.next() == 100.0
    assert schedule.due(100.0) is alarm


def test_a_deadline_that_came_nearer_is_met_once() -> None:
    schedule = Schedule()
    alarm = Alarm(9.0)
    schedule.put(alarm)
    alarm.deadline = 1.0
    schedule.put(alarm)

    assert schedule.due(1.0) is alarm
    alarm.deadline = None
    schedule.put(alarm)
    assert schedule.due(10.0) is None
    assert len(schedule) == 0


def test_a_deadline_that_came_nearer_and_went_away_again_is_kept_once() -> None:
    schedule = Schedule()
    alarm = Alarm(9.0)
    schedule.put(alarm)
    alarm.deadline = 1.0
    schedule.put(alarm)
    assert schedule.due(1.0) is alarm
    alarm.deadline = 20.0
    schedule.put(alarm)

    assert schedule.due(10.0) is None
    assert len(schedule) == 1
    assert schedule.due(20.0) is alarm


def test_what_no_longer_has_a_deadline_is_not_woken() -> None:
    schedule = Schedule()
    alarm = Alarm(1.0)
    schedule.put(alarm)
    alarm.deadline = None

    assert schedule.due(1.0) is None
