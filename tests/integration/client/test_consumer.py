"""The durable consumer: retries, dead letters, order, restarts."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.consumer import DeadLetterError, EventConsumer, TryLater
from cambus.client.errors import AssetNotFound
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import JSON, MSGPACK, decode, encode
from cambus.schemas.errors import NotFound
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.dead_letters import DeadLetter

OFFLINE = EVENTS["device.offline"]


async def publish(bus, device, text):
    event = OFFLINE.model(
        id=new_ulid(), device=device, protocol="dvrip", at=datetime.now(UTC), reason="lost", text=text
    )
    await bus.jetstream.publish(
        OFFLINE.subject(device), encode(event, JSON), headers={"Nats-Msg-Id": event.id}
    )
    return event


@asynccontextmanager
async def running(consumer):
    task = asyncio.ensure_future(consumer.run())
    try:
        yield task
    finally:
        consumer.stop()
        await task


@pytest.fixture
async def consume(bus, unique):
    """Starts a consumer of one device's events under a durable name of its own."""

    def start(handler, device, **options):
        wanted = [f"cambus.v1.evt.{device}.>"]
        return running(EventConsumer(bus, unique, wanted, handler, **{"backoff": (0.0,)} | options))

    yield start
    with suppress(AssetNotFound):
        await bus.jetstream.call(f"CONSUMER.DELETE.CAMBUS_EVENTS.{unique}")


async def unfinished(bus, durable):
    info = await bus.jetstream.call(f"CONSUMER.INFO.CAMBUS_EVENTS.{durable}")
    return info["num_pending"] + info["num_ack_pending"]


async def dead_letters(bus, durable):
    try:
        answer = await bus.jetstream.call(
            "STREAM.MSG.GET.CAMBUS_DEAD_LETTERS", {"last_by_subj": f"cambus.v1.dead.{durable}"}
        )
    except AssetNotFound:
        return None
    import base64

    return decode(DeadLetter, base64.b64decode(answer["message"]["data"]), MSGPACK)


async def test_events_are_handled_and_acknowledged(bus, consume, device, unique, eventually):
    seen = []
    handled = asyncio.Event()

    async def handle(received):
        seen.append((received.name, received.event.text, received.attempts))
        if len(seen) == 3:
            handled.set()

    for text in "abc":
        await publish(bus, device, text)
    async with consume(handle, device):
        await handled.wait()

        async def done():
            return await unfinished(bus, unique) == 0

        await eventually(done)
    assert seen == [("device.offline", text, 1) for text in "abc"]


async def test_events_published_while_running_arrive_at_once(bus, consume, device):
    arrived = asyncio.Queue()

    async def handle(received):
        arrived.put_nowait(received.event.text)

    async with consume(handle, device), asyncio.timeout(4):  # below the expiry of a pull
        for number in range(5):
            await publish(bus, device, str(number))
            assert await arrived.get() == str(number)


async def test_a_failing_handler_is_tried_again_in_its_place(bus, consume, device):
    seen = []
    handled = asyncio.Event()

    async def handle(received):
        seen.append(received.event.text)
        if seen.count("a") < 3:
            raise ConnectionError("the sink is away")
        if received.event.text == "b":
            handled.set()

    await publish(bus, device, "a")
    await publish(bus, device, "b")
    async with consume(handle, device):
        await handled.wait()
    assert seen == ["a", "a", "a", "b"]


async def test_an_event_that_always_fails_becomes_a_dead_letter(bus, consume, device, unique, eventually):
    seen = []

    async def handle(received):
        seen.append(received.event.text)
        if received.event.text == "poison":
            raise RuntimeError("password hunter2")

    await publish(bus, device, "poison")
    await publish(bus, device, "after")
    async with consume(handle, device, max_deliver=3):
        await eventually(lambda: "after" in seen)

        async def done():
            return await unfinished(bus, unique) == 0

        await eventually(done)
    assert seen == ["poison"] * 3 + ["after"]
    letter = await dead_letters(bus, unique)
    assert (letter.consumer, letter.deliveries, letter.reason) == (unique, 3, "failed")
    assert letter.subject == OFFLINE.subject(device)
    assert b"poison" in letter.body
    assert "hunter2" not in letter.text  # an unexpected exception may quote anything


async def test_a_refusal_with_a_reason_says_so_in_the_dead_letter(bus, consume, device, unique, eventually):
    async def handle(received):
        raise NotFound("no such sink")

    await publish(bus, device, "x")
    async with consume(handle, device, max_deliver=1):
        await eventually(lambda: dead_letters(bus, unique))
    assert (await dead_letters(bus, unique)).text == "no such sink"


async def test_a_handler_can_give_up_at_once(bus, consume, device, unique, eventually):
    tries = 0

    async def handle(received):
        nonlocal tries
        tries += 1
        raise DeadLetterError("nobody will ever want this")

    await publish(bus, device, "x")
    async with consume(handle, device):
        await eventually(lambda: dead_letters(bus, unique))
    assert tries == 1
    assert (await dead_letters(bus, unique)).reason == "refused"


async def test_an_event_given_back_for_later_comes_again_and_holds_nobody_up(
    bus, consume, device, unique, eventually
):
    seen = []

    async def handle(received):
        seen.append((received.event.text, received.attempts))
        if seen[-1] == ("a", 1):
            raise TryLater("the sink is away", delay_s=0.5)

    await publish(bus, device, "a")
    await publish(bus, device, "b")
    async with consume(handle, device):
        await eventually(lambda: len(seen) == 3)

        async def done():
            return await unfinished(bus, unique) == 0

        await eventually(done)
    assert seen == [("a", 1), ("b", 1), ("a", 2)]


async def test_what_was_given_back_too_often_becomes_a_dead_letter(bus, consume, device, unique, eventually):
    async def handle(received):
        raise TryLater("never", delay_s=0.01)

    await publish(bus, device, "x")
    async with consume(handle, device, max_deliver=2):
        await eventually(lambda: dead_letters(bus, unique))
    assert (await dead_letters(bus, unique)).reason == "exhausted"


async def test_what_cannot_be_read_becomes_a_dead_letter_without_the_handler(
    bus, consume, device, unique, eventually
):
    handled = []

    async def handle(received):
        handled.append(received)

    await bus.jetstream.publish(OFFLINE.subject(device), b"{nonsense")
    async with consume(handle, device):
        await eventually(lambda: dead_letters(bus, unique))
    letter = await dead_letters(bus, unique)
    assert (letter.reason, letter.body) == ("unreadable", b"{nonsense")
    assert handled == []


async def test_an_event_that_kills_every_process_becomes_a_dead_letter(
    bus, consume, device, unique, eventually
):
    """Delivered again and again without an answer: the handler is not given another chance to crash."""
    handled = []
    started = asyncio.Event()

    async def crash(received):
        started.set()
        await asyncio.Event().wait()

    async def handle(received):
        handled.append(received)

    await publish(bus, device, "x")
    for _ in range(2):
        started.clear()
        dying = EventConsumer(bus, unique, [f"cambus.v1.evt.{device}.>"], crash, ack_wait_s=1.0)
        dying._finish = nothing  # a crash tidies nothing up
        task = asyncio.ensure_future(dying.run())
        await started.wait()
        task.cancel()
        await asyncio.wait({task})
        dying._tasks.cancel()
        await dying._tasks.wait(1)
    async with consume(handle, device, max_deliver=2, ack_wait_s=1.0):
        await eventually(lambda: dead_letters(bus, unique))
    assert (await dead_letters(bus, unique)).reason == "exhausted"
    assert handled == []


async def test_one_device_in_order_and_many_at_once(bus, consume, unique):
    devices = [f"d{number}-{unique}" for number in range(8)]
    order, running_now, most = {device: [] for device in devices}, 0, 0
    done = asyncio.Event()

    async def handle(received):
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        for _ in range(5):
            await asyncio.sleep(0)
        order[received.device].append(int(received.event.text))
        running_now -= 1
        if sum(map(len, order.values())) == 80:
            done.set()

    for number in range(10):
        for device in devices:
            await publish(bus, device, str(number))
    wanted = [f"cambus.v1.evt.{device}.>" for device in devices]
    async with running(EventConsumer(bus, unique, wanted, handle)):
        await done.wait()
    assert all(texts == list(range(10)) for texts in order.values())
    assert most > 1
    await bus.jetstream.call(f"CONSUMER.DELETE.CAMBUS_EVENTS.{unique}")


async def test_never_more_in_flight_than_allowed(bus, consume, unique):
    devices = [f"d{number}-{unique}" for number in range(20)]
    in_flight, most, count = 0, 0, 0
    done = asyncio.Event()

    async def handle(received):
        nonlocal in_flight, most, count
        in_flight += 1
        most = max(most, in_flight)
        for _ in range(5):
            await asyncio.sleep(0)
        in_flight -= 1
        count += 1
        if count == 20:
            done.set()

    for device in devices:
        await publish(bus, device, "x")
    wanted = [f"cambus.v1.evt.{device}.>" for device in devices]
    async with running(EventConsumer(bus, unique, wanted, handle, max_in_flight=4)):
        await done.wait()
    assert most <= 4
    await bus.jetstream.call(f"CONSUMER.DELETE.CAMBUS_EVENTS.{unique}")


async def test_stop_finishes_what_was_taken(bus, consume, device, unique, eventually):
    seen, proceed, started = [], asyncio.Event(), asyncio.Event()

    async def slow(received):
        started.set()
        await proceed.wait()
        seen.append(received.event.text)

    for text in "abc":
        await publish(bus, device, text)
    consumer = EventConsumer(bus, unique, [f"cambus.v1.evt.{device}.>"], slow)
    task = asyncio.ensure_future(consumer.run())
    await started.wait()
    await eventually(lambda: len(consumer._in_flight) == 3)
    consumer.stop()
    proceed.set()
    await task
    assert seen == ["a", "b", "c"]

    async def done():
        return await unfinished(bus, unique) == 0

    await eventually(done)


async def test_stop_hands_back_what_fails_and_what_is_behind_it(bus, consume, device, unique, eventually):
    seen, failed = [], asyncio.Event()

    async def fail(received):
        failed.set()
        raise ConnectionError

    async def quick(received):
        seen.append(received.event.text)

    for text in "abc":
        await publish(bus, device, text)
    consumer = EventConsumer(bus, unique, [f"cambus.v1.evt.{device}.>"], fail, backoff=(3600.0,))
    task = asyncio.ensure_future(consumer.run())
    await failed.wait()
    await eventually(lambda: len(consumer._in_flight) == 3)
    consumer.stop()
    await task
    async with consume(quick, device), asyncio.timeout(10):  # not after the wait of 30 s for a sign of life
        await eventually(lambda: len(seen) == 3)
    assert sorted(seen) == ["a", "b", "c"]


async def test_a_confirmed_acknowledgement_is_known_to_nats_when_the_handler_is_done(
    bus, consume, device, unique, eventually
):
    handled = asyncio.Event()

    async def handle(received):
        handled.set()

    await publish(bus, device, "x")
    async with consume(handle, device, ack_sync=True):
        await handled.wait()
    assert await unfinished(bus, unique) == 0


async def test_a_slow_handler_keeps_its_event_alive(bus, consume, device):
    attempts = []
    done = asyncio.Event()

    async def slow(received):
        attempts.append(received.attempts)
        await asyncio.sleep(2.5)  # longer than the server waits; it is the server's clock that counts
        done.set()

    await publish(bus, device, "x")
    async with consume(slow, device, ack_wait_s=1.0):
        await done.wait()
    assert attempts == [1]


async def test_a_deleted_consumer_is_created_again(bus, consume, device, unique, eventually):
    seen = []

    async def handle(received):
        seen.append(received.event.text)

    await publish(bus, device, "a")
    async with consume(handle, device):
        await eventually(lambda: "a" in seen)
        await bus.jetstream.call(f"CONSUMER.DELETE.CAMBUS_EVENTS.{unique}")
        await publish(bus, device, "b")
        await eventually(lambda: "b" in seen)


async def test_consuming_goes_on_over_kills_and_freezes_of_nats(device, eventually):
    seen = []

    async def handle(received):
        seen.append(received.event.text)

    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        consumer = EventConsumer(bus, "tester", [f"cambus.v1.evt.{device}.>"], handle)
        async with running(consumer):
            await publish(bus, device, "a")
            await eventually(lambda: "a" in seen)
            for text in "bc":
                await server.restart()
                await eventually(lambda: bus.connected)
                await publish(bus, device, text)
                await eventually(lambda text=text: text in seen)
            server.suspend()
            publishing = asyncio.ensure_future(publish(bus, device, "d"))
            await asyncio.wait({publishing}, timeout=0.1)
            assert not publishing.done()
            server.resume()
            await publishing
            await eventually(lambda: "d" in seen)
    assert sorted(set(seen)) == ["a", "b", "c", "d"]


async def test_a_subscription_gone_deaf_is_replaced(bus, consume, device, unique, eventually, monkeypatch):
    monkeypatch.setattr("cambus.client.pull.EXPIRES_S", 0.2)
    monkeypatch.setattr("cambus.client.pull.SILENCE_S", 0.1)
    seen = []

    async def handle(received):
        seen.append(received.event.text)

    await publish(bus, device, "a")
    consumer = EventConsumer(bus, unique, [f"cambus.v1.evt.{device}.>"], handle)
    async with running(consumer):
        await eventually(lambda: "a" in seen)
        # Requests that lead nowhere: what a consumer sees whose requests died with a server.
        good, consumer._puller._subject = consumer._puller._subject, f"nowhere.{unique}"
        asked = asyncio.Event()
        sink = await bus.subscribe(f"nowhere.{unique}", lambda message: asked.set())
        await asked.wait()
        await publish(bus, device, "b")
        await eventually(lambda: b"cambus_consumer_recreated_total 1.0" in bus.metrics.render())
        consumer._puller._subject = good
        await eventually(lambda: "b" in seen)
        await sink.close()


async def nothing():
    return None
