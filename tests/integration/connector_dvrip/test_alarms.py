"""Alarms of a recorder, on the bus once each, paired, in order."""

import asyncio

import pytest

from cambus.bus.outbox import OutboxFull
from cambus.connector_dvrip.alarms import DeviceAlarms, Moment
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.schemas.commands import alarm as alarm_commands
from cambus.schemas.commands import native
from cambus.schemas.errors import BadRequest, Unsupported


@pytest.fixture
async def heard(bench, device):
    return await bench.heard(device)


async def test_an_alarm_is_published_with_its_facts(bench, simulator, device, heard):
    await bench.online(device, simulator)
    simulator.raise_alarm("motion", 1)
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.channel, raised.key, raised.severity) == ("motion", 1, "motion:1", "info")
    assert raised.native.code == "VideoMotion"
    assert (raised.via, raised.momentary, raised.trusted) == ("session", False, True)
    assert abs((raised.device_time - raised.at).total_seconds()) < 5


@pytest.mark.slow  # it bounds a time
async def test_an_alarm_is_on_the_bus_within_a_second(bench, simulator, device, heard):
    await bench.online(device, simulator)
    loop = asyncio.get_running_loop()
    took = []
    for number in range(20):
        began = loop.time()
        simulator.raise_alarm("motion", number % 2)
        await heard.until("alarm.raised")
        took.append(loop.time() - began)
        simulator.raise_alarm("motion", number % 2, "Stop")
        await heard.until("alarm.cleared")
    assert max(took) < 1.0


async def test_its_end_is_paired_with_its_beginning(bench, simulator, device, heard):
    await bench.online(device, simulator)
    simulator.raise_alarm("motion", 0)
    raised = await heard.until("alarm.raised")
    simulator.raise_alarm("motion", 0, "Stop")
    cleared = await heard.until("alarm.cleared")
    assert (cleared.key, cleared.raised, cleared.cause) == (raised.key, raised.id, "ended")
    assert cleared.duration_s >= 0


@pytest.mark.parametrize(
    ("event", "kind", "channel"),
    [
        ("tamper", "tamper", 0),
        ("video_loss", "video-loss", 0),
        ("disk_missing", "storage-missing", None),
        ("net_lost", "network-lost", None),
        ("StorrageLowSpace", "storage-low", None),
        ("VIdeoAnanyze", "analytics.other", 0),
        ("appEventHumanDetectAlarm", "analytics.human", 0),
        ("SomethingNew", "other", 0),
    ],
)
async def test_the_devices_words_become_ours(bench, simulator, device, heard, event, kind, channel):
    await bench.online(device, simulator)
    simulator.raise_alarm(event, 0)
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.channel) == (kind, channel)


async def test_an_input_is_a_number_not_a_channel(bench, simulator, device, heard):
    await bench.online(device, simulator)
    simulator.raise_alarm("input", 1)
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.channel) == ("io", None)
    assert (raised.input.kind, raised.input.number) == ("local", 1)


async def test_a_repeated_beginning_is_one_alarm(bench, simulator, device, heard):
    await bench.online(device, simulator)
    for _ in range(5):
        simulator.raise_alarm("motion", 0)
    simulator.raise_alarm("tamper", 0)
    assert (await heard.until("alarm.raised")).type == "motion"
    assert (await heard.until("alarm.raised")).type == "tamper"


async def test_an_end_that_never_comes_is_supplied(bench, simulator, device, heard):
    await bench.online(device, simulator, options={"alarm_hold_s": 0.2})
    simulator.raise_alarm("motion", 0)
    raised = await heard.until("alarm.raised")
    cleared = await heard.until("alarm.cleared")
    assert (cleared.raised, cleared.cause) == (raised.id, "timeout")


async def test_a_momentary_event_has_no_end(bench, simulator, device, heard):
    await bench.online(device, simulator)
    simulator.raise_alarm("motion", 0, "None")
    assert (await heard.until("alarm.raised")).momentary


async def test_the_device_is_answered_after_the_event_is_durable(
    bench, simulator, device, eventually, monkeypatch
):
    """On our disk, and with JetStream, from which everybody hears what comes in order."""
    await bench.online(device, simulator)
    order = []
    publisher = bench.connectors["replica-1"].service.events
    put, send = publisher._outbox.put, publisher._send_one
    session = bench.session(device)
    notify = session.client.control.notify

    async def recorded_put(letter):
        seq = await put(letter)
        if ".alarm." in letter.subject:
            order.append("stored")
        return seq

    async def recorded_send(letter):
        await send(letter)
        if ".alarm." in letter.subject:
            order.append("sent")

    def recorded_notify(message_id, *args, **kwargs):
        order.append(message_id)
        return notify(message_id, *args, **kwargs)

    monkeypatch.setattr(publisher._outbox, "put", recorded_put)
    monkeypatch.setattr(publisher, "_send_one", recorded_send)
    monkeypatch.setattr(session.client.control, "notify", recorded_notify)
    simulator.raise_alarm("motion", 0)
    await eventually(lambda: len(order) == 3)
    assert order == ["stored", "sent", MessageId.ALARM + 1]


async def test_an_alarm_that_could_not_be_kept_is_not_answered(
    bench, simulator, device, monkeypatch, eventually
):
    await bench.online(device, simulator)
    tried = []
    session = bench.session(device)

    async def full(letter):
        tried.append(letter)
        raise OutboxFull("full")

    answered = []
    monkeypatch.setattr(bench.connectors["replica-1"].service.events._outbox, "put", full)
    monkeypatch.setattr(session.client.control, "notify", lambda *args, **kwargs: answered.append(args))
    simulator.raise_alarm("motion", 0)
    await eventually(lambda: tried)
    assert answered == []


async def test_a_storm_keeps_its_order(bench, simulator, device, heard):
    await bench.online(device, simulator)
    rounds = 150
    for number in range(rounds):
        simulator.raise_alarm("motion", number % 2, "Start")
        simulator.raise_alarm("motion", number % 2, "Stop")
    events = []
    while len(events) < 2 * rounds:
        name, event = await heard.next()
        if name.startswith("alarm."):
            events.append((name, event.channel, event.id, getattr(event, "raised", None)))
    assert len({event_id for _, _, event_id, _ in events}) == 2 * rounds
    for begin, finish in zip(events[::2], events[1::2], strict=True):
        assert (begin[0], finish[0]) == ("alarm.raised", "alarm.cleared")
        assert finish[3] == begin[2]


async def test_a_device_that_reports_nothing_is_asked(bench, simulator, device, heard):
    await bench.online(device, simulator, options={"alarms": False, "alarm_poll_s": 1.0})
    assert not simulator.sessions[0].guarded
    simulator.raise_alarm("motion", 1)
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.channel, raised.via) == ("motion", 1, "poll")
    simulator.raise_alarm("motion", 1, "Stop")
    assert (await heard.until("alarm.cleared")).raised == raised.id


async def test_alarms_go_on_after_a_reconnect(bench, simulator, device, heard):
    await bench.online(device, simulator)
    await heard.until("device.online")
    simulator.drop()
    await heard.until("device.online")
    await simulator.wait_for(lambda: any(session.guarded for session in simulator.sessions))
    simulator.raise_alarm("motion", 0)
    await heard.until("alarm.raised")


async def test_disarming_stops_reports_and_arming_brings_them_back(bench, simulator, device, heard):
    await bench.online(device, simulator)
    await bench.client.call(alarm_commands.DISARM, alarm_commands.AlarmArmRequest(), device=device)
    assert not simulator.sessions[0].guarded
    await bench.client.call(alarm_commands.ARM, alarm_commands.AlarmArmRequest(), device=device)
    assert simulator.sessions[0].guarded
    with pytest.raises(Unsupported):
        await bench.client.call(alarm_commands.ARM, alarm_commands.AlarmArmRequest(channel=0), device=device)


async def test_network_alarm_inputs_are_set_and_heard_of_until_the_device_is_disarmed(
    bench, simulator, device, heard
):
    async def set_inputs(mask):
        body = {"Name": "OPNetAlarm", "OPNetAlarm": {"Event": 0, "State": mask}}
        message = {"id": int(MessageId.NET_ALARM), "body": body}
        request = native.NativeCallRequest(protocol="dvrip", message=message, confirm=True)
        await bench.client.call(native.CALL, request, device=device)
        assert simulator.device.alarms.net_inputs == mask

    await bench.online(device, simulator)
    await set_inputs(0b10)
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.native.code) == ("io", "NetAlarm")
    assert (raised.input.kind, raised.input.number) == ("network", 1)
    await set_inputs(0b01)
    assert (await heard.until("alarm.raised")).input.number == 0
    assert (await heard.until("alarm.cleared")).raised == raised.id
    await bench.client.call(alarm_commands.DISARM, alarm_commands.AlarmArmRequest(), device=device)
    await set_inputs(0b00)
    await bench.client.call(alarm_commands.ARM, alarm_commands.AlarmArmRequest(), device=device)
    await set_inputs(0b10)
    name, event = await heard.next()
    assert (name, event.input.number) == ("alarm.raised", 1)  # of the end that came meanwhile nobody was told


async def test_an_output_is_switched_and_switched_back(bench, simulator, device):
    await bench.online(device, simulator)

    def state():
        return simulator.device.config.get("Alarm.AlarmOut")[0]["AlarmOutStatus"]

    request = alarm_commands.AlarmOutputSetRequest(output=0, active=True, duration_s=0.2)
    await bench.client.call(alarm_commands.OUTPUT_SET, request, device=device)
    assert state() == "CLOSE"
    await simulator.wait_for(lambda: state() == "OPEN")


async def test_an_output_that_is_not_there_is_refused(bench, simulator, device):
    await bench.online(device, simulator)
    request = alarm_commands.AlarmOutputSetRequest(output=99, active=True)
    with pytest.raises(BadRequest, match="99"):
        await bench.client.call(alarm_commands.OUTPUT_SET, request, device=device)


async def test_two_replicas_that_hear_one_alarm_publish_one_event(bench, simulator, device, heard):
    """As happens for a moment when a device is handed over."""
    await bench.online(device, simulator)
    simulator.raise_alarm("motion", 0)
    raised = await heard.until("alarm.raised")
    session = bench.session(device)
    body = {"Channel": 0, "Event": "VideoMotion", "Status": "Start"}
    body["StartTime"] = session.zone.to_local(raised.device_time).strftime("%Y-%m-%d %H:%M:%S")
    moment = Moment(raised.at, 1234.5, session.zone, 2)
    (event,) = DeviceAlarms(device, 60.0).report(AlarmReport.parse(body), moment)
    assert event.event_id == raised.id
