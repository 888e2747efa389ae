"""Which replica holds which device, through starts, stops, crashes and outages, against a real NATS server."""

import asyncio
from datetime import timedelta

import pytest

from cambus.bus import members
from cambus.client.kv import KeyValue
from cambus.connector import service
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.commands import ptz
from cambus.schemas.errors import Offline
from cambus.schemas.state.leases import Lease

LONG_TTL_S = 60
MOVE = ptz.PtzMoveRequest(channel=0)


@pytest.fixture
async def fleet(bench, unique):
    """Thirty devices."""
    devices = [f"{unique}-{number}" for number in range(30)]
    await asyncio.gather(*(bench.add(device) for device in devices))
    return devices


def holders(bench, devices):
    """Who holds a session with each device, as the devices see it."""
    return {device: [session.replica for session in bench.world[device].sessions] for device in devices}


def split_among(bench, devices, *replicas):
    held = list(holders(bench, devices).values())
    return all(len(names) == 1 for names in held) and {names[0] for names in held} == set(replicas)


def most_sessions(bench, devices):
    return max(bench.world[device].most_sessions for device in devices)


@pytest.fixture
async def pair(bench, fleet, eventually):
    """Two replicas that have split the devices, with leases that outlast every test."""
    first = await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await eventually(lambda: split_among(bench, fleet, "replica-1"))
    second = await bench.connector("replica-2", lease_ttl_s=LONG_TTL_S)
    await eventually(lambda: split_among(bench, fleet, "replica-1", "replica-2"))
    return first, second


async def test_two_replicas_split_the_devices(bench, fleet, pair):
    shares = [names[0] for names in holders(bench, fleet).values()]
    assert 5 <= shares.count("replica-1") <= 25
    assert most_sessions(bench, fleet) == 1


async def test_a_newcomer_moves_only_its_share(bench, fleet, pair):
    for device, names in holders(bench, fleet).items():
        assert len(bench.world[device].attempts) == (1 if names == ["replica-1"] else 2)


async def test_a_stop_hands_over_at_once(bench, fleet, pair, eventually):
    await pair[0].stop()
    await eventually(lambda: split_among(bench, fleet, "replica-2"))  # long before a lease runs out
    assert most_sessions(bench, fleet) == 1


async def test_a_handed_over_device_answers_under_its_new_owner(bench, fleet, pair):
    moving = next(device for device, names in holders(bench, fleet).items() if names == ["replica-1"])
    before = (await bench.presence.get(moving)).value
    await pair[0].stop()
    after = await bench.shown(moving, lambda p: p.online and p.replica == "replica-2")
    assert after.epoch > before.epoch
    await bench.client.call(ptz.MOVE, MOVE, device=moving)
    assert bench.world[moving].moves == [MOVE]


async def test_a_restart_under_the_same_name_takes_its_own_back_at_once(bench, fleet, pair, eventually):
    before = holders(bench, fleet)
    await pair[0].crash()
    await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await eventually(lambda: split_among(bench, fleet, "replica-1", "replica-2"))
    assert holders(bench, fleet) == before


async def test_a_crash_is_taken_over_when_the_leases_have_run_out(bench, fleet, eventually):
    first = await bench.connector("replica-1", lease_ttl_s=2)
    await bench.connector("replica-2", lease_ttl_s=2)
    await eventually(lambda: split_among(bench, fleet, "replica-1", "replica-2"))
    epochs = {device: (await bench.presence.get(device)).value.epoch for device in fleet}
    orphans = [device for device, names in holders(bench, fleet).items() if names == ["replica-1"]]
    await first.crash()
    await eventually(lambda: split_among(bench, fleet, "replica-2"))
    for device in orphans:
        presence = await bench.shown(device, lambda p: p.replica == "replica-2" and p.online)
        assert presence.epoch > epochs[device]


async def test_only_shards_with_devices_are_leased(bench, device):
    await bench.connector()
    await bench.add(device)
    await bench.shown(device)
    held = await KeyValue(bench.bus, KV_LEASES, Lease).items(f"shard.{bench.protocol}.*")
    assert [entry.value.holder for entry in held.values()] == ["replica-1"]


async def test_a_younger_process_of_the_same_name_ends_the_older(bench, device, eventually, tmp_path):
    older = await bench.connector("replica-1")
    await bench.add(device)
    await bench.shown(device)
    bench.connectors["older"] = bench.connectors.pop("replica-1")
    await bench.connector("replica-1", data_dir=tmp_path / "another machine")
    await eventually(lambda: older.failure is not None)
    causes = [older.failure]
    while isinstance(causes[-1], BaseExceptionGroup):
        causes.append(causes[-1].exceptions[0])
    assert "CAMBUS_INSTANCE" in str(causes[-1])
    await older.crash()
    await bench.shown(device)


async def test_a_clock_that_was_set_back_between_two_runs_keeps_nobody_out(bench, device, monkeypatch):
    """Which of two processes of one name is the younger, their clocks do not say."""
    older = await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await bench.add(device)
    before = await bench.shown(device)
    await older.crash()

    def this_replica(*names):
        made = members.this_replica(*names)
        return made.model_copy(update={"since": made.since - timedelta(hours=1)})

    monkeypatch.setattr(service, "this_replica", this_replica)
    younger = await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    assert younger.failure is None


async def test_a_replica_that_can_not_be_sure_of_its_lease_refuses_commands(bench, device, monkeypatch):
    connector = await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    monkeypatch.setattr(connector.service.leases, "valid", lambda key: False)
    with pytest.raises(Offline, match="lease"):
        await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert world.moves == []


async def test_leases_that_vanish_from_the_server_disconnect_no_device(bench, device, eventually):
    """As after the server's clock was set forward: it lets go of everything at once."""
    connector = await bench.connector()
    world = await bench.add(device)
    before = await bench.shown(device)
    await bench.bus.jetstream.call(f"STREAM.PURGE.KV_{KV_LEASES}")
    await bench.shown(device, lambda p: p.epoch > before.epoch)
    await eventually(connector.service.fleet.unit(device).owned)
    assert len(world.attempts) == 1


async def test_a_device_is_not_dialled_while_it_is_not_certain_that_it_is_ours(
    bench, device, eventually, monkeypatch
):
    connector = await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    asked = []
    monkeypatch.setattr(connector.service.leases, "valid", asked.append)
    world.drop()
    await eventually(lambda: connector.service.fleet.unit(device).session is None)
    heard = len(asked)
    await eventually(lambda: len(asked) > heard + 2)  # it is looked at, again and again
    assert len(world.attempts) == 1
    monkeypatch.undo()
    await eventually(lambda: len(world.sessions) == 1)


async def test_an_outage_of_nats_disconnects_no_device(bench, own_nats, device, eventually):
    connector = await bench.connector(lease_ttl_s=2)
    world = await bench.add(device)
    before = await bench.shown(device)
    own_nats.kill()
    unit = connector.service.fleet.unit(device)
    await eventually(lambda: not unit.owned())
    await own_nats.restart()
    await eventually(unit.owned)
    assert len(world.attempts) == 1
    after = await bench.shown(device, lambda p: p.epoch > before.epoch)
    assert after.online
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert world.moves == [MOVE]


async def test_a_device_that_goes_during_an_outage_is_shown_so_afterwards(
    bench, own_nats, device, eventually
):
    connector = await bench.connector()
    world = await bench.add(device)
    await bench.shown(device)
    own_nats.kill()
    world.reachable = False
    world.drop()
    await eventually(lambda: connector.service.fleet.unit(device).session is None)
    await own_nats.restart()
    await bench.shown(device, lambda p: not p.online)
