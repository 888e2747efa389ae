"""The promise "nothing lost" under kill -9 of the publisher and of NATS, checked from the history."""

import asyncio
import os
import sys

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.outbox import Outbox
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.follow import follow

PUBLISHER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.outbox import Outbox
from cambus.bus.settings import BusSettings
from cambus.schemas.catalog import EVENTS
from cambus.schemas.ids import new_ulid

OFFLINE = EVENTS["device.offline"]

async def main(url, path):
    bus = await Bus.connect(BusSettings(nats_url=url))
    async with EventPublisher(bus, Outbox(Path(path))) as events:

        async def publish(lane):
            while True:
                event = OFFLINE.model(id=new_ulid(), device=f"gate-{lane}", protocol="dvrip",
                                      at=datetime.now(UTC), reason="lost", text="x")
                await events.publish(OFFLINE, event)
                print(event.id, flush=True)  # from here on it may not be lost

        await asyncio.gather(*(publish(lane) for lane in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


async def publish_and_die(url, path, count, at_half):
    """Let a process publish; kill it once it has promised `count` events. Returns the promised ids."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PUBLISHER, url, str(path), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    promised = []
    for number in range(count):
        if number == count // 2:
            await at_half()
        promised.append((await process.stdout.readline()).decode().strip())
    process.kill()
    promised += (await process.stdout.read()).decode().split("\n")[:-1]  # the last may be cut off
    await process.wait()
    assert all(len(item) == 26 for item in promised)
    return promised


@pytest.mark.parametrize("nats", ["stays", "is killed too"])
async def test_every_event_that_was_promised_arrives(tmp_path, nats):
    async def restart_nats():
        if nats != "stays":
            await server.restart()

    path = tmp_path / "outbox.db"
    promised = []
    async with NatsServer() as server:
        async with await Bus.connect(BusSettings(nats_url=server.url)) as bus:
            await ensure_assets(bus)
        for round_ in range(4):
            promised += await publish_and_die(server.url, path, 50 + 100 * round_, restart_nats)
        async with await Bus.connect(BusSettings(nats_url=server.url)) as bus:
            async with EventPublisher(bus, Outbox(path)) as events:
                assert await events.flush(60)
            missing, seen = set(promised), []
            async with asyncio.timeout(60):
                async for received in follow(bus, after_seq=0):
                    seen.append(received.event.id)
                    missing.discard(received.event.id)
                    if not missing:
                        break
    assert len(set(seen)) == len(seen)  # within the duplicate window JetStream has each once
