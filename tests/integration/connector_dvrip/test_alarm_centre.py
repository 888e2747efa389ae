"""Alarms that devices push over connections of their own."""

import asyncio

import pytest

from cambus.dvrip.payload import encode_body
from cambus.dvrip.wire import PacketReader, serialize
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"


@pytest.fixture
async def heard(bench, device):
    return await bench.heard(device)


@pytest.fixture
async def centre(bench, eventually):
    """A connector that listens for pushed alarms; its port."""
    connector = await bench.connector(dvrip_alarm_centre_port=0)
    service = connector.service
    await eventually(lambda: service.alarm_centre._listener._server is not None)
    return service.alarm_centre


def known(centre, serial):
    return serial in centre._directory._serials


async def push(port, *bodies):
    """Send messages as a device does: one connection, and gone."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in bodies:
        writer.write(serialize(1508, encode_body(body), version=1))
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def message(serial, status="Start", event="MotionDetect", **fields):
    return {
        "Address": "0x0100007F",
        "Channel": 0,
        "Descrip": "",
        "Event": event,
        "SerialID": serial,
        "StartTime": "2026-02-01 12:00:00",
        "Status": status,
        "Type": "Alarm",
        **fields,
    }


async def test_a_pushed_alarm_is_published_as_untrusted(bench, simulator, device, heard, centre, eventually):
    await bench.online(device, simulator, options={"alarms": False})
    serial = simulator.device.identity.serial
    await eventually(lambda: known(centre, serial))
    await push(centre.port, message(serial), message(serial, "Stop"))
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.channel, raised.via, raised.trusted) == ("motion", 0, "push", False)
    assert (await heard.until("alarm.cleared")).raised == raised.id


@pytest.mark.parametrize("style", ["oneshot", "persistent", "split", "joined"])
@pytest.mark.parametrize("shape", ["flat", "named"])
async def test_the_same_alarm_by_both_ways_is_published_once(
    bench, simulator, device, heard, centre, style, shape, eventually
):
    simulator.update_quirks({"centre_style": style, "centre_shape": shape})
    await bench.online(device, simulator)
    await eventually(lambda: known(centre, simulator.device.identity.serial))
    simulator.report_to("127.0.0.1", centre.port)
    simulator.raise_alarm("motion", 1)
    await simulator.wait_for(lambda: simulator.centre.sent == 1)
    simulator.raise_alarm("motion", 1, "Stop")
    await simulator.wait_for(lambda: simulator.centre.sent == 2)
    simulator.raise_alarm("tamper", 0, "None")
    events = []
    while True:
        name, event = await heard.next()
        if name.startswith("alarm."):
            events.append((name, event.type))
        if name == "alarm.raised" and event.type == "tamper":
            break
    assert events == [("alarm.raised", "motion"), ("alarm.cleared", "motion"), ("alarm.raised", "tamper")]


async def test_an_alarm_reaches_the_replica_that_holds_the_device(
    bench, simulator, device, heard, eventually
):
    await bench.connector("replica-1")
    await bench.online(device, simulator, options={"alarms": False})
    other = await bench.connector("replica-2", dvrip_alarm_centre_port=0)
    centre = other.service.alarm_centre
    serial = simulator.device.identity.serial
    await eventually(lambda: centre._listener._server is not None and known(centre, serial))
    await bench.shown(device)
    await push(centre.port, message(serial))
    raised = await heard.until("alarm.raised")
    assert raised.device_time is not None  # known only to the replica that has the session


async def test_the_alarm_of_a_device_that_is_offline_is_published_all_the_same(
    bench, simulator, device, heard, centre, eventually
):
    await bench.online(device, simulator)
    serial = simulator.device.identity.serial
    await eventually(lambda: known(centre, serial))
    simulator.go_offline()
    await bench.shown(device, lambda p: not p.online)
    await push(centre.port, message(serial, event="LossDetect"))
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.via, raised.device_time) == ("video-loss", "push", None)


async def test_a_device_is_found_by_its_address_if_only_one_has_it(bench, device, heard, centre):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1) as simulator:
        await bench.online(device, simulator)
        await push(centre.port, message("no-such-serial"))
        await heard.until("alarm.raised")


async def test_behind_one_address_the_serial_number_tells_them_apart(
    bench, simulator, device, unique, centre, eventually
):
    other = f"other-{unique}"
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, index=1) as second:
        for name, recorder in ((device, simulator), (other, second)):
            await bench.online(name, recorder, options={"alarms": False})
            await eventually(lambda at=recorder: known(centre, at.device.identity.serial))
        strangers = await bench.heard("unassigned")
        heard = {name: await bench.heard(name) for name in (device, other)}
        nobody = f"nobody-{unique}"
        await push(centre.port, message(nobody, event="BlindDetect"))  # their address is two devices
        await push(centre.port, message(second.device.identity.serial))
        await push(centre.port, message(simulator.device.identity.serial, event="LossDetect"))
        assert (await heard[other].until("alarm.raised")).type == "motion"
        assert (await heard[device].until("alarm.raised")).type == "video-loss"
        await strangers.until("exception.reported", lambda event: event.detail["serial"] == nobody)


async def test_messages_of_strangers_are_reported_once(bench, centre, eventually):
    heard = await bench.heard("unassigned")
    await push(centre.port, *[message(f"stranger-{bench.bus.name}") for _ in range(20)])
    reported = await heard.until(
        "exception.reported", lambda event: event.detail["serial"].startswith("stranger")
    )
    assert (reported.code, reported.detail["event"]) == ("unknown-device", "MotionDetect")
    await push(centre.port, message(f"second-{bench.bus.name}"))
    following = await heard.until("exception.reported")
    assert following.detail["serial"].startswith("second")


async def test_log_entries_are_no_alarms(bench, simulator, device, heard, centre, eventually):
    await bench.online(device, simulator)
    serial = simulator.device.identity.serial
    await eventually(lambda: known(centre, serial))
    await push(centre.port, message(serial, Type="Log", event="Reboot"), message(serial, event="LossDetect"))
    assert (await heard.until("alarm.raised")).type == "video-loss"
    metrics = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    assert 'cambus_dvrip_alarm_centre_total{outcome="log"} 1.0' in metrics


async def test_garbage_on_the_port_harms_nobody(bench, simulator, device, heard, centre, eventually):
    await bench.online(device, simulator)
    serial = simulator.device.identity.serial
    await eventually(lambda: known(centre, serial))
    _, writer = await asyncio.open_connection("127.0.0.1", centre.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await writer.drain()
    await push(centre.port, {"nonsense": [1, 2]}, message(serial))
    await heard.until("alarm.raised", lambda event: event.type == "motion")
    writer.close()


@pytest.mark.parametrize(
    ("setting", "own", "answered"), [(False, True, True), (True, False, False), (True, None, True)]
)
async def test_whether_it_is_answered_is_said_of_all_devices_or_of_one(
    bench, simulator, device, eventually, setting, own, answered
):
    connector = await bench.connector(dvrip_alarm_centre_port=0, dvrip_alarm_centre_reply=setting)
    await eventually(lambda: connector.service.alarm_centre._listener._server is not None)
    await bench.online(device, simulator, options={} if own is None else {"alarm_centre_reply": own})
    serial = simulator.device.identity.serial
    await eventually(lambda: known(connector.service.alarm_centre, serial))
    reader, writer = await asyncio.open_connection("127.0.0.1", connector.service.alarm_centre.port)
    writer.write(serialize(1508, encode_body(message(serial)), version=1))
    writer.write(b"\x00" * 20)  # lost framing: it is hung up on, after whatever it was answered
    answers = PacketReader().receive_data(await reader.read())
    assert [packet.header.message_id for packet in answers] == ([1509] if answered else [])
    writer.close()
    await writer.wait_closed()


async def test_nothing_listens_unless_it_is_told_to(bench):
    connector = await bench.connector()
    assert connector.service.alarm_centre is None
