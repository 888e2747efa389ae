"""What the bus hears of devices."""

import contextlib
import sqlite3

import pytest
from connector_bench import Heard

from cambus.bus.outbox import ROOM_BYTES
from cambus.bus.sqlite_room import room_in
from cambus.schemas.commands import live


@pytest.fixture
async def heard(bench, device):
    await bench.connector()
    async with Heard(bench.bus, device) as events:
        yield events


async def test_online_and_offline_are_told_with_owner_and_reason(bench, device, heard):
    world = await bench.add(device)
    online = await heard.until("device.online")
    assert (online.replica, online.connection, online.model) == ("replica-1", "dialled", "M1")
    assert online.epoch > 0
    await bench.shown(device)
    world.drop()
    offline = await heard.until("device.offline")
    assert offline.reason == "connection-lost"
    assert offline.online_s >= 0


async def test_a_refused_credential_is_told_without_the_secret(bench, device, heard):
    bench.world[device].password = "right"
    await bench.add(device, credentials=await bench.credential(f"c-{device}", "hunter2"))
    refused = await heard.until("device.auth-failed")
    assert (refused.reason, refused.direction) == ("wrong-password", "to-device")
    assert "hunter2" not in refused.model_dump_json()


async def test_another_model_behind_the_address_is_told(bench, device, heard):
    world = await bench.add(device)
    await bench.shown(device)
    world.model = "M2"
    world.channels = 2
    world.drop()
    changed = await heard.until("device.changed")
    assert [(c.field, c.before, c.after) for c in changed.changes][:1] == [("model", "M1", "M2")]
    channel = await heard.until("channel.changed")
    assert (channel.channel, channel.change) == (1, "added")


async def test_streams_that_open_and_close_are_told(bench, device, heard):
    await bench.add(device)
    await bench.shown(device)
    request = live.LiveStartRequest(channel=0, stream="sub", claimant="viewer")
    reply = await bench.client.call(live.START, request, device=device)
    started = await heard.until("live.started")
    assert (started.channel, started.stream, started.codec) == (0, "sub", "h264")
    assert started.subject == reply.subject
    stop = live.LiveStopRequest(channel=0, stream="sub", claimant="viewer")
    await bench.client.call(live.STOP, stop, device=device)
    stopped = await heard.until("live.stopped")
    assert (stopped.stream, stopped.reason) == ("sub", "unclaimed")


async def test_there_is_room_for_events_while_nothing_is_free_on_the_disk(bench, tmp_path):
    connector = await bench.connector()
    await connector.stop()
    (outbox,) = tmp_path.glob("*.outbox")
    with contextlib.closing(sqlite3.connect(outbox)) as database:
        assert room_in(database) >= ROOM_BYTES
