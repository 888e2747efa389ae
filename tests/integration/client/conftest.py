"""A server with everything Cambus keeps in JetStream, and endpoints that stand in for a connector."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from bus_camera import BusCamera

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client import Cambus


@pytest.fixture(scope="module")
def nats_server() -> Iterator[NatsServer]:
    """A server of this module's own with all assets: its streams are its own."""
    with NatsServer() as server:
        asyncio.run(_make_assets(server))
        yield server


async def _make_assets(server: NatsServer) -> None:
    async with await Bus.connect(BusSettings(nats_url=server.url), name="setup") as bus:
        await ensure_assets(bus)


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """The connection of whoever answers and tells."""
    async with await Bus.connect(BusSettings(nats_url=nats_server.url, instance="r1"), name="test") as bus:
        yield bus


@pytest.fixture
async def endpoints(bus: Bus) -> AsyncIterator[Endpoints]:
    """Commands that are answered, once `start` was called."""
    endpoints = Endpoints(bus, "connector-test", "1.2.3")
    yield endpoints
    await endpoints.drain(timeout_s=5.0)


@pytest.fixture
async def cambus(bus: Bus, nats_server: NatsServer) -> AsyncIterator[Cambus]:
    """The client."""
    async with Cambus.connect(nats_server.url) as cambus:
        yield cambus


@pytest.fixture
async def gate(bus: Bus, endpoints: Endpoints, device: str) -> BusCamera:
    """A camera nobody else has, under a name of its own."""
    camera = BusCamera(bus, endpoints, device)
    await camera.start()
    return camera
