"""A process that stands still takes no commands for long: the server drops it, and who has the device answers."""

import asyncio
import os
import signal
import sys

import pytest

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.cli.stack.stack import NATS_SETTINGS
from cambus.client.calling import BusClient
from cambus.schemas.commands import ptz
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Done

HOLDER = """
import asyncio, sys
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings

async def main(url):
    async with await Bus.connect(BusSettings(nats_url=url), name="frozen") as bus:
        await bus.nc.subscribe("cambus.v1.cmd.gate-1.>", queue="gate-1")
        await bus.flush()
        print("holds", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def server():
    async with NatsServer(config={**NATS_SETTINGS, "ping_interval": "1s"}) as running:
        yield running


@pytest.fixture
async def frozen(server):
    """A process that holds the device, and stands still."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, server.url, stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    await process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    yield process
    process.kill()
    await process.communicate()


async def test_commands_reach_who_has_the_device_now_and_not_who_stands_still(server, frozen, eventually):
    async def move(context, request):
        return Done()

    async with await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        endpoints = Endpoints(bus, "doorbell", "1")
        endpoints.add(ptz.MOVE, move)
        await endpoints.start()
        await endpoints.hold("gate-1")
        client = BusClient(bus)

        async def all_answered():
            try:
                for _ in range(20):
                    await client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0), device="gate-1", timeout_s=0.5)
            except CambusError:
                return False
            return True

        await eventually(all_answered, within_s=60)
        await endpoints.drain(timeout_s=1.0)
