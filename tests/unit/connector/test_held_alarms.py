"""Alarms that have begun and not ended, where nobody says that they end."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.connector.held_alarms import MAX_ALARMS, HeardAlarm, HeldAlarms
from cambus.schemas.alarms import AlarmType, NativeAlarm, Severity
from cambus.schemas.events import alarm as events
from cambus.schemas.events.alarm import ClearCause

AT = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
HOLD_S = 30.0


@pytest.fixture
def alarms():
    return HeldAlarms("gate", HOLD_S)


def alarm(key="motion:0", *facts, time=AT):
    return HeardAlarm(AlarmType.MOTION, Severity.INFO, key, 0, NativeAlarm(code="5/2"), time, facts=facts)


def test_an_alarm_begins_once_however_often_it_is_told(alarms):
    (raised,) = alarms.heard(alarm(), AT, 0.0)
    assert raised.spec is events.RAISED
    assert events.AlarmRaised(id=raised.event_id, device="gate", **raised.fields).key == "motion:0"
    assert alarms.heard(alarm("motion:0", 2), AT, 20.0) == []
    assert alarms.next_timeout() == 50.0


def test_one_that_is_not_told_again_is_over_after_the_hold(alarms):
    (raised,) = alarms.heard(alarm(), AT, 0.0)
    alarms.heard(alarm(), AT, 20.0)
    assert alarms.expire(AT, 49.9) == []
    (cleared,) = alarms.expire(AT + timedelta(seconds=50), 50.0)
    event = events.AlarmCleared(id=cleared.event_id, device="gate", **cleared.fields)
    assert (event.raised, event.duration_s, event.cause) == (raised.event_id, 50.0, ClearCause.TIMEOUT)
    assert alarms.next_timeout() is None
    assert alarms.expire(AT, 1000.0) == []


def test_the_id_of_a_beginning_depends_on_what_the_device_said_alone():
    ids = [
        HeldAlarms("gate", HOLD_S).heard(each, at, 0.0)[0].event_id
        for each, at in [
            (alarm("motion:0", 7), AT),
            (alarm("motion:0", 7), AT + timedelta(seconds=3)),
            (alarm("motion:0", 8), AT),
            (alarm("motion:0", 7, time=AT + timedelta(seconds=1)), AT),
        ]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert HeldAlarms("yard", HOLD_S).heard(alarm("motion:0", 7), AT, 0.0)[0].event_id not in ids


def test_what_we_know_of_the_device_does_not_change_the_id():
    """Heard before its channels are known, and told again to the next replica, which knows them."""
    early = HeldAlarms("gate", HOLD_S).heard(alarm("motion:-", 7), AT, 0.0)
    late = HeldAlarms("gate", HOLD_S).heard(alarm("motion:0", 7), AT, 0.0)
    assert early[0].event_id == late[0].event_id


def test_without_facts_the_key_makes_the_id():
    ids = {
        HeldAlarms("gate", HOLD_S).heard(alarm(key), AT, 0.0)[0].event_id for key in ("motion:0", "motion:1")
    }
    assert len(ids) == 2


def test_one_that_could_not_be_published_begins_when_it_is_told_again(alarms):
    (raised,) = alarms.heard(alarm(), AT, 0.0)
    alarms.forget(raised)
    assert [event.spec for event in alarms.heard(alarm(), AT, 1.0)] == [events.RAISED]


def test_one_that_is_told_after_the_hold_is_another_even_if_nobody_has_looked_meanwhile(alarms):
    (first,) = alarms.heard(alarm("motion:0", 1), AT, 0.0)
    cleared, second = alarms.heard(alarm("motion:0", 2), AT, 30.0)
    assert (cleared.fields["raised"], cleared.spec) == (first.event_id, events.CLEARED)
    assert (second.spec, second.event_id != first.event_id) == (events.RAISED, True)


def test_an_end_that_could_not_be_published_makes_nothing_of_the_next_beginning(alarms):
    alarms.heard(alarm(), AT, 0.0)
    (cleared,) = alarms.expire(AT, 30.0)
    alarms.heard(alarm(), AT, 31.0)
    alarms.forget(cleared)
    assert set(alarms.active) == {"motion:0"}


def test_alarms_end_for_other_reasons_too(alarms):
    alarms.heard(alarm(), AT, 0.0)
    alarms.heard(alarm("motion:1"), AT, 0.0)
    (cleared,) = alarms.ended(["motion:1", "io:-"], AT, 2.0, ClearCause.RESET)
    assert cleared.fields["cause"] is ClearCause.RESET
    assert set(alarms.active) == {"motion:0"}


def test_there_are_only_so_many_and_the_oldest_of_more_is_over(alarms):
    for number in range(MAX_ALARMS):
        alarms.heard(alarm(f"io:{number}"), AT, 0.0)
    raised, cleared = alarms.heard(alarm(), AT, 0.0)
    assert (raised.key, cleared.key) == ("motion:0", "io:0")
    assert len(alarms.active) == MAX_ALARMS
