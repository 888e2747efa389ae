"""The whole bus in one object: commands, events, pictures, state, errors."""

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from bus_camera import JPEG
from ports import free_port

from cambus.bus.testing import NatsServer
from cambus.client import Cambus
from cambus.client.errors import AssetNotFound, BusUnavailable, LoginRefused
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.commands import ptz
from cambus.schemas.errors import BadRequest, DeviceRefused, Offline, Unsupported
from cambus.schemas.state.devices import DeviceRecord


async def test_a_command_is_a_method_and_its_fields_are_arguments(cambus, gate):
    await cambus.device(gate.name).ptz.move(channel=0, pan=0.5)
    assert [(move.pan, move.tilt) for move in gate.moves] == [(0.5, 0.0)]
    assert gate.callers[0].startswith("client:")


async def test_the_reply_is_the_model_of_the_catalog(cambus, gate):
    assert (await cambus.device(gate.name).info()).model == "Stand-in"


async def test_any_spec_can_be_called_with_its_request(cambus, gate):
    await cambus.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, tilt=1.0), device=gate.name)
    assert gate.moves[0].tilt == 1.0


async def test_failures_are_exceptions_with_what_the_device_said(cambus, gate, device):
    with pytest.raises(DeviceRefused) as refused:
        await cambus.device(gate.name).ptz.stop(channel=0)
    assert (refused.value.code, refused.value.device_code, refused.value.retryable) == (422, "119", False)
    with pytest.raises(Offline):
        await cambus.device(f"{device}-not").info()
    with pytest.raises(Unsupported):
        await cambus.device(gate.name).reboot(confirm=True)


async def test_a_wrong_argument_is_named_and_nothing_is_sent(cambus, gate):
    with pytest.raises(BadRequest, match="pan"):
        await cambus.device(gate.name).ptz.move(channel=0, pan=7.0)
    with pytest.raises(BadRequest, match="confirm"):
        await cambus.device(gate.name).reboot(confirm=False)
    assert gate.moves == []


async def test_a_snapshot_is_the_picture_itself(cambus, gate):
    assert await cambus.snapshot(gate.name) == JPEG


async def test_alarms_come_typed_and_go_on_behind_the_one_last_seen(cambus, gate):
    first = await gate.raise_alarm(0)
    begun = datetime.now(UTC) - timedelta(minutes=1)
    async with aclosing(cambus.alarms(device=gate.name, since=begun)) as alarms:
        assert (await anext(alarms)).id == first.id
    async with aclosing(cambus.events("alarm", device=gate.name, since=begun)) as events:
        seen = await anext(events)
    second = await gate.raise_alarm(1)
    async with aclosing(cambus.events(device=gate.name, after_seq=seen.seq)) as events:
        assert (await anext(events)).event.id == second.id
    past = [each.event.id async for each in cambus.past_events("alarm.raised", since=begun, device=gate.name)]
    assert past == [first.id, second.id]


async def test_an_event_nobody_knows_is_refused(cambus):
    with pytest.raises(ValueError, match=r"alarm\.rised"):
        cambus.events("alarm.rised")


async def test_what_was_taken_and_not_done_comes_again(cambus, gate, unique):
    try:
        first, second = await gate.raise_alarm(0), await gate.raise_alarm(1)
        async with aclosing(cambus.take_events(unique, "alarm", device=gate.name, deliver="all")) as events:
            assert (await anext(events)).event.id == first.id
            assert (await anext(events)).event.id == second.id  # which acknowledges the first
        async with aclosing(cambus.take_events(unique, "alarm", device=gate.name, deliver="all")) as events:
            again = await anext(events)
        assert (again.event.id, again.attempts) == (second.id, 2)
    finally:
        with suppress(AssetNotFound):
            await cambus.connection.jetstream.call(f"CONSUMER.DELETE.CAMBUS_EVENTS.{unique}")


async def test_state_is_there_by_device(cambus, bus, device):
    record = DeviceRecord(id=device, protocol="dvrip", address="192.0.2.1")
    await KeyValue(bus, KV_DEVICES, DeviceRecord).put(device, record)
    assert (await cambus.device_records())[device].address == "192.0.2.1"
    assert device not in await cambus.presences()


async def test_services_that_run_are_found(cambus, gate):
    (found,) = [each for each in await cambus.services() if each.name == "connector-test"]
    assert found.version == "1.2.3"


async def test_no_nats_is_told_at_once():
    with pytest.raises(BusUnavailable, match="does not answer"):
        async with Cambus.connect(f"nats://127.0.0.1:{free_port()}"):
            pytest.fail("there is nothing to connect to")


async def test_who_may_not_come_in_is_told_so(tmp_path):
    password = tmp_path / "password"
    password.write_text("wrong")
    async with NatsServer(config={"authorization": {"user": "operator", "password": "right"}}) as server:
        with pytest.raises(LoginRefused):
            async with Cambus.connect(server.url, user="operator", password_file=password):
                pytest.fail("the password is wrong")
        password.write_text("right")
        async with Cambus.connect(server.url, user="operator", password_file=password) as cambus:
            assert cambus.connection.connected


def test_what_does_not_fit_together_is_refused(tmp_path):
    async def connect() -> None:
        async with Cambus.connect(user="somebody", nkey_file=tmp_path / "seed"):
            pytest.fail("one or the other")

    with pytest.raises(ValueError, match="exclude"):
        asyncio.run(connect())
