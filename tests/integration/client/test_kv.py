"""Key-value buckets against a real server."""

import asyncio

import pytest

from cambus.bus.assets import Asset, bucket_config, ensure_stream
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.errors import AssetNotFound, WrongRevision
from cambus.client.kv import KeyValue
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Message

BUCKET_BYTES = 4 << 20


class Note(Message):
    text: str


class Other(Message):
    number: int


async def make_bucket(bus, name, **facts):
    await ensure_stream(bus, bucket_config(Asset(name, BUCKET_BYTES, **facts), replicas=1))


@pytest.fixture
async def notes(bus, unique):
    await make_bucket(bus, unique, ttl=True)
    yield KeyValue(bus, unique, Note)
    await bus.jetstream.call(f"STREAM.DELETE.KV_{unique}")


async def test_what_was_put_is_got(notes):
    revision = await notes.put("a.b", Note(text="hello"))
    entry = await notes.get("a.b")
    assert (entry.key, entry.value, entry.revision) == ("a.b", Note(text="hello"), revision)


async def test_a_key_never_written_is_none(notes):
    assert await notes.get("nothing") is None


async def test_a_missing_bucket_is_not_a_missing_key(bus, unique):
    with pytest.raises(AssetNotFound):
        await KeyValue(bus, unique, Note).get("a")


async def test_create_refuses_a_key_that_has_a_value(notes):
    await notes.create("a", Note(text="1"))
    with pytest.raises(WrongRevision):
        await notes.create("a", Note(text="2"))
    assert (await notes.get("a")).value.text == "1"


async def test_an_update_of_a_deletion_creates_the_key_anew(notes):
    revision = await notes.put("a", Note(text="1"))
    deleted = await notes.delete("a", revision)
    await notes.update("a", Note(text="2"), deleted)
    assert (await notes.get("a")).value.text == "2"
    with pytest.raises(WrongRevision):
        await notes.update("a", Note(text="3"), deleted)


async def test_create_succeeds_after_a_deletion(notes):
    await notes.create("a", Note(text="1"))
    await notes.delete("a")
    assert await notes.get("a") is None
    await notes.create("a", Note(text="2"))
    assert (await notes.get("a")).value.text == "2"


async def test_update_compares_the_revision(notes):
    first = await notes.put("a", Note(text="1"))
    second = await notes.update("a", Note(text="2"), first)
    with pytest.raises(WrongRevision):
        await notes.update("a", Note(text="3"), first)
    with pytest.raises(WrongRevision):
        await notes.delete("a", first)
    await notes.delete("a", second)
    assert await notes.get("a") is None


async def test_an_expired_key_is_gone_and_can_be_created(notes, eventually):
    await notes.create("a", Note(text="1"), ttl_s=1)

    async def gone():
        return await notes.get("a") is None

    await eventually(gone)
    await notes.create("a", Note(text="2"), ttl_s=60)
    assert (await notes.get("a")).value.text == "2"


@pytest.mark.parametrize("key", ["", "a b", "*", "a.>", ".a", "a..b", "x" * 256])
async def test_a_key_cannot_be_a_wildcard(notes, key):
    with pytest.raises(ValueError, match="key"):
        await notes.put(key, Note(text=""))


async def test_items_and_keys_leave_out_deletions(notes):
    for name in ("b", "a", "c.d"):
        await notes.put(name, Note(text=name))
    await notes.delete("b")
    assert {key: entry.value.text for key, entry in (await notes.items()).items()} == {"a": "a", "c.d": "c.d"}
    assert await notes.keys() == ["a", "c.d"]
    assert list(await notes.items("c.*")) == ["c.d"]


async def test_an_empty_bucket_has_no_items(notes):
    assert await notes.items() == {}
    assert await notes.keys() == []


async def test_more_items_than_one_batch(notes):
    await asyncio.gather(*(notes.put(f"k{n}", Note(text=str(n))) for n in range(700)))
    assert len(await notes.items()) == 700


async def test_a_value_of_another_model_is_an_error_to_get_and_left_out_of_a_listing(bus, notes):
    await KeyValue(bus, notes.bucket, Other).put("odd", Other(number=5))
    await notes.put("even", Note(text="x"))
    with pytest.raises(BadRequest):
        await notes.get("odd")
    assert list(await notes.items()) == ["even"]


async def take(changes, count):
    seen = []
    async for key, entry in changes:
        seen.append((key, entry.value.text if entry else None))
        if len(seen) == count:
            break
    return seen


async def test_a_watch_begins_with_what_is_there_and_follows(notes):
    await notes.put("a", Note(text="1"))
    watch = notes.watch()
    changes = aiter(watch)
    assert await take(changes, 1) == [("a", "1")]
    await notes.put("b", Note(text="2"))
    await notes.delete("a")
    changes = aiter(notes.watch())
    assert await take(changes, 1) == [("b", "2")]
    following = asyncio.ensure_future(take(changes, 2))
    await notes.put("a", Note(text="3"))
    await notes.delete("b")
    assert await following == [("a", "3"), ("b", None)]


async def test_a_watch_of_an_empty_bucket_is_in_step_at_once(notes):
    watch = notes.watch()
    following = asyncio.ensure_future(take(aiter(watch), 1))
    await watch.synced.wait()
    await notes.put("a", Note(text="1"))
    assert await following == [("a", "1")]


async def test_a_watch_is_in_step_once_everything_was_handed_over(notes):
    for n in range(3):
        await notes.put(f"k{n}", Note(text=str(n)))
    watch = notes.watch()
    states = []
    async for _ in watch:
        states.append(watch.synced.is_set())
        if len(states) == 3:
            break
    assert states == [False, False, False]


async def test_a_watch_notices_what_expired(notes):
    await notes.put("a", Note(text="1"), ttl_s=1)
    changes = aiter(notes.watch(resync_s=0.2))
    async with asyncio.timeout(20):
        assert await take(changes, 2) == [("a", "1"), ("a", None)]


async def test_a_watch_survives_a_restart_and_reports_deletions_it_missed(eventually):
    async with NatsServer() as server:
        settings = BusSettings(nats_url=server.url)
        async with await Bus.connect(settings) as bus:
            await make_bucket(bus, "notes")
            notes = KeyValue(bus, "notes", Note)
            for name in ("a", "b", "c"):
                await notes.put(name, Note(text=name))
            changes = aiter(notes.watch())
            assert await take(changes, 3) == [("a", "a"), ("b", "b"), ("c", "c")]
            following = asyncio.ensure_future(take(changes, 3))
            server.kill()
            await eventually(lambda: not bus.connected)
            await server.start()
            # Written by somebody else before the watch is back: the watch may not miss any of it.
            async with await Bus.connect(settings) as other:
                theirs = KeyValue(other, "notes", Note)
                await theirs.delete("a")
                await other.jetstream.call("STREAM.PURGE.KV_notes", {"filter": "$KV.notes.b"})
                await theirs.put("d", Note(text="d"))
            async with asyncio.timeout(20):
                assert sorted(await following) == [("a", None), ("b", None), ("d", "d")]


async def test_what_vanishes_while_it_is_read_is_not_waited_for(bus, notes):
    for key in ("a", "b", "c"):
        await notes.put(key, Note(text=key))
    async with notes._reader(">") as reader:
        read = [await anext(reader), await anext(reader), await anext(reader)]
    assert [stored.pending for stored in read] == [2, 1, 0]
    reader, may_pull = notes._reader(">"), asyncio.Event()
    pull = reader._puller.pull

    async def later(count):
        await may_pull.wait()
        return await pull(count)

    reader._puller.pull = later
    async with reader:
        assert reader.initial_pending == 3
        await bus.jetstream.call(f"STREAM.PURGE.KV_{notes.bucket}", {"filter": f"$KV.{notes.bucket}.c"})
        may_pull.set()
        assert [stored.seq for stored in await reader.present()] == [read[0].seq, read[1].seq]
