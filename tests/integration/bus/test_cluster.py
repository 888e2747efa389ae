"""What three servers promise: a leader that is killed costs no lease and no event."""

import asyncio
from datetime import UTC, datetime

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.leases import LeaseKeeper
from cambus.bus.outbox import Outbox
from cambus.bus.settings import BusSettings
from cambus.bus.testing_cluster import NatsCluster
from cambus.schemas.catalog import EVENTS
from cambus.schemas.ids import new_ulid

pytestmark = pytest.mark.slow
OFFLINE = EVENTS["device.offline"]


@pytest.fixture
async def cluster():
    async with NatsCluster() as servers:
        yield servers


@pytest.fixture
async def replicated(cluster):
    settings = BusSettings(nats_url=cluster.url, jetstream_replicas=3, instance="replica-1")
    async with await Bus.connect(settings) as bus:
        await ensure_assets(bus)
        yield bus


async def test_a_killed_leader_costs_no_lease(cluster, replicated, eventually):
    lost = []
    keeper = LeaseKeeper(replicated, on_lost=lost.append)
    leases = [await keeper.acquire(f"shard.dvrip.{number}") for number in range(20)]
    keeping = asyncio.ensure_future(keeper.run())
    cluster.servers[await cluster.leader(replicated, "KV_cambus-leases")].kill()
    before = [lease.revision for lease in leases]
    await eventually(
        lambda: all(lease.revision > old for lease, old in zip(leases, before, strict=True)), within_s=60
    )
    assert lost == []
    assert all(keeper.valid(lease.key) for lease in leases)
    keeping.cancel()
    await asyncio.wait({keeping})


async def test_a_killed_leader_costs_no_event(cluster, replicated, tmp_path):
    async with EventPublisher(replicated, Outbox(tmp_path / "outbox.db")) as publisher:
        for number in range(300):
            if number == 150:
                cluster.servers[await cluster.leader(replicated, "CAMBUS_EVENTS")].kill()
            event = OFFLINE.model(
                id=new_ulid(),
                device="gate-1",
                protocol="dvrip",
                at=datetime.now(UTC),
                reason="lost",
                text="x",
            )
            await publisher.publish(OFFLINE, event)
        assert await publisher.flush(60)
    info = await replicated.jetstream.call("STREAM.INFO.CAMBUS_EVENTS")
    assert info["state"]["messages"] == 300
