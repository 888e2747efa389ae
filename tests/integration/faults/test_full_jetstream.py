"""The disk under JetStream runs full: events wait on ours, and arrive in order once there is room again."""

import asyncio
from datetime import UTC, datetime

import pytest
from mounts import MountError, mounted

from cambus.bus.assets import STREAMS, ensure_stream, stream_config
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.outbox import Outbox
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.follow import follow
from cambus.schemas import assets
from cambus.schemas.catalog import EVENTS
from cambus.schemas.ids import new_ulid

MIB = 1024 * 1024
OFFLINE = EVENTS["device.offline"]


@pytest.fixture
def small_disk(tmp_path):
    try:
        with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=16m", "tmpfs") as folder:
            yield folder
    except MountError as error:
        pytest.skip(f"no file system can be mounted: {error}")


@pytest.fixture
async def server(small_disk):
    async with NatsServer(store=small_disk / "jetstream") as running:
        yield running


@pytest.fixture
async def bus(server):
    async with await Bus.connect(BusSettings(nats_url=server.url)) as connection:
        asset, subject = STREAMS[assets.STREAM_EVENTS]
        config = stream_config(asset, subject, 1) | {"max_bytes": 8 * MIB}
        await ensure_stream(connection, config)
        yield connection


def fill(disk):
    """Leave not a byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        size = MIB
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return filler


async def test_events_wait_out_a_full_disk_and_arrive_in_order(bus, server, small_disk, tmp_path):
    outbox = Outbox(tmp_path / "outbox.db")
    published = []

    async def publish(count):
        for _ in range(count):
            event = OFFLINE.model(
                id=new_ulid(),
                device="gate-1",
                protocol="dvrip",
                at=datetime.now(UTC),
                reason="lost",
                text="x" * 500,
            )
            await events.publish(
                OFFLINE, event
            )  # returns: it is safe on our disk, whatever becomes of theirs
            published.append(event.id)

    async with EventPublisher(bus, outbox) as events:
        await publish(20)
        assert await events.flush(60)
        filler = fill(small_disk)
        while "no space left" not in server.log_text:  # what it had room for still went through
            await publish(20)
        assert not await events.flush(0.5)
        filler.unlink()
        await server.restart()  # it stays broken until then
        assert await events.flush(60)
    arrived = []
    async with asyncio.timeout(60):
        async for received in follow(bus, after_seq=0):
            arrived.append(received.event.id)
            if arrived[-1] == published[-1]:
                break
    assert arrived == published
