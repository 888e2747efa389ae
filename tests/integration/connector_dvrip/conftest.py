"""The real connector, a real NATS server and simulated recorders, all in the test's own process."""

import asyncio

import pytest
from connector_bench import ConnectorBench, running_bench

from cambus.bus.testing import NatsServer
from cambus.connector_dvrip.service import DvripConnector
from cambus.connector_dvrip.settings import DvripSettings
from cambus.schemas.state.devices import DeviceRecord
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"


class Bench(ConnectorBench):
    """Connectors for DVRIP, and recorders that are dialled or dial."""

    def __init__(self, bus, nats, folder):
        super().__init__(bus, nats, folder, DvripConnector, DvripSettings)

    async def credential(self, name, password=PASSWORD, user=USER):
        return await super().credential(name, password, user)

    async def add(self, device, at, *, password=PASSWORD, **fields):
        """Write a device's record, with credentials of its own."""
        target = at if isinstance(at, str) else f"127.0.0.1:{at.port}"
        record = DeviceRecord(
            **{
                "id": device,
                "protocol": "dvrip",
                "address": target,
                "credentials": await self.credential(f"c-{device}", password),
                **fields,
            }
        )
        await self.devices.put(device, record)

    async def online(self, device, simulator, **fields):
        """Start a connector, add a device to it and wait until it is there."""
        if not self.connectors:
            await self.connector()
        await self.add(device, simulator, **fields)
        return await self.shown(device)

    async def registered(self, device, simulator, identity="123456", **fields):
        """Start a connector that listens, add a device that dials it, and wait until it is there."""
        if not self.connectors:
            await self.connector(dvrip_registration_port=0)
        options = {"device_id": identity, **fields.pop("options", {})}
        await self.add(device, "", address=None, options=options, **fields)
        await self.known(identity)
        self.dial(simulator, identity=identity)
        return await self.shown(device)

    async def known(self, identity, is_known=True):
        """Wait until every connector knows (or has forgotten) who calls itself so."""
        for connector in self.connectors.values():
            known = connector.service.inbound.record
            while (known(identity) is not None) is not is_known:  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.01)

    def dial(self, simulator, instance=None, *, identity="123456", password=PASSWORD, user=USER):
        """Have a recorder dial a connector."""
        connector = self.connectors[instance or next(iter(self.connectors))]
        port = connector.service.registration.port
        simulator.register_with("127.0.0.1", port, user=user, password=password, device_id=identity)


@pytest.fixture(scope="session")
def dvrip_nats():
    """A server of these tests' own: every connector on it takes every device there is."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def patience_s():
    """How long a test may take; those of many devices say more."""
    return 90


@pytest.fixture
async def bench(dvrip_nats, tmp_path, bus_settings, patience_s):
    settings = bus_settings.model_copy(update={"nats_url": dvrip_nats.url})
    async with running_bench(lambda bus: Bench(bus, dvrip_nats, tmp_path), settings, patience_s) as made:
        yield made


@pytest.fixture
async def simulator():
    """A recorder of two cameras: H.264 on the first, H.265 on the second."""
    async with DvripSimulator(user=USER, password=PASSWORD, channels=2, seed=1) as made:
        await made.prepare()  # a busy machine encodes for longer than a command may take
        yield made
