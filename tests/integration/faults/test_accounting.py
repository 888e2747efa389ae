"""Alarms flood in while everything they pass is killed by chance; every single one is accounted for.

What a device was told is heard arrives, once, and in the order of its pairing key. Devices are killed as well. One that
keeps its reports tells again what nobody had heard, under the number and the time it had, and that counts as told once.
What one that forgets had told and was not told is heard was never accepted: it may have arrived, once, or not.

A run prints its seed: `CAMBUS_CHAOS_SEED` repeats what it did, `CAMBUS_CHAOS_MINUTES` makes the long form longer than
its three minutes.
"""

import asyncio
import os
import secrets
import time

import pytest
from accounting_rig import world
from connector_process import launcher
from fault_actors import InItsOwn, InProcess

from cambus.bus.testing import NatsServer
from cambus.bus.testing_cluster import NatsCluster
from cambus.connector.testing import RunningConnector
from cambus.connector_dvrip.service import DvripConnector
from cambus.connector_dvrip.settings import DvripSettings
from cambus.connector_gb28181.service import Gb28181Connector
from cambus.connector_gb28181.settings import Gb28181Settings


async def storm(made, seed, doings):
    """Let devices report while one thing after the other is done; then see to the books.

    Where another replica takes a device over, what it hears waits for what the dead one may have on its disk.
    """
    print(f"seed {seed}")
    await made.begin(made.stack)
    enough = asyncio.Event()
    floods = [asyncio.create_task(flood.run(enough)) for flood in (*made.dvrip, *made.gb28181)]
    try:
        await made.more()
        for doing in doings:
            await doing()
            await made.more()
        await made.settle(floods, enough)
        ledger = made.ledger
        print(
            f"{len(ledger.told)} told, {len(ledger.heard)} heard, {ledger.repeats} repeats, "
            f"{len(ledger.forgotten)} forgotten, {len(made.taken_over())} shards taken over, "
            f"load {os.getloadavg()[0]:.1f}"
        )
        assert ledger.problems()[:10] == [], f"seed {seed}"
        assert ledger.unanswered == set()
        assert await made.router.dead_letters() == []
    finally:
        for flood in floods:
            flood.cancel()
        await asyncio.wait(floods)


def the_seed():
    return int(os.environ.get("CAMBUS_CHAOS_SEED", secrets.randbits(32)))


def connector_in_process(made, kind, settings, instance, **more):
    return InProcess(lambda: RunningConnector(kind, settings(**made.environment(instance), **more)))


@pytest.mark.timeout(400)
async def test_every_alarm_arrives_once_and_in_order_whatever_is_killed(tmp_path):
    seed = the_seed()
    async with NatsServer() as nats, world(nats, tmp_path, seed, dvrip=2, gb28181=1, pause_s=0.05) as made:
        made.actors = {
            "connector-dvrip": connector_in_process(made, DvripConnector, DvripSettings, "dvrip-1"),
            "connector-gb28181": connector_in_process(
                made, Gb28181Connector, Gb28181Settings, "gb28181-1", **made.sip()
            ),
            "router": InProcess(made.router.in_process),
        }
        await made.in_its_own("dvrip", 2, keeps=True, pause_s=0.05)
        doings = [
            made.a_service_is_killed,
            made.two_services_are_killed,
            made.nats_is_away,
            made.the_receiver_refuses,
            made.a_device_is_cut_off,
            made.a_device_is_killed,
        ]
        made.chance.shuffle(doings)
        await storm(made, seed, doings)


def by_chance(made, minutes):
    """One thing after the other, for so long."""
    doings = [
        made.a_service_is_killed,
        made.a_service_is_killed,
        made.two_services_are_killed,
        made.a_service_is_frozen,
        made.nats_is_away,
        made.a_nats_node_is_killed,
        made.the_receiver_refuses,
        made.a_device_is_cut_off,
        made.a_device_is_killed,
        made.a_device_is_killed,
    ]
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        yield made.chance.choice(doings)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("lease_ttl_s", [25, 3], ids=["back within its lease", "taken over"])
async def test_every_alarm_of_minutes_of_kills_is_accounted_for(tmp_path, lease_ttl_s):
    """Processes and a cluster: two replicas of the DVRIP connector, one of GB/T 28181, two routers, four devices."""
    seed, minutes = the_seed(), float(os.environ.get("CAMBUS_CHAOS_MINUTES", "3"))
    async with (
        NatsCluster() as nats,
        world(nats, tmp_path, seed, dvrip=4, gb28181=2, pause_s=0.02, lease_ttl_s=lease_ttl_s) as made,
        launcher("cambus.connector_dvrip", made, tmp_path) as dvrip,
        launcher("cambus.connector_gb28181", made, tmp_path) as gb28181,
        launcher("cambus.alarm_router", made, tmp_path) as router,
    ):
        launches = {
            "connector-dvrip-1": dvrip,
            "connector-dvrip-2": dvrip,
            "connector-gb28181-1": gb28181,
            "router-1": router,
            "router-2": router,
        }
        for kind, number in (("dvrip", 4), ("gb28181", 2)):
            await made.in_its_own(kind, number, keeps=True, pause_s=0.02)
            await made.in_its_own(kind, number + 1, keeps=False, pause_s=0.02)
        made.actors = {name: InItsOwn(made.launching(launch, name)) for name, launch in launches.items()}
        await storm(made, seed, by_chance(made, minutes))
