"""Events that wait on our disk until it is their turn."""

from datetime import UTC, datetime

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.outbox import HeldBack, Letter, Outbox
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.errors import BusUnavailable
from cambus.client.follow import follow
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.ids import new_ulid

OFFLINE = EVENTS["device.offline"]


def said(device, text):
    return OFFLINE.model(
        id=new_ulid(), device=device, protocol="dvrip", at=datetime.now(UTC), reason="lost", text=text
    )


async def arrived(bus, count, *devices):
    """The texts of the first events of some devices in the stream."""
    following = aiter(follow(bus, [f"cambus.v1.evt.{device}.>" for device in devices], after_seq=0))
    return [(await anext(following)).event.text for _ in range(count)]


@pytest.fixture
async def publisher(bus, tmp_path):
    await ensure_assets(bus)
    async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as made:
        yield made


async def test_others_pass_what_is_held_back_and_it_keeps_its_order(publisher, bus, device, unique):
    other = f"other-{unique}"
    publisher.hold_back(device, 5)
    for text in ("1", "2"):
        await publisher.publish(
            OFFLINE, said(device, text), patience_s=3600.0, in_turn=True
        )  # and nobody waits
    await publisher.publish(OFFLINE, said(other, "passes"), acked=True)
    await publisher.publish(OFFLINE, said(device, "of another kind"), acked=True)
    assert publisher.held_back == {device: HeldBack(2, 5)}
    assert b"cambus_outbox_held_back_events 2.0" in bus.metrics.render()
    assert not publisher.waiting
    publisher.let_go(device)
    assert publisher.waiting
    await publisher.publish(OFFLINE, said(device, "3"), in_turn=True)
    assert await arrived(bus, 5, device, other) == ["passes", "of another kind", "1", "2", "3"]
    assert publisher.held_back == {}
    assert b"cambus_outbox_held_back_events 0.0" in bus.metrics.render()


async def test_more_than_is_read_at_once_may_be_held_back(publisher, bus, device, unique, monkeypatch):
    other = f"other-{unique}"
    monkeypatch.setattr("cambus.bus.events.BATCH", 3)
    monkeypatch.setattr("cambus.bus.events.MAX_FRESH", 2)
    publisher.hold_back(device, 5)
    for number in range(10):
        await publisher.publish(OFFLINE, said(device, str(number)), in_turn=True)
        await publisher.publish(OFFLINE, said(other, "passes"))
    assert await arrived(bus, 10, device, other) == ["passes"] * 10
    publisher.let_go(device)
    assert await publisher.settled(30)
    assert await arrived(bus, 10, device) == [str(number) for number in range(10)]


async def test_the_next_process_holds_back_what_the_last_did(bus, tmp_path, device):
    await ensure_assets(bus)
    async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
        publisher.hold_back(device, 41)
        publisher.hold_back(device, 52)  # it began when it began first
        await publisher.publish(OFFLINE, said(device, "held"), in_turn=True)
        publisher.flush = publisher.settled
    async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
        assert publisher.held_back == {device: HeldBack(1, 41)}
        await publisher.publish(OFFLINE, said(device, "younger"), in_turn=True)
        await publisher.publish(OFFLINE, said(device, "passes"), acked=True)
        publisher.let_go(device)
        assert await arrived(bus, 3, device) == ["passes", "held", "younger"]


async def test_nothing_waits_once_all_but_what_is_held_back_has_gone_in_whatever_order(
    bus, tmp_path, device, unique, eventually, monkeypatch
):
    await ensure_assets(bus)
    other = f"other-{unique}"
    async with Outbox(tmp_path / "o.db") as left:
        for name, text, since in ((device, "held", 5), (other, "first", 0), (other, "last", 0)):
            event = said(name, text)
            body = encode(event, MSGPACK)
            await left.put(Letter(event.id, OFFLINE.subject(name), {}, body, held_back=since))
    publish, refused = bus.jetstream.publish, []

    async def unwell(subject, body, **options):
        if b"first" in body and not refused:
            refused.append(subject)
            raise BusUnavailable("no leader")
        return await publish(subject, body, **options)

    monkeypatch.setattr(bus.jetstream, "publish", unwell)
    async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
        assert publisher.waiting
        assert await arrived(bus, 2, other) == ["last", "first"]
        await eventually(lambda: not publisher.waiting)
        assert publisher.held_back == {device: HeldBack(1, 5)}
        publisher.let_go(device)


async def test_what_was_told_to_be_safe_and_is_not_in_the_stream_waits(tmp_path, device, eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_assets(bus)
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            await publisher.publish(OFFLINE, said(device, "0"), patience_s=60.0)
            assert not publisher.waiting
            server.kill()
            await eventually(lambda: not bus.connected)
            await publisher.publish(OFFLINE, said(device, "1"), patience_s=60.0)
            assert publisher.waiting
        async with EventPublisher(bus, Outbox(tmp_path / "o.db")) as publisher:
            assert publisher.waiting  # what the process before has left
            await server.start()
            await eventually(lambda: not publisher.waiting)
            assert await arrived(bus, 2, device) == ["0", "1"]
