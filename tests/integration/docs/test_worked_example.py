"""The connector that the page on adding a protocol builds, run as it stands there."""

import asyncio
import importlib.util
from contextlib import asynccontextmanager

import pytest
from console_blocks import Written, steps
from documented import ROOT

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.connector.settings import ConnectorSettings
from cambus.connector.testing import RunningConnector
from cambus.schemas.assets import KV_DEVICES, KV_PRESENCE
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import ptz
from cambus.schemas.errors import DeviceRefused, Unsupported
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

PAGE = ROOT / "docs" / "how-to" / "add-a-protocol.md"


@pytest.fixture
def turntable(tmp_path):
    """The module of the page."""
    parts = [
        step.text
        for step in steps(PAGE)
        if isinstance(step, Written) and step.name.startswith("turntable.py")
    ]
    assert len(parts) == 2
    file = tmp_path / "turntable.py"
    file.write_text("\n\n".join(parts))
    spec = importlib.util.spec_from_file_location("turntable_of_the_page", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def device(heard):
    """A turntable that turns up to half its speed; its port."""

    async def serve(reader, writer):
        while line := (await reader.readline()).decode().strip():
            heard.append(line)
            name, _, value = line.partition(" ")
            answer = "T-1" if name == "HELLO" else "OK" if float(value) <= 0.5 else "E7"
            writer.write(f"{answer}\n".encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def presence_like(bus, name, wanted):
    """Wait for a presence as it is wanted."""
    async with asyncio.timeout(60):
        async for _, entry in KeyValue(bus, KV_PRESENCE, Presence).watch(name):
            if entry is not None and wanted(entry.value):
                return entry.value
    raise AssertionError("the bucket is no longer watched")


async def test_the_connector_of_the_page_puts_a_device_on_the_bus(turntable, tmp_path):
    heard = []
    with NatsServer() as nats:
        settings = ConnectorSettings(
            nats_url=nats.url, instance="turntable-0", data_dir=tmp_path, http_port=0
        )
        running = RunningConnector(turntable.TurntableConnector, settings)
        async with (
            device(heard) as port,
            await Bus.connect(BusSettings(nats_url=nats.url), name="test") as bus,
        ):
            await ensure_assets(bus)
            records, client = KeyValue(bus, KV_DEVICES, DeviceRecord), BusClient(bus)
            async with running:
                for name, address in (("table", f"127.0.0.1:{port}"), ("broken", "nowhere")):
                    await records.put(name, DeviceRecord(id=name, protocol="turntable", address=address))
                online = await presence_like(bus, "table", lambda presence: presence.online)
                assert online.model == "T-1"
                broken = await presence_like(bus, "broken", lambda presence: presence.last_error)
                assert "wanted HOST:PORT" in broken.last_error.text

                await client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=0.5), device="table")
                assert heard[-1] == "TURN 0.5"
                with pytest.raises(DeviceRefused, match="does not turn") as refused:
                    await client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0), device="table")
                assert refused.value.device_code == "E7"
                with pytest.raises(Unsupported):
                    await client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, tilt=0.5), device="table")
                with pytest.raises(Unsupported):
                    await client.call(
                        device_commands.REBOOT,
                        device_commands.DeviceRebootRequest(confirm=True),
                        device="table",
                    )
            await presence_like(bus, "table", lambda presence: not presence.online)
