"""One alarm out of many messages."""

from datetime import timedelta

import pytest

from cambus.dvrip.alarm_tracker import MAX_ALARMS, AlarmTracker, Change
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.values import format_time, parse_time

T0 = parse_time("2026-02-01 12:00:00")


def report(status: str = "Start", event: str = "VideoMotion", channel: int = 0, at_s: int = 0) -> AlarmReport:
    time = format_time(T0 + timedelta(seconds=at_s))
    return AlarmReport.parse(
        {"AlarmInfo": {"Channel": channel, "Event": event, "StartTime": time, "Status": status}}
    )


def changes(result) -> list[str]:
    return [change.change.value for change in result]


def test_start_and_stop_are_raised_and_cleared():
    tracker = AlarmTracker()
    assert changes(tracker.receive(report(), "session", 0.0)) == ["raised"]
    assert changes(tracker.receive(report("Stop"), "session", 5.0)) == ["cleared"]
    assert tracker.next_timeout() is None


def test_repeated_starts_are_one_alarm_and_hold_it():
    tracker = AlarmTracker()
    tracker.receive(report(), "session", 0.0)
    for now in (30.0, 60.0, 90.0):
        assert tracker.receive(report(at_s=int(now)), "session", now) == []
    assert tracker.next_timeout() == 150.0
    assert tracker.expire(149.9) == []


def test_a_missing_stop_ends_with_the_hold():
    tracker = AlarmTracker(hold_s=10.0)
    tracker.receive(report(), "session", 0.0)
    (change,) = tracker.expire(10.0)
    assert (change.change, change.timed_out) == (Change.CLEARED, True)
    assert changes(tracker.receive(report(at_s=11), "session", 11.0)) == ["raised"]


@pytest.mark.parametrize("late", [False, True])
def test_the_same_event_on_both_ways_is_one(late):
    tracker = AlarmTracker()
    messages = [("session", report()), ("session", report("Stop"))]
    second = [
        ("centre", report(event="MotionDetect", at_s=3)),
        ("centre", report("Stop", event="MotionDetect")),
    ]
    order = messages + second if late else [messages[0], second[0], messages[1], second[1]]
    told = [change for source, one in order for change in changes(tracker.receive(one, source, 1.0))]
    assert told == ["raised", "cleared"]


def test_a_new_event_after_the_end_is_a_new_alarm():
    tracker = AlarmTracker()
    tracker.receive(report(), "session", 0.0)
    tracker.receive(report("Stop"), "session", 1.0)
    assert changes(tracker.receive(report(at_s=2), "session", 2.0)) == ["raised"]
    tracker.receive(report("Stop"), "session", 3.0)
    assert changes(tracker.receive(report(at_s=30), "centre", 30.0)) == ["raised"]


def test_channels_and_events_are_apart():
    tracker = AlarmTracker()
    for one in (
        report(),
        report(channel=1),
        report(event="VideoLoss"),
        report(event="A?"),
        report(event="B?"),
    ):
        assert changes(tracker.receive(one, "session", 0.0)) == ["raised"]
    assert len(tracker.clear()) == 5


def test_a_status_of_none_is_momentary_and_told_once():
    tracker = AlarmTracker()
    assert changes(tracker.receive(report("None"), "session", 0.0)) == ["momentary"]
    assert tracker.receive(report("None", event="MotionDetect", at_s=2), "centre", 0.5) == []
    assert changes(tracker.receive(report("None", at_s=9), "session", 9.0)) == ["momentary"]
    assert tracker.next_timeout() is None


def test_a_stop_without_a_start_is_ignored_and_counted():
    tracker = AlarmTracker()
    assert tracker.receive(report("Stop"), "session", 0.0) == []
    assert tracker.counters["unmatched_stops"] == 1


def test_memory_is_bounded_and_what_falls_out_is_cleared():
    tracker = AlarmTracker()
    told = []
    for channel in range(MAX_ALARMS + 10):
        told += changes(tracker.receive(report(channel=channel), "session", 0.0))
    assert told.count("cleared") == 10
    assert tracker.counters["evicted"] == 10
