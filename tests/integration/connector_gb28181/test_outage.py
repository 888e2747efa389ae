"""The bus goes away and comes back, and replicas come and go: devices notice as little as possible (GB-265, GB-266)."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from cambus.bus.testing import NatsServer
from cambus.client.kv import KeyValue
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent
from cambus.schemas import keys
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.commands import device as commands
from cambus.schemas.errors import Offline
from cambus.schemas.model import Empty
from cambus.schemas.state.registrations import KnownDevice

SECOND = "34020000001320000002"


@pytest.fixture
def gb28181_nats():
    """A server that can be killed: it serves this test alone."""
    with NatsServer() as server:
        yield server


async def has_answered(simulator, beats):
    """Wait until so many further messages of the device were answered."""
    wanted = len(simulator.heard("200 MESSAGE")) + beats
    await simulator.wait_for(lambda: len(simulator.heard("200 MESSAGE")) >= wanted, timeout_s=60)


async def answers(bench):
    """Wait until the connector has found the bus again as well."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Offline):
                await bench.client.call(commands.INFO, Empty(), device="gate")
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("beats", [5, 50], ids=["short", "longer than a lease"])
async def test_without_the_bus_devices_are_answered_and_none_flaps(bench, beats):
    await bench.connector(lease_ttl_s=3, lease_margin_s=0.5)
    simulator = await bench.online("gate", keepalive_s=0.1)
    registered = len(simulator.said("REGISTER"))
    bench.nats.kill()
    await has_answered(simulator, beats)
    await bench.nats.start()
    await bench.bus.wait_connected(60)
    await answers(bench)
    assert len(simulator.said("REGISTER")) == registered
    heard = await bench.heard("gate")
    await simulator.restart(unregister=True)  # so that there is an end to look for
    assert (await heard.until("device.offline")).reason == "forced-logout"  # the first there is


async def test_who_registers_while_the_bus_is_away_is_there_when_it_is_back(bench):
    await bench.connector()
    await bench.add("gate")
    bench.nats.kill()
    simulator = await bench.simulator(keepalive_s=0.1)
    await simulator.wait_for(lambda: simulator.registered)
    await has_answered(simulator, 3)
    await bench.nats.start()
    await bench.bus.wait_connected(60)
    await bench.shown("gate")
    assert len(simulator.said("REGISTER")) == 2  # with and without proof: it has never had to register again
    entry = await bench.registrations.get("bound.gb28181.34020000001320000001")
    assert entry.value.replica == "replica-1"


async def test_what_a_device_tells_of_itself_while_the_bus_is_away_is_kept_afterwards(bench):
    simulator = await bench.online("gate", "34020000001180000003", profile="hik_nvr", channels=2)
    await bench.session("gate").survey.asked.wait()
    memory, bucket = bench.session("gate").device.memory, KeyValue(bench.bus, KV_REGISTRATIONS, KnownDevice)
    bench.nats.kill()
    item = simulator.device.item(simulator.device.cameras[simulator.channels[1]])
    new = replace(item, code="34020000001310000099")
    simulator.agent.tell(
        catalogs.notify(simulator.agent.next_sn(), simulator.code, [CatalogChange(CatalogEvent.ADD, new)])
    )
    await simulator.wait_for(lambda: memory.overdue, timeout_s=60)
    await bench.nats.start()
    await bench.bus.wait_connected(60)
    await simulator.wait_for(lambda: not memory.overdue, timeout_s=60)
    entry = await bucket.get(keys.known_device("gb28181", "gate"))
    assert entry.value.numbers[new.code] == 2


async def test_a_device_that_registers_with_another_replica_is_commanded_from_there_only(bench):
    await bench.connector("one")
    await bench.connector("two")
    await bench.add("gate")
    first = await bench.simulator(instance="one")
    presence = await bench.shown("gate")
    heard = await bench.heard("gate")
    second = await bench.simulator(instance="two")  # the same device, after its network changed
    await bench.shown("gate", lambda now: now.online and now.replica == "two" and now.epoch > presence.epoch)
    asked = len(first.heard("DeviceInfo"))
    await bench.client.call(commands.INFO, Empty(), device="gate")
    assert second.heard("DeviceInfo")
    assert len(first.heard("DeviceInfo")) == asked
    assert bench.connectors["one"].service.signalling.platform.registrar.binding(first.code) is None
    online = await heard.until("device.online", lambda event: event.replica == "two")
    assert online.epoch > presence.epoch


async def test_the_devices_of_a_dead_replica_are_taken_over_at_their_next_register(bench):
    await bench.connector("one", lease_ttl_s=3, lease_margin_s=0.5)
    await bench.connector("two", lease_ttl_s=3, lease_margin_s=0.5)
    await bench.add("gate")
    await bench.simulator(instance="one")
    await bench.shown("gate", lambda now: now.online and now.replica == "one")
    await bench.connectors["one"].crash()
    await bench.shown("gate", lambda now: not now.online)
    second = await bench.simulator(instance="two")
    await bench.shown("gate", lambda now: now.online and now.replica == "two")
    await bench.client.call(commands.INFO, Empty(), device="gate")
    assert second.heard("DeviceInfo")
