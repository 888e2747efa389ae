"""Events from the outbox into JetStream, over faults, and following them."""

import asyncio
from datetime import UTC, datetime

import pytest

from cambus.bus import events
from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.outbox import Letter, Outbox, OutboxFull
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.errors import AssetNotFound, BusUnavailable, PayloadTooLarge
from cambus.client.follow import follow
from cambus.client.trace import TRACEPARENT
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.events.base import Event
from cambus.schemas.ids import new_ulid

OFFLINE = EVENTS["device.offline"]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def offline(device, text="gone"):
    return OFFLINE.model(
        id=new_ulid(), device=device, protocol="dvrip", at=datetime.now(UTC), reason="lost", text=text
    )


async def stored(bus, device):
    """The messages of a device in the stream, oldest first."""
    found = []
    seq = 0
    while True:
        body = {"seq": seq + 1, "next_by_subj": f"cambus.v1.evt.{device}.>"}
        try:
            message = (await bus.jetstream.call("STREAM.MSG.GET.CAMBUS_EVENTS", body))["message"]
        except AssetNotFound:
            return found
        found.append(message)
        seq = message["seq"]


@pytest.fixture
async def assets(bus):
    await ensure_assets(bus)


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox.db")


async def test_an_event_reaches_the_stream_and_leaves_the_outbox(bus, assets, outbox, device):
    async with EventPublisher(bus, outbox) as publisher:
        await publisher.publish(OFFLINE, offline(device), acked=True)
        assert [m["subject"] for m in await stored(bus, device)] == [f"cambus.v1.evt.{device}.device.offline"]
        await outbox.empty.wait()


async def test_the_event_id_is_the_message_id(bus, assets, outbox, device):
    event = offline(device)
    async with EventPublisher(bus, outbox) as publisher:
        await publisher.publish(OFFLINE, event, acked=True)
        await publisher.publish(OFFLINE, event, acked=True)
    assert len(await stored(bus, device)) == 1
    async for received in follow(bus, [f"cambus.v1.evt.{device}.>"], after_seq=0):
        assert received.headers["Nats-Msg-Id"] == event.id
        break


async def test_the_trace_is_passed_on(bus, assets, outbox, device):
    token = TRACEPARENT.set(TRACE)
    async with EventPublisher(bus, outbox) as publisher:
        await publisher.publish(OFFLINE, offline(device), acked=True)
    TRACEPARENT.reset(token)
    async for received in follow(bus, [f"cambus.v1.evt.{device}.>"], after_seq=0):
        assert received.headers["traceparent"] == TRACE
        break


async def test_events_keep_their_order(bus, assets, outbox, device):
    async with EventPublisher(bus, outbox) as publisher:
        for number in range(600):
            await publisher.publish(OFFLINE, offline(device, str(number)), acked=number == 599)
    texts = []
    async for received in follow(bus, [f"cambus.v1.evt.{device}.>"], after_seq=0):
        texts.append(received.event.text)
        if len(texts) == 600:
            break
    assert texts == [str(number) for number in range(600)]


async def test_events_a_crashed_process_left_are_sent_by_the_next(bus, assets, tmp_path, device):
    # A process that has written and not sent: an outbox with nobody who sends.
    events = [offline(device, str(number)) for number in range(3)]
    publisher = EventPublisher(bus, Outbox(tmp_path / "o.db"))
    publisher._send_for_ever = idle
    async with publisher:
        for event in events:
            await publisher.publish(OFFLINE, event)
        publisher.flush = skip
    assert await stored(bus, device) == []
    async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as following:
        assert await following.flush(20)
    assert len(await stored(bus, device)) == 3


async def test_more_than_fits_in_memory_is_read_back_from_disk(bus, assets, outbox, device, monkeypatch):
    monkeypatch.setattr("cambus.bus.events.MAX_FRESH", 10)
    async with EventPublisher(bus, outbox) as publisher:
        await asyncio.gather(
            *(publisher.publish(OFFLINE, offline(device, str(n)), acked=True) for n in range(700))
        )
    assert len(await stored(bus, device)) == 700


async def test_an_overflow_is_counted_reported_and_raised(bus, assets, tmp_path, device):
    reported = []
    outbox = Outbox(tmp_path / "o.db", max_rows=1)
    publisher = EventPublisher(
        bus, outbox, on_overflow=lambda spec, event: reported.append((spec.name, event))
    )
    publisher._send_for_ever = idle
    async with publisher:
        await publisher.publish(OFFLINE, offline(device))
        lost = offline(device)
        with pytest.raises(OutboxFull):
            await publisher.publish(OFFLINE, lost)
        assert reported == [("device.offline", lost)]
        assert b"cambus_events_overflow_total 1.0" in bus.metrics.render()
        publisher.flush = skip


async def test_an_event_larger_than_a_message_is_refused(bus, assets, outbox, device):
    huge = offline(device).model_copy(update={"text": "x" * (bus.max_payload + 1)})
    async with EventPublisher(bus, outbox) as publisher:
        with pytest.raises(PayloadTooLarge):
            await publisher.publish(OFFLINE, huge)
        assert outbox.rows == 0


async def test_events_wait_on_disk_while_nats_is_away_and_arrive_after(tmp_path, device, eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            await publisher.publish(OFFLINE, offline(device, "before"), acked=True)
            server.kill()
            await eventually(lambda: not bus.connected)
            async with asyncio.timeout(10):  # durable on our disk: NATS is not needed for that
                for number in range(20):
                    await publisher.publish(OFFLINE, offline(device, str(number)))
            await server.start()
            assert await publisher.flush(20)
        messages = await stored(bus, device)
        assert len(messages) == 21


async def test_a_stream_that_comes_back_amid_many_events_gets_them_in_order(
    bus, assets, tmp_path, device, monkeypatch
):
    publisher = EventPublisher(bus, Outbox(tmp_path / "o.db"))
    publisher._send_for_ever = idle
    async with publisher:
        for number in range(20):
            await publisher.publish(OFFLINE, offline(device, str(number)))
        publisher.flush = skip
    publish, refused = bus.jetstream.publish, 0

    async def unwell(*arguments, **options):
        nonlocal refused
        if refused < 21:  # the whole first try, and one of the next
            refused += 1
            raise BusUnavailable("no leader")
        return await publish(*arguments, **options)

    monkeypatch.setattr(bus.jetstream, "publish", unwell)
    monkeypatch.setattr(events, "RETRY_FIRST_S", 0.01)
    async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as following:
        assert await following.flush(30)
    texts = []
    async for received in follow(bus, [f"cambus.v1.evt.{device}.>"], after_seq=0):
        texts.append(received.event.text)
        if len(texts) == 20:
            break
    assert texts == [str(number) for number in range(20)]


async def test_a_nats_that_is_back_is_not_kept_waiting(tmp_path, device, eventually, monkeypatch):
    monkeypatch.setattr(events, "RETRY_FIRST_S", 3600.0)  # so that only the reconnect can be what wakes it
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            server.kill()
            await eventually(lambda: not bus.connected)
            monkeypatch.setattr(events, "RETRY_MOST_S", 0.05)  # how long one try waits for the connection
            await publisher.publish(OFFLINE, offline(device))
            await eventually(lambda: b"cambus_events_publish_failures_total 1.0" in bus.metrics.render())
            await server.start()
            assert await publisher.flush(30)
        assert len(await stored(bus, device)) == 1


async def test_a_frozen_nats_loses_nothing(tmp_path, device, eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            server.suspend()
            for number in range(10):
                await publisher.publish(OFFLINE, offline(device, str(number)))
            server.resume()
            assert await publisher.flush(30)
        assert len(await stored(bus, device)) == 10


async def test_what_was_taken_before_can_be_waited_for_however_much_comes_after(tmp_path, device):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            assert await publisher.settled(0.0)
            server.suspend()
            for number in range(10):
                await publisher.publish(OFFLINE, offline(device, str(number)))
            assert not await publisher.settled(0.05)

            async def go_on():
                while True:
                    await publisher.publish(OFFLINE, offline(device, "more"))

            more = asyncio.ensure_future(go_on())
            server.resume()
            assert await publisher.settled(30)
            more.cancel()
            await asyncio.wait({more})
            assert len(await stored(bus, device)) >= 10


async def test_what_the_run_before_has_left_is_waited_for_too(tmp_path, device):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        async with Outbox(tmp_path / "o.db") as left:
            event = offline(device)
            await left.put(Letter(event.id, OFFLINE.subject(device), {}, encode(event, MSGPACK)))
        server.suspend()
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            assert not await publisher.settled(0.05)
            server.resume()
            assert await publisher.settled(30)
        assert len(await stored(bus, device)) == 1


class TestFollow:
    async def test_events_from_now_on(self, bus, assets, outbox, device):
        async with EventPublisher(bus, outbox) as publisher:
            await publisher.publish(OFFLINE, offline(device, "past"), acked=True)
            following = aiter(follow(bus, [f"cambus.v1.evt.{device}.>"]))
            first = asyncio.ensure_future(anext(following))
            while not first.done():
                await publisher.publish(OFFLINE, offline(device, "now"), acked=True)
            received = first.result()
            assert (received.name, received.event.text, received.device) == ("device.offline", "now", device)
            await following.aclose()

    async def test_an_unknown_event_is_read_as_far_as_every_event_goes(self, bus, assets, device):
        event = Event(id=new_ulid(), device=device, protocol="dvrip", at=datetime.now(UTC))
        subject = f"cambus.v1.evt.{device}.future.happened"
        await bus.jetstream.publish(subject, event.model_dump_json().encode())
        async for received in follow(bus, [f"cambus.v1.evt.{device}.>"], after_seq=0):
            assert (received.name, received.event) == ("future.happened", event)
            break

    async def test_what_cannot_be_read_is_skipped(self, bus, assets, outbox, device):
        await bus.jetstream.publish(f"cambus.v1.evt.{device}.device.offline", b"{nonsense")
        async with EventPublisher(bus, outbox) as publisher:
            await publisher.publish(OFFLINE, offline(device, "good"), acked=True)
        async for received in follow(bus, [f"cambus.v1.evt.{device}.>"], after_seq=0):
            assert received.event.text == "good"
            break

    async def test_it_goes_on_after_a_restart_without_a_gap_or_a_repetition(
        self, tmp_path, device, eventually
    ):
        async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
            await ensure_assets(bus)
            async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
                following = aiter(follow(bus, after_seq=0))
                await publisher.publish(OFFLINE, offline(device, "0"), acked=True)
                texts = [(await anext(following)).event.text]
                server.kill()
                await eventually(lambda: not bus.connected)
                await publisher.publish(OFFLINE, offline(device, "1"))
                await server.start()
                await publisher.publish(OFFLINE, offline(device, "2"), acked=True)
                async with asyncio.timeout(20):
                    texts += [(await anext(following)).event.text for _ in range(2)]
                assert texts == ["0", "1", "2"]
                await following.aclose()


async def idle():
    await asyncio.Event().wait()


async def skip(timeout_s):
    return False


class Gate:
    """JetStream that answers when it is told to."""

    def __init__(self, bus, monkeypatch):
        self.asked = asyncio.Event()
        self.answer = asyncio.get_running_loop().create_future()
        self._publish = bus.jetstream.publish
        monkeypatch.setattr(bus.jetstream, "publish", self.publish)

    async def publish(self, *args, **options):
        self.asked.set()
        await asyncio.shield(self.answer)
        return await self._publish(*args, **options)


async def test_whoever_is_patient_waits_until_jetstream_has_it(bus, assets, outbox, device, monkeypatch):
    async with EventPublisher(bus, outbox) as publisher:
        await publisher.publish(OFFLINE, offline(device), acked=True)
        gate = Gate(bus, monkeypatch)
        publishing = asyncio.create_task(publisher.publish(OFFLINE, offline(device), patience_s=3600))
        await gate.asked.wait()
        await outbox.read(0, 9)  # it is on the disk
        assert not publishing.done()
        gate.answer.set_result(None)
        await publishing
        assert len(await stored(bus, device)) == 2


async def test_while_jetstream_takes_nothing_the_disk_has_to_do(bus, assets, outbox, device, monkeypatch):
    async with EventPublisher(bus, outbox) as publisher:
        await publisher.publish(OFFLINE, offline(device), acked=True)
        gate = Gate(bus, monkeypatch)
        publishing = asyncio.create_task(publisher.publish(OFFLINE, offline(device), patience_s=3600))
        await gate.asked.wait()
        gate.answer.set_exception(BusUnavailable("the disk is full"))
        await publishing
        await publisher.publish(OFFLINE, offline(device), patience_s=3600)
        assert outbox.rows == 2
        monkeypatch.undo()
        await outbox.empty.wait()
        assert len(await stored(bus, device)) == 3


async def test_patience_ends(bus, assets, outbox, device, monkeypatch):
    async with EventPublisher(bus, outbox) as publisher:
        await publisher.publish(OFFLINE, offline(device), acked=True)
        gate = Gate(bus, monkeypatch)
        await publisher.publish(OFFLINE, offline(device), patience_s=0.01)
        await publisher.publish(OFFLINE, offline(device), patience_s=3600)  # one is enough to find it out
        gate.answer.set_result(None)
        await outbox.empty.wait()
        assert len(await stored(bus, device)) == 3
