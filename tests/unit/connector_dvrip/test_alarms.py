# ruff: noqa: DTZ001  # a device's local time has no zone
"""Alarms from reports: pairs, repeats, ends that never come, and ids two replicas agree on."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.connector_dvrip.alarms import DeviceAlarms, Moment
from cambus.connector_dvrip.clock import UTC_ZONE, DeviceZone, zone_of_minutes
from cambus.dvrip.alarm_tracker import MAX_ALARMS
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus

AT = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)


def report(event="motion", channel=0, status="Start", second=0, native="VideoMotion", time=True):
    local = datetime(2026, 2, 1, 12, 0, second) if time else None
    return AlarmReport(event, native, channel, AlarmStatus(status), local)


class Bench:
    def __init__(self, hold_s=60.0, device="gate-1"):
        self.tracker = DeviceAlarms(device, hold_s)
        self.now = 0.0

    def tell(self, *args, after_s=1.0, zone=UTC_ZONE, channels=8, **kwargs):
        self.now += after_s
        return self.tracker.report(report(*args, **kwargs), self.moment(zone, channels))

    def wait(self, seconds):
        self.now += seconds
        return self.tracker.expire(self.moment())

    def moment(self, zone=UTC_ZONE, channels=8):
        return Moment(AT + timedelta(seconds=self.now), self.now, zone, channels)


@pytest.fixture
def bench():
    return Bench()


def names(events):
    return [event.spec.name for event in events]


def test_a_beginning_and_its_end_are_a_pair(bench):
    (raised,) = bench.tell(status="Start")
    (cleared,) = bench.tell(status="Stop", second=9)
    assert (names([raised]), names([cleared])) == (["alarm.raised"], ["alarm.cleared"])
    assert cleared.fields["raised"] == raised.event_id
    assert cleared.fields["key"] == raised.fields["key"] == "motion:0"
    assert cleared.fields["duration_s"] == 1.0
    assert not bench.tracker.active


def test_a_repeated_beginning_is_no_news_and_renews_the_hold(bench):
    bench.tell()
    assert bench.tell(after_s=50, second=50) == []
    assert bench.wait(50) == []
    (cleared,) = bench.wait(11)
    assert cleared.fields["cause"] == "timeout"


def test_an_end_that_never_comes_is_supplied_after_the_hold(bench):
    (raised,) = bench.tell()
    assert bench.tracker.next_timeout() == 61.0
    (cleared,) = bench.wait(60)
    assert (cleared.fields["raised"], cleared.fields["cause"]) == (raised.event_id, "timeout")
    assert cleared.fields["device_time"] is None
    assert bench.tracker.next_timeout() is None


def test_alarms_of_other_channels_and_kinds_do_not_mix(bench):
    for channel in (0, 1):
        for event, native in (("motion", "VideoMotion"), ("tamper", "VideoBlind")):
            assert names(bench.tell(event, channel, native=native)) == ["alarm.raised"]
    assert len(bench.tracker.active) == 4
    bench.tell("motion", 1, status="Stop", second=30)
    assert "motion:1" not in bench.tracker.active
    assert len(bench.tracker.active) == 3


def test_an_end_without_a_beginning_is_told_once(bench):
    (cleared,) = bench.tell(status="Stop")
    assert "raised" not in cleared.fields
    assert bench.tell(status="Stop") == []  # the same end by another way
    assert bench.tell(status="Stop", after_s=30) == []  # the same, by its time
    assert names(bench.tell(status="Stop", second=30)) == ["alarm.cleared"]


def test_what_could_not_be_kept_is_news_when_it_is_told_again(bench):
    (lost,) = bench.tell()
    bench.tracker.forget(lost)
    (raised,) = bench.tell()
    assert names([raised]) == ["alarm.raised"]
    (lost,) = bench.tell(status="Stop", second=9)
    bench.tracker.forget(lost)
    (cleared,) = bench.tell(status="Stop", second=9)
    assert cleared.fields["raised"] == raised.event_id
    assert not bench.tracker.active


def test_what_could_not_be_kept_does_not_take_back_what_came_after(bench):
    (first,) = bench.tell()
    bench.tell(status="Stop", second=1)
    bench.tell(second=2)
    bench.tracker.forget(first)
    assert bench.tracker.active == {"motion:0"}
    assert bench.tell(second=3) == []


def test_the_same_alarm_by_two_ways_is_one(bench):
    """1504 and 1508 say the same, each in its own words."""
    begin = [*bench.tell(native="VideoMotion"), *bench.tell(native="MotionDetect")]
    finish = [
        *bench.tell(native="VideoMotion", status="Stop"),
        *bench.tell(native="MotionDetect", status="Stop"),
    ]
    assert names(begin) == ["alarm.raised"]
    assert names(finish) == ["alarm.cleared"]


def test_a_momentary_event_is_never_active(bench):
    (raised,) = bench.tell(status="None")
    assert raised.fields["momentary"]
    assert not bench.tracker.active


def test_two_replicas_give_one_occurrence_one_id():
    first, second = Bench(), Bench()
    second.now = 1234.5  # another clock, another moment
    assert [e.event_id for e in first.tell()] == [e.event_id for e in second.tell()]
    assert [e.event_id for e in first.tell(status="Stop", second=3)] == [
        e.event_id for e in second.tell(status="Stop", second=3)
    ]


def test_everything_that_differs_makes_another_id():
    seen = [
        Bench().tell()[0].event_id,
        Bench(device="gate-2").tell()[0].event_id,
        Bench().tell(channel=1)[0].event_id,
        Bench().tell("tamper")[0].event_id,
        Bench().tell(status="Stop")[0].event_id,
        Bench().tell(status="None")[0].event_id,
        Bench().tell(second=1)[0].event_id,
    ]
    # A momentary event and a beginning in the same second are the same occurrence to the device.
    assert len(set(seen)) == 6


def test_twice_in_one_second_are_two_events(bench):
    ids = []
    for _ in range(5):
        ids += [event.event_id for event in bench.tell(after_s=0.1)]
        ids += [event.event_id for event in bench.tell(after_s=0.1, status="Stop")]
    assert len(ids) == len(set(ids)) == 10


def test_a_device_without_a_clock_still_makes_events(bench):
    (raised,) = bench.tell(time=False)
    assert raised.fields["device_time"] is None


def test_device_times_are_converted_with_its_zone(bench):
    zone = zone_of_minutes(-480)
    (raised,) = bench.tell(zone=zone)
    assert raised.fields["device_time"] == datetime(2026, 2, 1, 4, 0, 0, tzinfo=UTC)


def test_an_unknown_alarm_is_other_and_keeps_its_name(bench):
    (raised,) = bench.tell("other", native="Weird Alarm/№5")
    assert raised.fields["type"] == "other"
    assert raised.fields["native"].code.startswith("Weird Alarm")
    (another,) = bench.tell("other", native="Different")
    assert another.fields["key"] != raised.fields["key"]


def test_a_channel_the_device_has_not_is_no_channel(bench):
    (raised,) = bench.tell(channel=200, channels=4)
    assert raised.fields["channel"] is None


def test_a_flood_of_alarms_is_bounded():
    bench = Bench()
    raised = cleared = 0
    for number in range(MAX_ALARMS + 100):
        for event in bench.tell("other", native=f"Alarm{number}", after_s=0.0):
            raised += event.spec.name == "alarm.raised"
            cleared += event.spec.name == "alarm.cleared"
    assert raised == MAX_ALARMS + 100
    assert cleared == 100
    assert len(bench.tracker.active) == MAX_ALARMS


def test_secrets_and_monsters_in_a_report_do_not_get_through(bench):
    raw = {"Password": "hunter2", "Deep": [[[[[1]]]]], "Big": 1 << 200, "NaN": float("nan")}
    alarm = AlarmReport(
        "motion", "Video\nMotion", 0, AlarmStatus.START, None, description="x" * 5000, raw=raw
    )
    (raised,) = bench.tracker.report(alarm, bench.moment(DeviceZone(UTC), 1))
    native = raised.fields["native"]
    assert "hunter2" not in native.model_dump_json()
    assert native.detail["Big"] == str(1 << 200)
    assert native.detail["NaN"] is None
    assert len(native.text) == 500
    assert "\n" not in native.code
