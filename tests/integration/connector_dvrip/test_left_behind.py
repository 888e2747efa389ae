"""Alarms that a connector had begun before it was killed are ended by whoever holds the device next."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.alarms import ActiveAlarm


@pytest.fixture
async def heard(bench, device):
    return await bench.heard(device)


async def raised_of_old(bench, device, **fields):
    """An alarm that is raised, as the alarm router keeps it."""
    at = datetime.now(UTC) - timedelta(minutes=10)
    facts = {
        "type": "tamper",
        "severity": "major",
        "key": "tamper:1",
        "channel": 1,
        "protocol": "dvrip",
    } | fields
    alarm = AlarmRaised(id=new_ulid(), device=device, at=at, **facts)
    stored = KeyValue(bench.bus, assets.KV_ALARMS, ActiveAlarm)
    await stored.put(keys.active_alarm(device, alarm.key), ActiveAlarm(raised=alarm, last_at=at))
    return alarm


async def test_an_alarm_nobody_holds_any_more_is_ended(bench, simulator, device, heard):
    await bench.connector(alarm_left_behind_s=1.0)
    await bench.online(device, simulator)
    simulator.raise_alarm("motion", 0)
    ours = await heard.until("alarm.raised")
    stored = KeyValue(bench.bus, assets.KV_ALARMS, ActiveAlarm)
    await stored.put(keys.active_alarm(device, ours.key), ActiveAlarm(raised=ours, last_at=ours.at))
    await raised_of_old(bench, device, protocol="gb28181", key="io:0", type="io")
    await raised_of_old(bench, device, via="push", key="io:1", type="io")
    old = await raised_of_old(bench, device)
    cleared = await heard.until("alarm.cleared")
    assert (cleared.key, cleared.raised, cleared.cause) == (old.key, old.id, "timeout")
    assert cleared.duration_s >= 600
    simulator.raise_alarm("motion", 0, "Stop")
    ended = await heard.until("alarm.cleared")
    while ended.raised == old.id:  # nobody took it out of the bucket: it is told again, under the same id
        assert ended.id == cleared.id
        ended = await heard.until("alarm.cleared")
    assert (ended.raised, ended.cause) == (ours.id, "ended")


async def test_what_the_device_tells_again_is_held_by_who_hears_it(bench, simulator, device, heard):
    await bench.connector(alarm_left_behind_s=1.0)
    await bench.online(device, simulator)
    again = await raised_of_old(bench, device, key="tamper:0", channel=0)
    simulator.raise_alarm("tamper", 0)
    raised = await heard.until("alarm.raised")
    assert raised.key == again.key
    old = await raised_of_old(bench, device)
    cleared = await heard.until("alarm.cleared")
    assert cleared.raised == old.id
    simulator.raise_alarm("tamper", 0, "Stop")
    while cleared.key != again.key:
        cleared = await heard.until("alarm.cleared")
    assert (cleared.raised, cleared.cause) == (raised.id, "ended")
