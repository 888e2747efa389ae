"""The real connector, a real NATS server and simulated GB/T 28181 devices, all in the test's own process."""

import asyncio
import secrets
from types import MappingProxyType

import pytest
from connector_bench import ConnectorBench, running_bench
from connector_process import launcher
from gb28181_rig import SMALL
from ports import free_port

from cambus.bus.testing import NatsServer
from cambus.client.kv import KeyValue
from cambus.connector_gb28181.service import Gb28181Connector
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.registrations import Registration
from cambus.simulators.gb28181.simulator import Gb28181Simulator

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
PASSWORD = "c4nary-passw0rd"


class Bench(ConnectorBench):
    """Connectors for GB/T 28181, and devices that register with them."""

    defaults = MappingProxyType(
        {**ConnectorBench.defaults, "gb28181_port": 0, "gb28181_media_allow_loopback": True}
    )

    def __init__(self, bus, nats, folder):
        super().__init__(bus, nats, folder, Gb28181Connector, Gb28181Settings)
        self.registrations = KeyValue(bus, KV_REGISTRATIONS, Registration)

    async def add(self, device, code=CAMERA, *, password=PASSWORD, options=None, **fields):
        """Write a device's record, with credentials of its own."""
        credentials = await self.credential(f"c-{device}", password)
        values = {"id": device, "protocol": "gb28181", "credentials": credentials, **fields}
        await self.devices.put(device, DeviceRecord(**values, options={"code": code, **(options or {})}))
        for connector in self.connectors.values():
            while connector.service.inbound.record(code) is None:  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.01)

    async def simulator(self, code=CAMERA, instance=None, **options):
        """A device that registers with a connector."""
        connector = self.connectors[instance or next(iter(self.connectors))]
        options = {"password": PASSWORD, "media": SMALL, "seed": 1, **options}
        server = ("127.0.0.1", connector.service.signalling.platform.port)
        return await self.enter(Gb28181Simulator(server=server, server_code=SERVER, code=code, **options))

    async def online(self, device="gate", code=CAMERA, *, record=None, **options):
        """Start a connector if there is none, add a device and wait until its channels are there; returns it."""
        if not self.connectors:
            await self.connector()
        await self.add(device, code, **(record or {}))
        simulator = await self.simulator(code, **options)
        await self.shown(device, lambda presence: presence.online and presence.channels)
        return simulator

    async def listed(self, count=1, device="gate"):
        """Wait until a device shows so many channels."""
        return await self.shown(device, lambda presence: presence.online and len(presence.channels) == count)

    async def close(self):
        await super().close()
        for key in await self.registrations.keys():
            await self.registrations.delete(key)


@pytest.fixture(scope="session")
def gb28181_nats():
    """A server of these tests' own: every connector on it takes every device there is."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def gate():
    """The id of a device no other test has: events of all tests are in one stream."""
    return f"gate-{secrets.token_hex(4)}"


@pytest.fixture
def patience_s():
    """How long a test may take; those of many devices say more."""
    return 90


@pytest.fixture
async def bench(gb28181_nats, tmp_path, bus_settings, patience_s):
    settings = bus_settings.model_copy(update={"nats_url": gb28181_nats.url})
    async with running_bench(lambda bus: Bench(bus, gb28181_nats, tmp_path), settings, patience_s) as made:
        yield made


@pytest.fixture
async def start(bench, tmp_path):
    """Starts connector processes; what still runs at the end is killed."""
    async with launcher("cambus.connector_gb28181", bench, tmp_path) as launch:
        yield launch


@pytest.fixture
def port():
    """A port of SIP for a process, which takes it soon."""
    return free_port()


@pytest.fixture
async def call(bench):
    """Calls a command of the device `gate`: a request, or the fields of one."""

    async def command(spec, request=None, timeout_s=None, **fields):
        request = request or spec.request(**fields)
        return await bench.client.call(spec, request, device="gate", timeout_s=timeout_s)

    return command
