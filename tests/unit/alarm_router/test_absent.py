"""What waits for alarms that were given back."""

import pytest

from cambus.alarm_router.absent import Absent


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def absent(clock: Clock) -> Absent:
    return Absent(30.0, clock)


def test_what_is_younger_waits_on_the_routes_that_are_owed(absent: Absent) -> None:
    absent.gone("a", 5, ["r.0", "r.1"])
    absent.gone("a", 7, ["s.0"])
    assert absent.before("a", 5) == frozenset()
    assert absent.before("a", 6) == {"r.0", "r.1"}
    assert absent.before("a", 8) == {"r.0", "r.1", "s.0"}
    assert absent.before("b", 8) == frozenset()


def test_what_has_come_again_is_not_waited_for(absent: Absent) -> None:
    absent.gone("a", 5, ["r.0"])
    absent.back("a", 5)
    absent.back("a", 5)
    absent.back("b", 5)
    assert absent.before("a", 6) == frozenset()


def test_what_does_not_come_again_is_not_waited_for_for_ever(absent: Absent, clock: Clock) -> None:
    absent.gone("a", 5, ["r.0"])
    clock.now += 29
    absent.gone("a", 6, ["r.1"])
    clock.now += 2
    assert absent.before("a", 7) == {"r.1"}


def test_another_term_begins_with_nothing(absent: Absent) -> None:
    absent.gone("a", 5, ["r.0"])
    absent.forget()
    assert absent.before("a", 6) == frozenset()
