"""From a record in the registry to a device that is online, and back."""

import asyncio

import pytest

from cambus.client.kv import KeyValue
from cambus.connector.backoff import BackoffPolicy
from cambus.connector.dialled import DialledUnit
from cambus.connector.errors import EndReason
from cambus.connector.settings import ConnectorSettings
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.commands import ptz
from cambus.schemas.errors import Offline
from cambus.schemas.model import Message
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.presence import DeviceState


async def test_a_device_that_is_added_comes_online(bench, device):
    await bench.connector()
    await bench.add(device)
    presence = await bench.shown(device)
    assert (presence.vendor, presence.model, presence.serial) == ("Fake", "M1", "S1")
    assert (presence.replica, presence.protocol) == ("replica-1", bench.protocol)
    assert presence.epoch > 0
    assert [channel.channel for channel in presence.channels] == [0]


async def test_devices_that_were_there_before_the_connector_come_online(bench, unique):
    devices = [f"{unique}-{number}" for number in range(20)]
    for device in devices:
        await bench.add(device)
    await bench.connector()
    await asyncio.gather(*(bench.shown(device) for device in devices))


async def test_a_removed_device_is_let_go_and_forgotten(bench, device, eventually):
    await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    await bench.devices.delete(device)
    await eventually(lambda: not world.sessions)
    await bench.forgotten(device)
    with pytest.raises(Offline):
        await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0), device=device)


async def test_a_disabled_device_is_left_alone_and_shown_so(bench, device):
    await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    await bench.add(device, enabled=False)
    presence = await bench.shown(device, lambda p: p.state is DeviceState.DISABLED)
    assert not presence.online
    assert not world.sessions
    await bench.add(device)
    await bench.shown(device)


async def test_a_new_name_keeps_the_session_a_new_option_does_not(bench, device, eventually):
    await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    (session,) = world.sessions
    await bench.add(device, name="North gate", tags=["outdoor"])
    await bench.add(device, name="North gate", options={"speed": 2})
    await eventually(lambda: world.sessions and world.sessions[0] is not session)
    assert len(world.attempts) == 2
    assert world.most_sessions == 1


async def test_a_device_that_is_away_is_tried_again_until_it_is_back(bench, device, eventually):
    await bench.connector()
    bench.world[device].reachable = False
    world = await bench.add(device)
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert (presence.last_error.code, presence.last_error.reason) == (503, "unreachable")
    assert presence.retry_at is not None
    await eventually(lambda: len(world.attempts) >= 3)
    world.reachable = True
    await bench.shown(device)


async def test_a_lost_session_is_replaced_and_says_why_it_ended(bench, device):
    await bench.connector()
    world = await bench.add(device)
    first = await bench.shown(device)
    world.reachable = False
    world.drop(EndReason.KEEPALIVE_LOST)
    presence = await bench.shown(device, lambda p: not p.online and p.last_error is not None)
    assert presence.last_error.reason in ("keepalive-lost", "unreachable")
    assert presence.since > first.since
    world.reachable = True
    await bench.shown(device)
    assert world.most_sessions == 1


@pytest.mark.parametrize(("steady_s", "longest_s"), [(0.0, 0.1), (60.0, 60.0)])
async def test_the_pauses_begin_anew_after_long_enough_online_and_no_sooner(
    bench, device, monkeypatch, eventually, steady_s, longest_s
):
    policy = BackoffPolicy(first_s=0.05, steady_s=steady_s)
    monkeypatch.setattr(ConnectorSettings, "backoff", policy)
    pauses, delay = [], DialledUnit._delay
    monkeypatch.setattr(DialledUnit, "_delay", lambda *told: pauses.append(delay(*told)) or pauses[-1])
    bench.world[device].reachable = False
    await bench.connector()
    world = await bench.add(device)
    await eventually(lambda: pauses and pauses[-1] > 0.3)
    world.reachable = True
    await bench.shown(device)
    before = len(pauses)
    world.drop()
    await eventually(lambda: len(pauses) > before)
    assert (pauses[before] > 0.3) is (steady_s > 0)
    assert pauses[before] < longest_s


async def test_a_device_that_can_not_be_spoken_with_is_left_alone_as_one_that_refuses(bench, device):
    await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    world.drop(EndReason.UNSUPPORTED)
    presence = await bench.shown(device, lambda p: not p.online and p.retry_at is not None)
    assert presence.state is DeviceState.UNSUPPORTED
    assert (presence.retry_at - presence.last_error.at).total_seconds() >= 59.9


async def test_a_wrong_password_is_shown_and_not_tried_again(bench, device):
    await bench.connector()
    reference = await bench.credential(f"c-{device}", "wrong")
    bench.world[device].password = "right"
    world = await bench.add(device, credentials=reference)
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert presence.state is DeviceState.CREDENTIALS_REJECTED
    assert (presence.last_error.code, presence.last_error.reason) == (401, "wrong-password")
    assert (presence.retry_at - presence.last_error.at).total_seconds() >= 59.9
    assert world.passwords == ["wrong"]
    assert "wrong" not in presence.model_dump_json().replace("wrong-password", "")


async def test_a_changed_password_is_tried_at_once(bench, device):
    await bench.connector()
    reference = await bench.credential(f"c-{device}", "wrong")
    bench.world[device].password = "right"
    world = await bench.add(device, credentials=reference)
    await bench.shown(device, lambda p: p.last_error is not None)
    await bench.credential(reference.name, "right")
    await bench.shown(device)
    assert world.passwords == ["wrong", "right"]


async def test_a_refused_password_that_is_sealed_anew_is_not_tried_again(bench, device, eventually):
    """As when the key of all that is sealed is changed: thousands of devices would be tried at once."""
    service = (await bench.connector()).service
    reference = await bench.credential(f"c-{device}", "wrong")
    bench.world[device].password = "right"
    world = await bench.add(device, credentials=reference)
    await bench.shown(device, lambda p: p.last_error is not None)
    before = service.credentials.written(reference.name)
    await bench.credential(reference.name, "wrong")
    await eventually(lambda: service.credentials.written(reference.name) > before)
    await bench.credential(reference.name, "right")
    await bench.shown(device)
    assert world.passwords == ["wrong", "right"]


async def test_a_password_that_is_changed_while_the_old_one_is_tried_is_tried_at_once(
    bench, device, eventually
):
    service = (await bench.connector()).service
    reference = await bench.credential(f"c-{device}", "wrong")
    bench.world[device].password = "right"
    bench.world[device].hesitates = asyncio.Event()
    world = await bench.add(device, credentials=reference)
    await eventually(lambda: world.passwords == ["wrong"])
    before = service.credentials.written(reference.name)
    await bench.credential(reference.name, "right")
    await eventually(lambda: service.credentials.written(reference.name) > before)
    world.hesitates.set()
    await bench.shown(device)
    assert world.passwords == ["wrong", "right"]


async def test_a_password_and_the_one_before_it_count_as_two_wrong_logins(bench, device):
    await bench.connector()
    name = f"c-{device}"
    both = Credentials(username="admin", password="wrong", previous_password="wrong-too")
    await bench.sealed.put(name, bench.keys.seal(both, name))
    bench.world[device].password = "right"
    world = await bench.add(device, credentials={"name": name})
    await bench.shown(device, lambda p: p.last_error is not None)
    assert world.passwords == ["wrong", "wrong-too"]
    unit = bench.connectors["replica-1"].service.fleet.units[device]
    assert unit._backoff.refused(2) == 1800


async def test_a_restart_does_not_try_a_refused_password_again(bench, device):
    first = await bench.connector()
    reference = await bench.credential(f"c-{device}", "wrong")
    bench.world[device].password = "right"
    world = await bench.add(device, credentials=reference)
    await bench.shown(device, lambda p: p.last_error is not None)
    await first.stop()
    await bench.connector("replica-2")
    await bench.shown(device, lambda p: p.replica == "replica-2")
    await bench.credential(reference.name, "right")
    await bench.shown(device)
    assert world.passwords == ["wrong", "right"]


async def test_missing_credentials_are_waited_for(bench, device):
    await bench.connector()
    await bench.add(device, credentials={"name": f"c-{device}"})
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert presence.last_error.reason == "credentials-missing"
    await bench.credential(f"c-{device}", "any")
    await bench.shown(device)


async def test_an_unknown_option_is_named_in_presence(bench, device):
    await bench.connector()
    await bench.add(device, options={"sped": 2})
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert (presence.last_error.code, presence.last_error.reason) == (400, "invalid-record")
    assert "sped" in presence.last_error.text
    await bench.add(device, options={"speed": 2})
    await bench.shown(device)


class AnyRecord(Message):
    id: str
    protocol: str
    address: int


async def test_a_record_nobody_can_read_is_reported_and_harms_no_other(bench, device, unique):
    await bench.connector()
    bad = KeyValue(bench.bus, KV_DEVICES, AnyRecord)
    await bad.put(device, AnyRecord(id=device, protocol=bench.protocol, address=5))
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert presence.last_error.reason == "invalid-record"
    assert "address" in presence.last_error.text
    await bench.add(f"{unique}-good")
    await bench.shown(f"{unique}-good")


async def test_presence_left_behind_by_a_crash_is_put_right_by_the_next_owner(bench, device):
    crashed = await bench.connector("replica-1", lease_ttl_s=2)
    world = await bench.add(device)
    before = await bench.shown(device)
    await crashed.crash()
    world.reachable = False
    assert (await bench.presence.get(device)).value.online
    await bench.connector("replica-2", lease_ttl_s=2)
    presence = await bench.shown(device, lambda p: not p.online)
    assert presence.replica == "replica-2"
    assert presence.epoch > before.epoch


async def test_presence_of_devices_that_were_removed_meanwhile_is_swept(bench, device):
    crashed = await bench.connector("replica-1")
    await bench.add(device)
    await bench.shown(device)
    await crashed.crash()
    await bench.devices.delete(device)
    await bench.connector("replica-2")
    await bench.forgotten(device)
