"""Object stores against a real server, with nats-py's own implementation as the independent reader."""

import asyncio
import hashlib
import os
from datetime import timedelta

import nats.js.api
import pytest

from cambus.bus.assets import Asset, ensure_stream, object_store_config
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.errors import JetStreamError
from cambus.client.objects import CHUNK_BYTES, ObjectDamaged, ObjectStore

STORE_BYTES = 64 << 20


@pytest.fixture
async def store(bus, unique):
    await ensure_stream(bus, object_store_config(Asset(unique, STORE_BYTES), replicas=1))
    yield ObjectStore(bus, unique)
    await bus.jetstream.call(f"STREAM.DELETE.OBJ_{unique}")


async def messages(bus, bucket):
    return (await bus.jetstream.call(f"STREAM.INFO.OBJ_{bucket}"))["state"]["messages"]


async def pieces(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 40 * CHUNK_BYTES + 7])
async def test_what_was_put_is_got(store, size):
    data = os.urandom(size)
    stored = await store.put("firmware/1.bin", pieces(data, 50_000))
    assert (stored.bytes, stored.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert await store.get_bytes("firmware/1.bin", size) == data


async def test_nats_py_reads_what_we_wrote(bus, store):
    data = os.urandom(3 * CHUNK_BYTES)
    await store.put("a picture.jpg", data, headers={"Content-Type": "image/jpeg"})
    theirs = await (await bus.js.object_store(store.bucket)).get("a picture.jpg")
    assert theirs.data == data
    assert theirs.info.size == len(data)


async def test_we_read_what_nats_py_wrote(bus, store):
    data = os.urandom(3 * CHUNK_BYTES + 5)
    theirs = await bus.js.object_store(store.bucket)
    await theirs.put("x", data, meta=nats.js.api.ObjectMeta(description="theirs"))
    assert await store.get_bytes("x", len(data)) == data


async def test_headers_are_kept(store):
    await store.put("x", b"1", headers={"Content-Type": "image/jpeg"})
    assert (await store.info("x")).headers == {"Content-Type": "image/jpeg"}


async def test_an_object_that_is_not_there(store):
    assert await store.info("x") is None
    assert await store.delete("x") is False
    with pytest.raises(KeyError):
        await store.get_bytes("x", 10)


async def test_a_new_version_replaces_the_old_one_and_its_chunks(bus, store):
    await store.put("x", os.urandom(5 * CHUNK_BYTES))
    await store.put("x", b"new")
    assert await store.get_bytes("x", 10) == b"new"
    assert await messages(bus, store.bucket) == 2  # one chunk, one description


async def test_delete_removes_the_chunks(bus, store):
    await store.put("x", os.urandom(5 * CHUNK_BYTES))
    assert await store.delete("x") is True
    assert await store.info("x") is None
    assert await messages(bus, store.bucket) == 1  # the description of the deletion


async def test_list_names_what_is_there(store):
    for name in ("b", "a", "c"):
        await store.put(name, name.encode())
    await store.delete("b")
    assert [item.name for item in await store.list()] == ["a", "c"]
    assert await store.sweep(timedelta(0)) == 0


async def test_an_empty_store_lists_nothing(store):
    assert await store.list() == []


async def test_too_large_a_put_leaves_nothing(bus, store):
    with pytest.raises(ValueError, match="more than"):
        await store.put("x", os.urandom(3 * CHUNK_BYTES), max_bytes=2 * CHUNK_BYTES)
    assert await store.info("x") is None
    assert await messages(bus, store.bucket) == 0


async def test_a_source_that_fails_leaves_nothing_and_keeps_the_old_version(bus, store):
    async def failing():
        yield os.urandom(3 * CHUNK_BYTES)
        raise ConnectionError("the device went away")

    await store.put("x", b"old")
    with pytest.raises(ConnectionError):
        await store.put("x", failing())
    assert await store.get_bytes("x", 10) == b"old"
    assert await messages(bus, store.bucket) == 2


async def test_a_full_store_refuses_and_leaves_nothing(bus, unique):
    await ensure_stream(bus, object_store_config(Asset(unique, 4 * CHUNK_BYTES), replicas=1))
    store = ObjectStore(bus, unique)
    with pytest.raises(JetStreamError):
        await store.put("x", os.urandom(8 * CHUNK_BYTES))
    assert await store.info("x") is None
    await store.put("y", b"fits")


async def test_a_missing_chunk_is_damage(bus, store):
    stored = await store.put("x", os.urandom(4 * CHUNK_BYTES))
    await bus.jetstream.call(f"STREAM.MSG.DELETE.OBJ_{store.bucket}", {"seq": 2})
    with pytest.raises(ObjectDamaged):
        await store.get_bytes("x", stored.bytes)


async def test_another_chunk_in_its_place_is_damage(bus, store):
    stored = await store.put("x", os.urandom(2 * CHUNK_BYTES))
    await bus.jetstream.call(f"STREAM.MSG.DELETE.OBJ_{store.bucket}", {"seq": 2})
    await bus.jetstream.publish(f"$O.{store.bucket}.C.{stored.nuid}", os.urandom(CHUNK_BYTES))
    with pytest.raises(ObjectDamaged, match="digest"):
        await store.get_bytes("x", stored.bytes)


async def test_more_than_was_written_is_damage(bus, store):
    stored = await store.put("x", b"1")
    await bus.jetstream.publish(f"$O.{store.bucket}.C.{stored.nuid}", b"2")
    with pytest.raises(ObjectDamaged):
        await store.get_bytes("x", 100)


async def test_a_get_that_is_too_large_is_refused_before_it_is_read(store):
    await store.put("x", b"12345")
    with pytest.raises(ValueError, match="at most 4"):
        await store.get_bytes("x", 4)


async def test_chunks_of_a_killed_writer_are_swept(bus, store):
    await store.put("good", b"1")
    await bus.jetstream.publish(f"$O.{store.bucket}.C.orphan", b"half of something")
    assert await store.sweep(timedelta(hours=1)) == 0  # it may still be being written
    assert await store.sweep(timedelta(0)) == 1
    assert await store.get_bytes("good", 10) == b"1"
    assert await messages(bus, store.bucket) == 2


async def test_a_download_goes_on_after_a_restart_of_nats():
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_stream(bus, object_store_config(Asset("files", STORE_BYTES), replicas=1))
        store = ObjectStore(bus, "files")
        data = os.urandom(100 * CHUNK_BYTES)
        await store.put("x", data)
        got = bytearray()
        async with asyncio.timeout(30):
            async for chunk in store.get("x"):
                if not got:
                    await server.restart()
                got += chunk
        assert bytes(got) == data
