"""An event nobody can handle is given up only once it is kept elsewhere."""

import asyncio
import base64

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.consumer import EventConsumer
from cambus.client.errors import AssetNotFound
from cambus.schemas import assets
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import MSGPACK, decode
from cambus.schemas.state.dead_letters import DeadLetter

POISON = b"{nonsense"
SUBJECT = EVENTS["device.offline"].subject("gate-1")
DURABLE = "tester"


@pytest.fixture
async def bus():
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as connection:
        await ensure_assets(connection)
        yield connection


async def handle(_received):
    raise AssertionError("nobody can read it")


async def unfinished(bus):
    info = await bus.jetstream.call(f"CONSUMER.INFO.{assets.STREAM_EVENTS}.{DURABLE}")
    return info["num_pending"] + info["num_ack_pending"]


async def test_poison_stays_while_there_is_no_room_for_dead_letters(bus, eventually, caplog, monkeypatch):
    monkeypatch.setattr("cambus.client.consumer.NAK_DELAY_S", 0.05)
    await bus.jetstream.call(f"STREAM.DELETE.{assets.STREAM_DEAD_LETTERS}")
    await bus.jetstream.publish(SUBJECT, POISON)
    consumer = EventConsumer(bus, DURABLE, ["cambus.v1.evt.>"], handle)
    running = asyncio.create_task(consumer.run())
    await eventually(lambda: caplog.text.count("a dead letter could not be kept") >= 2)
    assert await unfinished(bus) == 1
    await ensure_assets(bus)

    async def done():
        return await unfinished(bus) == 0

    await eventually(done)
    consumer.stop()
    await running
    letter = await the_letter(bus)
    assert (letter.reason, letter.body) == ("unreadable", POISON)


async def test_poison_that_fills_a_message_is_given_up_as_well(bus, eventually):
    body = b"{" * bus.max_payload
    await bus.jetstream.publish(SUBJECT, body)
    consumer = EventConsumer(bus, DURABLE, ["cambus.v1.evt.>"], handle)
    running = asyncio.create_task(consumer.run())
    await eventually(lambda: the_letter(bus))
    consumer.stop()
    await running
    letter = await the_letter(bus)
    assert (letter.reason, letter.body) == ("unreadable", b"")
    assert f"{len(body)} bytes" in letter.text
    kept = await bus.jetstream.call(f"STREAM.MSG.GET.{assets.STREAM_EVENTS}", {"seq": letter.sequence})
    assert base64.b64decode(kept["message"]["data"]) == body


async def the_letter(bus):
    """The dead letter, if there is one."""
    request = {"last_by_subj": f"cambus.v1.dead.{DURABLE}"}
    try:
        answer = await bus.jetstream.call(f"STREAM.MSG.GET.{assets.STREAM_DEAD_LETTERS}", request)
    except AssetNotFound:
        return None
    return decode(DeadLetter, base64.b64decode(answer["message"]["data"]), MSGPACK)
