"""Alarms are heard, acknowledged and never stop a session; outputs are switched."""

import pytest

from cambus.dvrip.errors import Refused
from cambus.dvrip.events import AlarmRaised, DevicePush
from cambus.dvrip.messages.alarm import AlarmStatus
from cambus.dvrip.values import parse_time


async def test_alarms_are_heard_after_guard_and_acknowledged_by_the_listener(scripted, client, deadline):
    await client.alarms.guard()
    with client.events() as events:
        alarm = {"Channel": 3, "Event": "VideoMotion", "StartTime": "2026-02-01 12:17:22", "Status": "Start"}
        scripted.peers[0].send(1504, {"Name": "AlarmInfo", "AlarmInfo": alarm}, sequence=77)
        async with deadline():
            event = await anext(events)
        assert isinstance(event, AlarmRaised)
        report = event.report
        assert (report.event, report.native, report.channel) == ("motion", "VideoMotion", 3)
        assert (report.status, report.time) == (AlarmStatus.START, parse_time("2026-02-01 12:17:22"))
        assert scripted.messages(1505) == []
        assert event.acknowledge()
        answer = await scripted.hears(1505)
        assert (answer.body["Ret"], answer.header.sequence, answer.header.version) == (100, 77, 1)
    assert scripted.ids()[:2] == [1000, 1500]


async def test_an_acknowledgement_after_the_end_is_harmless(scripted, client, deadline):
    events = client.events()
    scripted.peers[0].send(1504, {"AlarmInfo": {"Event": "VideoLoss"}})
    async with deadline():
        event = await anext(events)
    await client.close()
    assert event.acknowledge() is False


async def test_a_slow_listener_loses_and_counts_but_stops_nobody(scripted, client, deadline):
    with client.events(max_events=100) as slow, client.events(max_events=5000) as quick:
        for number in range(1000):
            status = "Start" if number % 2 == 0 else "Stop"
            scripted.peers[0].send(
                1504, {"AlarmInfo": {"Channel": number, "Event": "VideoMotion", "Status": status}}
            )
        assert (await client.request(1020, {})).code == 100
        assert slow.counters["dropped"] == 900
        async with deadline():
            heard = [(await anext(quick)).report for _ in range(1000)]
            first = [(await anext(slow)).report.channel for _ in range(100)]
    assert [report.channel for report in heard] == list(range(1000))
    assert [report.status for report in heard[:4]] == ["Start", "Stop"] * 2
    assert first == list(range(100))


async def test_a_handler_that_raises_stops_nothing(scripted, client, deadline, caplog):
    def broken(header, payload):
        raise RuntimeError("handler")

    client.control.on_push = broken
    scripted.peers[0].send(1504, {"AlarmInfo": {}})
    assert (await client.request(1020, {})).code == 100
    assert client.control.counters["callback_errors"] == 1
    assert "a consumer of message 1504 raised" in caplog.text


async def test_malformed_pushes_are_counted(scripted, client):
    with client.events() as events:
        scripted.peers[0].send(1504, b"[[[[")
        scripted.peers[0].send(1618, b"later firmware")
        await client.request(1020, {})
        assert client.counters["malformed_pushes"] == 1
        assert await anext(events) == DevicePush(1618, b"later firmware")


async def test_events_end_with_the_session(scripted, client, deadline):
    events = client.events()
    scripted.peers[0].close()
    async with deadline():
        assert [event async for event in events] == []
        assert [event async for event in client.events()] == []  # asked for after the end


async def test_alarm_outputs_switch_in_the_devices_own_words(scripted, settings, client):
    settings.tree["Alarm.AlarmOut"] = [
        {"AlarmOutType": "AUTO", "AlarmOutStatus": "OPEN", "x": 1},
        {"AlarmOutType": "ConfigAlarm", "AlarmOutStatus": "OPEN"},
    ]
    await client.alarms.set_output(0, closed=True)
    await client.alarms.set_output(1, closed=True)
    assert settings.written[0][1][0] == {"AlarmOutType": "MANUAL", "AlarmOutStatus": "CLOSE", "x": 1}
    assert settings.written[1][1][1] == {"AlarmOutType": "ManualAlarm", "AlarmOutStatus": "CLOSE"}
    with pytest.raises(Refused):
        await client.alarms.set_output(5, closed=True)


async def test_network_alarm_inputs_and_unguard(scripted, client):
    await client.alarms.set_net_inputs(0b101)
    await client.alarms.unguard()
    assert (await scripted.hears(1506)).body["OPNetAlarm"] == {"Event": 0, "State": 5}
    assert scripted.messages(1502)
