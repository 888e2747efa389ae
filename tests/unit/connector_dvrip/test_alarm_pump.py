"""Alarms on their way to the bus: in order, bounded, acknowledged only when safe."""

import asyncio

import pytest

from cambus.bus.metrics import Metrics
from cambus.client.errors import BusUnavailable
from cambus.connector.device_events import DeviceEvents
from cambus.connector_dvrip.alarm_pump import WINDOW, AlarmPump
from cambus.connector_dvrip.alarms import DeviceAlarms
from cambus.connector_dvrip.clock import UTC_ZONE
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.dvrip.events import AlarmRaised, EventStream
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus

ALARM = 1504


class Bus:
    """Takes events when the test lets it."""

    def __init__(self):
        self.open = asyncio.Event()
        self.open.set()
        self.failing = False
        self.waiting = 0
        self.most_waiting = 0
        self.published = []

    async def publish(self, spec, event):
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        if self.failing:
            raise BusUnavailable("the disk is full")
        self.published.append((spec.name, event))

    def told(self, name):
        return [event for told, event in self.published if told == name]


@pytest.fixture
async def bus():
    return Bus()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
async def pump(bus, metrics):
    return AlarmPump(
        DeviceAlarms("gate-1", 60.0),
        DeviceEvents("gate-1", "dvrip", bus.publish),
        DvripMetrics(metrics),
        zone=lambda: UTC_ZONE,
        channels=lambda: 8,
    )


class Storm:
    """Reports of a device, and which of them it was answered for."""

    def __init__(self, max_events=4096):
        self.stream = EventStream(max_events)
        self.answered = []
        self.sent = 0

    def report(self, channel=0, status="Start"):
        number, self.sent = self.sent, self.sent + 1
        report = AlarmReport("motion", "VideoMotion", channel, AlarmStatus(status), None)
        self.stream.put(AlarmRaised(report, ALARM, lambda: self.answered.append(number) or True))

    def pairs(self, count):
        for number in range(count):
            self.report(number % 8, "Start")
            self.report(number % 8, "Stop")


async def test_everything_is_published_in_order_and_answered(pump, bus):
    storm = Storm()
    storm.pairs(500)
    storm.stream.end()
    await pump.follow(storm.stream)
    names = [name for name, _ in bus.published]
    assert names == ["alarm.raised", "alarm.cleared"] * 500
    assert storm.answered == list(range(1000))


async def test_only_so_many_are_on_their_way_at_a_time(pump, bus):
    bus.open.clear()
    storm = Storm()
    storm.pairs(500)
    storm.stream.end()
    following = asyncio.create_task(pump.follow(storm.stream))
    await asyncio.sleep(1)
    assert bus.most_waiting == WINDOW
    assert storm.answered == []
    bus.open.set()
    await following
    assert len(bus.published) == 1000


async def test_what_comes_too_fast_is_dropped_counted_and_reported_once_a_minute(pump, bus, metrics):
    storm = Storm(max_events=100)
    bus.open.clear()
    following = asyncio.create_task(pump.follow(storm.stream))
    for _ in range(20):
        storm.pairs(50)
        await asyncio.sleep(0.01)
    dropped = storm.stream.counters["dropped"]
    assert dropped > 1000
    bus.open.set()
    await asyncio.sleep(1)
    (reported,) = bus.told("exception.reported")
    assert (reported.code, reported.detail["count"]) == ("events-dropped", dropped)
    storm.stream.end()
    await following
    assert f'outcome="dropped"}} {float(dropped)}' in metrics.render().decode()
    assert len(bus.told("alarm.raised")) + len(bus.told("alarm.cleared")) == 2000 - dropped


async def test_an_alarm_that_can_not_be_kept_is_not_answered_and_the_next_is_tried(pump, bus):
    storm = Storm()
    bus.failing = True
    storm.report()
    following = asyncio.create_task(pump.follow(storm.stream))
    await asyncio.sleep(0.1)
    bus.failing = False
    storm.report(1)
    storm.stream.end()
    await following
    assert storm.answered == [1]


async def test_an_alarm_that_can_not_be_kept_is_no_repeat_when_it_is_told_again(pump, bus):
    bus.failing = True
    first = Storm()
    first.report()
    first.stream.end()
    await pump.follow(first.stream)
    bus.failing = False
    again = Storm()
    again.report()
    again.stream.end()
    await pump.follow(again.stream)
    assert (first.answered, again.answered) == ([], [0])
    assert len(bus.told("alarm.raised")) == 1  # the device was told that it was heard, so somebody has it


async def test_repeats_are_answered_and_published_once(pump, bus):
    storm = Storm()
    for _ in range(10):
        storm.report()
    storm.stream.end()
    await pump.follow(storm.stream)
    assert len(bus.published) == 1
    assert len(storm.answered) == 10


async def test_an_end_that_never_comes_is_supplied_while_nobody_is_connected(pump, bus):
    expiring = asyncio.create_task(pump.expire_for_ever())
    storm = Storm()
    storm.report()
    storm.stream.end()
    await pump.follow(storm.stream)
    await asyncio.sleep(59)
    assert not bus.told("alarm.cleared")
    await asyncio.sleep(2)
    (cleared,) = bus.told("alarm.cleared")
    assert cleared.cause == "timeout"
    expiring.cancel()
    await asyncio.gather(expiring, return_exceptions=True)


async def test_a_report_nobody_thought_of_costs_only_itself(pump, bus, caplog):
    storm = Storm()
    storm.report(0)
    storm.report(1)
    storm.report(2)
    channels = iter([8, None, 8])  # the second cannot be compared with a channel number
    pump._channels = lambda: next(channels)
    storm.stream.end()
    await pump.follow(storm.stream)
    assert [event.channel for event in bus.told("alarm.raised")] == [0, 2]
    assert storm.answered == [0, 2]
    assert "alarm not understood" in caplog.text
