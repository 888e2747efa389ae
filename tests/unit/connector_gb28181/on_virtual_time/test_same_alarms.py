"""Which alarms are the same one, told again (GB-205)."""

import asyncio
from datetime import UTC
from types import SimpleNamespace

import pytest

from cambus.connector_gb28181.alarms import DeviceAlarms
from cambus.connector_gb28181.channels import ChannelTable
from cambus.gb28181.manscdp.alarms import AlarmDetails, AlarmNotice
from cambus.gb28181.manscdp.envelope import Envelope

NVR, CAMERA = "34020000001180000001", "34020000001310000001"
FIRST = {"sn": 7, "code": CAMERA, "time": "2026-02-01T20:17:22", "method": 5, "kind": 2}
OTHERS = [
    {"sn": 8},
    {"code": NVR},
    {"time": "2026-02-01T20:17:23"},
    {"method": 2},
    {"kind": 3},
    {"kind": None},
]


class Publisher:
    """Keeps alarms, if it can."""

    def __init__(self):
        self.heard_of = []
        self.keeps = True

    async def heard(self, alarm):
        self.heard_of.append(alarm)
        return self.keeps


@pytest.fixture
async def publisher():
    return Publisher()


@pytest.fixture
async def alarms(publisher):
    device = SimpleNamespace(
        id="gate",
        code=NVR,
        options=SimpleNamespace(alarm_hold_s=10.0, zone=UTC),
        context=SimpleNamespace(events=None, hooks=None),
        channels=ChannelTable(NVR, {}, ()),
    )
    made = DeviceAlarms(device)
    made._publisher = publisher
    return made


def told(**other):
    facts = {**FIRST, **other}
    notice = AlarmNotice(
        method=facts["method"], time=facts["time"], details=AlarmDetails(facts["kind"], None)
    )
    return Envelope.parse(notice.serialize(facts["sn"], facts["code"]))


async def test_the_same_alarm_is_one_within_a_minute_and_another_afterwards(alarms, publisher):
    for after_s, events in ((0, 1), (30, 1), (29, 1), (2, 2), (59, 2)):
        await asyncio.sleep(after_s)
        assert await alarms.heard(told())
        assert len(publisher.heard_of) == events


@pytest.mark.parametrize("other", OTHERS, ids=str)
async def test_an_alarm_that_differs_in_anything_is_another(alarms, publisher, other):
    assert await alarms.heard(told())
    assert await alarms.heard(told(**other))
    assert await alarms.heard(told())
    assert len(publisher.heard_of) == 2


async def test_one_that_was_not_kept_is_no_copy_when_it_is_told_again(alarms, publisher):
    publisher.keeps = False
    assert not await alarms.heard(told())
    publisher.keeps = True
    assert await alarms.heard(told())
    assert await alarms.heard(told())
    assert len(publisher.heard_of) == 2
