"""Alarms of a device that reports none, found by asking: the same events as reports make, however long they last."""

import asyncio
from collections import Counter
from types import SimpleNamespace

import pytest

from cambus.bus.metrics import Metrics
from cambus.connector.device_events import DeviceEvents
from cambus.connector_dvrip.alarm_pump import AlarmPump
from cambus.connector_dvrip.alarms import DeviceAlarms
from cambus.connector_dvrip.clock import UTC_ZONE
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.connector_dvrip.watch import SessionWatch
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus
from cambus.dvrip.messages.system import WorkState

HOLD_S = 60.0
POLL_S = 5.0
BIT = {"AlarmIn": 1, "VideoBlind": 2, "VideoLoss": 4, "VideoMotion": 8}


class Device:
    """Shows what is active when it is asked, and reports nothing."""

    def __init__(self):
        self.active = Counter()
        self.asked = 0
        self.told = []
        self.pump = AlarmPump(
            DeviceAlarms("gate-1", HOLD_S),
            DeviceEvents("gate-1", "dvrip", self.publish),
            DvripMetrics(Metrics()),
            zone=lambda: UTC_ZONE,
            channels=lambda: 8,
        )
        self.watch = SessionWatch(
            SimpleNamespace(client=SimpleNamespace(system=self), device=SimpleNamespace(pump=self.pump)),
            None,
        )

    async def publish(self, spec, event):
        self.told.append((spec.name, event))

    async def work_state(self):
        self.asked += 1
        return WorkState.parse({"AlarmState": dict(self.active), "ChannelState": []})

    async def polled(self, times):
        """Ask so many times, as far apart as polls are."""
        for _ in range(times):
            await self.watch.look_for_alarms()
            await asyncio.sleep(POLL_S)

    async def reports(self, status):
        await self.pump.report(AlarmReport("motion", "VideoMotion", 3, AlarmStatus(status), None), "session")

    def names(self):
        return [name for name, _ in self.told]


@pytest.fixture
async def device(loop):
    device = Device()
    holding = asyncio.create_task(device.pump.expire_for_ever())
    yield device
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_each_kind_that_a_device_shows_begins_and_ends(device):
    device.active.update(BIT)
    await device.polled(2)
    device.active.clear()
    await device.polled(2)
    begun, ended = device.told[:4], device.told[4:]
    assert [name for name, _ in begun] == ["alarm.raised"] * 4
    facts = {
        (each.type, each.channel, each.input and (each.input.kind, each.input.number)) for _, each in begun
    }
    assert facts == {
        ("io", None, ("local", 0)),
        ("tamper", 1, None),
        ("video-loss", 2, None),
        ("motion", 3, None),
    }
    assert {(each.via, each.momentary) for _, each in begun} == {("poll", False)}
    assert [name for name, _ in ended] == ["alarm.cleared"] * 4
    assert {each.raised for _, each in ended} == {each.id for _, each in begun}
    assert {each.cause for _, each in ended} == {"ended"}


async def test_what_lasts_longer_than_the_hold_ends_when_it_ends(device):
    device.active.update(VideoMotion=8)
    await device.polled(30)
    assert device.names() == ["alarm.raised"]
    device.active.clear()
    await device.polled(1)
    assert device.names() == ["alarm.raised", "alarm.cleared"]
    assert device.told[1][1].cause == "ended"


async def test_what_is_not_seen_any_more_because_nobody_asks_ends_with_the_hold(device):
    device.active.update(VideoMotion=8)
    await device.polled(1)
    await asyncio.sleep(HOLD_S)
    assert [event.cause for name, event in device.told if name == "alarm.cleared"] == ["timeout"]


async def test_what_is_reported_as_well_is_told_once(device):
    await device.reports("Start")
    device.active.update(VideoMotion=8)
    await device.polled(3)
    await device.reports("Stop")
    await asyncio.sleep(POLL_S + 1)  # an end that comes so much later is another
    device.active.clear()
    await device.polled(2)
    assert device.names() == ["alarm.raised", "alarm.cleared"]


async def test_what_a_report_has_ended_is_not_begun_by_a_state_that_lags(device):
    device.active.update(VideoMotion=8)
    await device.polled(1)
    await device.reports("Stop")
    await device.polled(2)
    assert device.names() == ["alarm.raised", "alarm.cleared"]
    device.active.clear()
    await device.polled(1)
    device.active.update(VideoMotion=8)
    await device.polled(1)
    assert device.names() == ["alarm.raised", "alarm.cleared", "alarm.raised"]
