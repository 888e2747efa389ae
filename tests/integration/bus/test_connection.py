"""The connection: reconnects, permission errors, closing, slow readers."""

import asyncio

import pytest

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.errors import BusClosed, BusUnavailable, NoResponders, PayloadTooLarge, SendingForbidden


async def test_a_request_is_answered(bus, unique):
    def answer(message):
        answering.append(asyncio.ensure_future(bus.publish(message.reply, message.data.upper())))

    answering = []
    await bus.subscribe(unique, answer)
    assert (await bus.request(unique, b"hello")).data == b"HELLO"
    await asyncio.gather(*answering)


async def test_a_request_nobody_listens_to_fails_at_once(bus, unique):
    with pytest.raises(NoResponders):
        await bus.request(unique, timeout_s=60)


async def test_a_request_without_an_answer_ends_in_time(bus, unique):
    await bus.subscribe(unique, lambda message: None)
    with pytest.raises(BusUnavailable, match="no answer within"):
        await bus.request(unique, timeout_s=0.02)


async def test_a_cancelled_request_leaves_nothing_behind(bus, unique):
    asked = asyncio.Event()
    await bus.subscribe(unique, lambda message: asked.set())
    asking = asyncio.ensure_future(bus.request(unique, timeout_s=60))
    await asked.wait()
    asking.cancel()
    await asyncio.wait({asking})
    assert bus._requests._waiting == {}
    assert bus._requests._single == {}


async def test_a_handler_that_fails_does_not_stop_the_connection(bus, unique, caplog):
    def fail(message):
        raise RuntimeError("a defect")

    await bus.subscribe(unique, fail)
    await bus.publish(unique, b"x")
    await bus.flush()
    assert "a message handler failed" in caplog.text


async def test_flush_follows_everything_sent_before(new_bus, unique):
    """Whatever was subscribed before is there when flush returns; nats-py's own flush does not promise that."""
    listener, caller = await new_bus("a"), await new_bus("b")
    for number in range(50):
        await listener.subscribe(f"{unique}.{number}", lambda message: None)
        await listener.flush()
        with pytest.raises(BusUnavailable):  # a subscriber that says nothing: not NoResponders
            await caller.request(f"{unique}.{number}", timeout_s=0.001)


async def test_an_inbox_drops_what_its_reader_does_not_fetch_and_counts_it(bus, unique):
    inbox = await bus.inbox(unique, limit=3)
    for number in range(10):
        await bus.publish(unique, b"%d" % number)
    await bus.flush()
    await inbox.close()
    assert [message.data async for message in inbox] == [b"0", b"1", b"2"]
    assert inbox.dropped == 7
    assert b"cambus_nats_slow_consumer_drops_total 7.0" in bus.metrics.render()


async def test_a_drained_subscription_hands_over_what_was_on_its_way(new_bus, unique):
    seen = []
    listener, caller = await new_bus("a"), await new_bus("b")
    for round_ in range(20):
        subject = f"{unique}.{round_}"
        subscription = await listener.subscribe(subject, lambda message: seen.append(message.subject))
        await listener.flush()
        await caller.publish(subject, b"x")
        await caller.flush()
        await subscription.drain()
        await caller.publish(subject, b"too late")
    await listener.flush()
    assert seen == [f"{unique}.{round_}" for round_ in range(20)]


async def test_a_message_beyond_max_payload_is_refused(bus, unique):
    with pytest.raises(PayloadTooLarge):
        await bus.publish(unique, b"x" * (bus.max_payload + 1))


async def test_it_waits_for_a_server_that_is_not_there_yet(eventually):
    server = NatsServer()
    await server.start()
    server.kill()
    bus = Bus(BusSettings(nats_url=server.url))
    opening = asyncio.ensure_future(bus.open())
    await eventually(lambda: bus.nc.last_error is not None)
    assert not bus.health.ready
    await server.start()
    await opening
    assert bus.health.ready
    await bus.close()
    server.close()


async def test_it_reconnects_and_says_so(eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        seen, reconnected = [], asyncio.Event()
        await bus.subscribe("topic", lambda message: seen.append(message.data))
        stop = bus.on_reconnect(reconnected.set)
        server.kill()
        await eventually(lambda: not bus.connected)
        assert not bus.health.ready
        assert b"cambus_nats_connected 0.0" in bus.metrics.render()
        with pytest.raises(BusUnavailable):
            await bus.wait_connected(0.01)
        await server.start()
        await reconnected.wait()
        await bus.publish("topic", b"after")
        await bus.flush()
        assert seen == [b"after"]  # the subscription is back too
        assert bus.health.ready
        assert b"cambus_nats_reconnects_total 1.0" in bus.metrics.render()
        stop()


async def test_what_waits_for_an_answer_fails_when_the_connection_is_lost(eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        asked = asyncio.Event()
        await bus.subscribe("topic", lambda message: asked.set())
        asking = asyncio.ensure_future(bus.request("topic", timeout_s=600))
        await asked.wait()
        server.kill()
        async with asyncio.timeout(10):
            with pytest.raises(BusUnavailable, match="lost"):
                await asking


async def test_a_request_that_timed_out_while_nats_was_away_is_never_sent(eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        seen = []
        await bus.subscribe("topic", lambda message: seen.append(message.data))
        server.kill()
        await eventually(lambda: not bus.connected)
        with pytest.raises(BusUnavailable):
            await bus.request("topic", b"move the camera", timeout_s=0.01)
        await server.start()
        await eventually(lambda: bus.connected)
        await bus.flush()
        assert seen == []


async def test_closing_is_no_error_and_being_closed_is(tmp_path):
    async with NatsServer() as server:
        bus = await Bus.connect(BusSettings(nats_url=server.url))
        waiting = asyncio.ensure_future(bus.wait_closed())
        await bus.close()
        await waiting
        with pytest.raises(BusClosed):
            await bus.publish("x")
        bus = await Bus.connect(BusSettings(nats_url=server.url))
        await bus.nc.close()  # as nats-py does after a protocol error
        with pytest.raises(BusClosed):
            await bus.wait_closed()


@pytest.fixture
async def guarded(tmp_path):
    """A server with one user who may do little, and settings that log in as that user."""
    users = [
        {
            "user": "connector",
            "password": "canary",
            "permissions": {"publish": ["_INBOX.>", "free.>"], "subscribe": ["_INBOX.>", "free.>"]},
        }
    ]
    password = tmp_path / "password"
    password.write_text("canary\n")
    async with NatsServer(config={"authorization": {"users": users}}) as server:
        yield BusSettings(nats_url=server.url, nats_user="connector", nats_password_file=password)


async def test_a_forbidden_publish_is_counted_and_fails_readiness(guarded, eventually):
    async with await Bus.connect(guarded) as bus:
        assert bus.health.ready
        await bus.publish("cambus.v1.evt.x.device.online", b"")
        await eventually(lambda: not bus.health.ready)
        assert b'cambus_nats_permission_errors_total{what="publish"} 1.0' in bus.metrics.render()
        assert "cambus.v1.evt.x" in str(bus.health.report())


async def test_what_is_handed_over_was_taken_or_is_refused(guarded):
    async with await Bus.connect(guarded) as bus:
        inbox = await bus.inbox("free.>")
        with pytest.raises(SendingForbidden, match=r"send to Secret\.x"):
            await bus.hand_over("Secret.x", b"")
        await bus.hand_over("free.x", b"taken")
        assert (await anext(inbox)).data == b"taken"


async def test_a_forbidden_subscription_fails_readiness(guarded, eventually):
    async with await Bus.connect(guarded) as bus:
        await bus.subscribe("secret.>", lambda message: None)
        await eventually(lambda: not bus.health.ready)
        assert b'cambus_nats_permission_errors_total{what="subscription"} 1.0' in bus.metrics.render()


async def test_a_reply_subject_of_a_caller_cannot_make_us_unready(guarded, eventually):
    async with await Bus.connect(guarded) as bus:
        await bus.publish("somebody.elses.subject", b"the answer to a malicious caller")
        await eventually(
            lambda: b'cambus_nats_permission_errors_total{what="publish"} 1.0' in bus.metrics.render()
        )
        assert bus.health.ready


async def test_a_wrong_password_is_told_once_and_not_written_anywhere(guarded, tmp_path, caplog, eventually):
    wrong = tmp_path / "wrong"
    wrong.write_text("also-a-canary")
    bus = Bus(guarded.model_copy(update={"nats_password_file": wrong}))
    opening = asyncio.ensure_future(bus.open())
    await eventually(lambda: "Authorization Violation" in str(bus.health.report()))
    tries = []
    await eventually(lambda: tries.append(1) or len(tries) > 60)  # several more attempts
    told = [record for record in caplog.records if "Authorization" in getattr(record, "reason", "")]
    assert [record.levelname for record in told].count("WARNING") == 1
    opening.cancel()
    await asyncio.wait({opening})
    await bus.close()
    assert "canary" not in caplog.text + str(bus.health.report()) + str(bus.nc.last_error)


async def test_nothing_can_be_subscribed_to_over_a_closed_connection(new_bus, unique):
    closed = await new_bus("closed")
    await closed.close()
    with pytest.raises(BusClosed):
        await closed.subscribe(unique, lambda message: None)
