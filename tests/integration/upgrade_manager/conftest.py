"""A NATS server of its own for every test, an image, devices behind a connector, and a manager."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from upgrade_rig import Campaigns, FakeConnector, FakeDevice

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.testing import NatsServer
from cambus.upgrade_manager.settings import UpgradeManagerSettings

Connect = Callable[..., Awaitable[FakeConnector]]


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """Campaigns are the server's, not the test's."""
    with NatsServer(sync_interval="2m") as server:
        yield server


@pytest.fixture
async def campaigns(bus: Bus, nats_server: NatsServer) -> AsyncIterator[Campaigns]:
    await ensure_assets(bus)
    settings = UpgradeManagerSettings(
        nats_url=nats_server.url,
        instance="manager-1",
        look_interval_s=0.05,
        silence_s=0.2,
        settle_s=0.4,
        device_deadline_s=600.0,
        lease_ttl_s=2.0,
    )
    found = Campaigns(bus, settings)
    await found.store_image()
    yield found
    await found.close()


@pytest.fixture
async def connect(campaigns: Campaigns, nats_server: NatsServer) -> AsyncIterator[Connect]:
    """Starts a connector with devices; `gate-1` alone when none are named."""
    connectors: list[FakeConnector] = []

    async def start(*devices: FakeDevice, online: bool = True) -> FakeConnector:
        found = devices or (FakeDevice("gate-1"),)
        connector = FakeConnector(nats_server.url, campaigns.settings, found)
        connectors.append(connector)
        return await connector.start(online=online)

    yield start
    for connector in connectors:
        await connector.stop()
