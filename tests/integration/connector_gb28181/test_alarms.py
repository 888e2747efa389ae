"""Alarms of devices, as the bus hears them and as the devices hear of that."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sip_peer import request_text

from cambus.client.errors import BusError
from cambus.gb28181.manscdp.alarms import AlarmDetails, AlarmNotice
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.schemas.alarms import AlarmType, Severity
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip.peer import Peer


def bodies(simulator, name):
    return [message.body for message in simulator.heard(name)]


def answers(simulator):
    """What the device was told of its alarms, in messages."""
    found = [Envelope.parse(body) for body in bodies(simulator, "Alarm")]
    return [each for each in found if each.root is Root.RESPONSE]


async def acknowledged(simulator, count=1):
    """Wait until the device has heard that its alarms were taken."""
    await simulator.wait_for(lambda: len(answers(simulator)) >= count)
    return answers(simulator)


async def test_an_alarm_is_an_event_and_the_device_is_told_that_it_was_heard(bench, gate):
    simulator = await bench.online(gate, profile="std_2022", channels=2)
    heard = await bench.heard(gate)
    simulator.raise_alarm(
        method=5, type_=6, event_type=1, priority=2, description="闯入", code=simulator.channels[1]
    )
    event = await heard.until("alarm.raised")
    assert (event.type, event.severity, event.channel) == (AlarmType.INTRUSION, Severity.MAJOR, 1)
    assert event.native.code == "5/6"
    assert event.native.text == event.text == "闯入"
    assert event.native.detail["EventType"] == "1"
    assert abs(event.device_time - datetime.now(UTC)) < timedelta(minutes=5)
    (answer,) = await acknowledged(simulator)
    assert answer.result
    assert answer.code == simulator.channels[1]
    assert answer.sn == Envelope.parse(simulator.said("Alarm")[0].body).sn


async def test_an_alarm_that_is_told_again_lasts_and_one_that_is_not_is_over(bench, gate):
    simulator = await bench.online(gate, record={"options": {"alarm_hold_s": 1.0}})
    heard = await bench.heard(gate)
    simulator.raise_alarm(type_=2)
    begun = await heard.until("alarm.raised")
    simulator.raise_alarm(type_=2)
    await acknowledged(simulator, 2)
    name, over = await heard.next()
    assert name == "alarm.cleared"
    assert (over.raised, over.key, over.cause) == (begun.id, begun.key, "timeout")
    assert over.duration_s >= 1.0


@pytest.mark.parametrize("how", ["stop", "removal"])
async def test_an_alarm_that_lasts_is_over_when_nobody_will_hear_of_its_end(bench, gate, how):
    simulator = await bench.online(gate, record={"options": {"alarm_hold_s": 3600.0}})
    heard = await bench.heard(gate)
    simulator.raise_alarm(type_=2)
    begun = await heard.until("alarm.raised")
    if how == "stop":
        await bench.connectors["replica-1"].stop()
    else:
        await bench.devices.delete(gate)
    over = await heard.until("alarm.cleared")
    assert (over.raised, over.key, over.cause) == (begun.id, begun.key, "timeout")


async def test_the_same_alarm_told_again_after_its_end_is_acknowledged_and_no_new_one(bench, gate):
    simulator = await bench.online(gate, record={"options": {"alarm_hold_s": 1.0}})
    heard = await bench.heard(gate)
    notice = AlarmNotice(priority=1, method=5, time="2026-02-01T20:17:22", details=AlarmDetails(2, None))
    body = simulator.body(notice, simulator.channels[0])
    simulator.agent.tell(body)
    begun = await heard.until("alarm.raised")
    await heard.until("alarm.cleared")
    simulator.agent.tell(body)
    await acknowledged(simulator, 2)
    simulator.raise_alarm(type_=5)
    name, other = await heard.next()
    assert (name, other.type) == ("alarm.raised", AlarmType.TRIPWIRE)
    assert begun.device_time == datetime(
        2026, 2, 1, 12, 17, 22, tzinfo=UTC
    )  # the device's clock is in Shanghai


async def test_copies_of_one_alarm_are_one_event_and_each_is_acknowledged(bench, gate):
    simulator = await bench.online(gate, quirks=Quirks(alarm_copies=3, alarm_type_at_root=True))
    heard = await bench.heard(gate)
    simulator.raise_alarm(type_=3)
    event = await heard.until("alarm.raised")
    assert event.type is AlarmType.ANALYTICS_LEFT_OBJECT
    assert len(await acknowledged(simulator, 3)) == 3
    simulator.raise_alarm(type_=4)
    name, other = await heard.next()
    assert (name, other.type) == ("alarm.raised", AlarmType.ANALYTICS_REMOVED_OBJECT)


async def test_an_alarm_that_was_subscribed_to_gets_no_message_in_return(bench, gate):
    simulator = await bench.online(gate, record={"options": {"subscribe": ["alarms"]}}, profile="hik_nvr")
    heard = await bench.heard(gate)
    await simulator.wait_for(lambda: simulator.watchers.active)
    body = simulator.body(AlarmNotice(method=5, type=2, time="never"), simulator.channels[0])
    simulator.watchers.tell("Alarm", body)
    event = await heard.until("alarm.raised")
    assert event.type is AlarmType.MOTION
    assert event.device_time is None
    assert "bad-time" in event.native.detail["flags"]
    simulator.agent.tell(simulator.body(AlarmNotice(method=5, type=5), simulator.channels[0]))
    (answer,) = await acknowledged(simulator)  # that of the message, which came later
    assert answer.sn == Envelope.parse(body).sn + 1
    assert [each.method for each in simulator.said("Alarm")] == ["NOTIFY", "MESSAGE"]


async def test_an_alarm_input_is_reset_so_that_it_can_tell_its_next_alarm(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr", channels=2)
    heard = await bench.heard(gate)
    simulator.raise_alarm(method=5, type_=2)  # a picture is not reset
    assert (await heard.until("alarm.raised")).type is AlarmType.MOTION
    await acknowledged(simulator)
    assert simulator.raise_alarm(method=2, type_=None)
    event = await heard.until("alarm.raised")
    assert (event.type, event.channel) == (AlarmType.IO, None)
    await simulator.wait_for(lambda: not simulator.device.alarmed)
    (order,) = [body for body in bodies(simulator, "DeviceControl") if b"ResetAlarm" in body]
    assert simulator.device.alarm_input.encode() in order
    assert simulator.raise_alarm(method=2, type_=None)


async def test_an_input_is_not_reset_where_nobody_wants_that(bench, gate):
    simulator = await bench.online(gate, record={"options": {"reset_alarms": False}}, profile="hik_nvr")
    heard = await bench.heard(gate)
    assert simulator.raise_alarm(method=2, type_=None)
    await heard.until("alarm.raised")
    simulator.raise_alarm(method=5, type_=2)
    await heard.until("alarm.raised")
    await acknowledged(simulator, 2)
    assert simulator.device.alarmed
    assert not [body for body in bodies(simulator, "DeviceControl") if b"ResetAlarm" in body]


async def test_a_device_is_armed_whenever_it_registers_where_its_record_says_so(bench, gate):
    simulator = await bench.online(
        gate, record={"options": {"auto_guard": True}}, quirks=Quirks(alarm_needs_guard=True)
    )
    await simulator.wait_for(lambda: simulator.device.guarded)
    simulator.device.guarded = False
    await simulator.restart(unregister=True)
    await simulator.wait_for(lambda: simulator.device.guarded)
    assert simulator.raise_alarm()
    await (await bench.heard(gate)).until("alarm.raised")


async def test_an_alarm_that_can_not_be_kept_is_not_acknowledged_and_taken_when_it_is_told_again(bench, gate):
    simulator = await bench.online(gate)
    events = bench.session(gate).device.context.events
    keep, events._publish = events._publish, refuse
    body = simulator.body(AlarmNotice(method=5, type=2), simulator.channels[0])
    simulator.agent.tell(body)
    await simulator.wait_for(lambda: simulator.heard("503 MESSAGE"))
    assert not answers(simulator)
    events._publish = keep
    simulator.agent.tell(body)
    await acknowledged(simulator)
    await (await bench.heard(gate)).until("alarm.raised")


async def refuse(spec, event):
    raise BusError("the disk is full")


async def test_an_alarm_is_acknowledged_only_once_it_is_durable_and_keepalives_do_not_wait_for_that(
    bench, gate
):
    simulator = await bench.online(gate)
    events = bench.session(gate).device.context.events
    keep, may_go_on = events._publish, asyncio.Event()

    async def slowly(spec, event):
        await may_go_on.wait()
        return await keep(spec, event)

    events._publish = slowly
    simulator.raise_alarm(type_=2)
    await simulator.wait_for(lambda: simulator.said("Alarm"))
    before = len(simulator.heard("200 MESSAGE"))
    simulator.beat()
    await simulator.wait_for(lambda: len(simulator.heard("200 MESSAGE")) == before + 1)
    assert not answers(simulator)
    may_go_on.set()
    await acknowledged(simulator)
    assert len(simulator.heard("200 MESSAGE")) == before + 2


@pytest.mark.parametrize(
    ("method", "type_", "expected", "severity"),
    [
        (6, 1, AlarmType.STORAGE_ERROR, Severity.CRITICAL),
        (6, 2, AlarmType.HARDWARE, Severity.MAJOR),
        (2, 4, AlarmType.TEMPERATURE, Severity.MAJOR),
    ],
)
async def test_faults_of_the_device_itself_are_alarms_of_the_whole_device(
    bench, gate, method, type_, expected, severity
):
    simulator = await bench.online(gate, profile="hik_nvr")
    heard = await bench.heard(gate)
    simulator.tell(AlarmNotice(method=method, details=AlarmDetails(type_, None)))
    event = await heard.until("alarm.raised")
    assert (event.type, event.channel, event.severity) == (expected, None, severity)
    assert event.input is None


async def test_an_alarm_from_where_no_device_is_registered_is_no_event(bench, gate):
    simulator = await bench.online(gate)
    heard = await bench.heard(gate)
    platform = bench.connectors["replica-1"].service.signalling.platform
    body = simulator.body(AlarmNotice(method=5, type=2), simulator.channels[0])
    via = "SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKforged"
    forged = request_text(via=[via], from_=f"<sip:{simulator.code}@3402000000>;tag=x", body=body)
    await simulator.elsewhere.send(Peer("udp", "127.0.0.1", platform.port), forged, "port")
    await simulator.wait_for(lambda: simulator.elsewhere.heard)
    assert simulator.elsewhere.heard[0].startswith(b"SIP/2.0 403")
    simulator.raise_alarm(type_=5)
    event = await heard.until("alarm.raised")
    assert event.type is AlarmType.TRIPWIRE
