"""Where devices are reached is written as soon as the bus takes it, by the replica that has them (GB-265, GB-266)."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import Entry
from cambus.connector_gb28181.registrations import Registrations
from cambus.gb28181.binding import Binding
from cambus.schemas import keys
from cambus.schemas.state.registrations import Registration
from cambus.sip.peer import Peer

CODE, OTHER = "34020000001320000001", "34020000001320000002"


class Bucket:
    """A bucket on a bus that can be away."""

    def __init__(self):
        self.kept = {}
        self.away = False
        self.tries = 0
        self.moved = None

    def _there(self):
        self.tries += 1
        if self.away:
            raise BusError("the bus is away")

    async def put(self, key, value, *, ttl_s):
        self._there()
        await asyncio.sleep(0.01)
        self.kept[key] = Entry(key, value, len(self.kept) + 1, datetime.now(UTC))

    async def get(self, key):
        self._there()
        return self.kept.get(key)

    async def delete(self, key, revision):
        self._there()
        if self.moved is not None:
            self.kept[key] = self.moved
            raise WrongRevision("another wrote")
        assert self.kept.pop(key).revision == revision

    async def items(self, pattern):
        self._there()
        return {key: entry for key, entry in self.kept.items() if key.startswith(pattern.rstrip("*"))}


@pytest.fixture
async def bucket():
    return Bucket()


@asynccontextmanager
async def replica(bucket, name="one"):
    made = Registrations(None, "gb28181", name)
    made._bucket = bucket
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def binding(code=CODE, port=5060):
    now = time.time()
    return Binding(code, Peer("udp", "192.0.2.7", port), "", now + 3600, now)


def entry(code=CODE, held_by="one"):
    made = binding(code)
    value = Registration(
        device="gate",
        replica=held_by,
        expires_at=datetime.fromtimestamp(made.expires_at, UTC),
        binding=made.to_json(),
    )
    return Entry(keys.registration("gb28181", code), value, 7, datetime.now(UTC))


def kept(bucket):
    """The port of each device, as the bucket has it."""
    return {each.value.binding["code"]: each.value.binding["peer"][2] for each in bucket.kept.values()}


async def test_what_is_newest_is_written_once_the_bus_is_back(bucket):
    bucket.away = True
    async with replica(bucket) as registrations:
        registrations.keep("gate", binding())
        registrations.keep("yard", binding(OTHER))
        await asyncio.sleep(30)
        assert bucket.tries > 10  # again and again
        registrations.keep("gate", binding(port=5070))
        registrations.drop(OTHER)
        await asyncio.sleep(30)
        assert kept(bucket) == {}
        bucket.away = False
        await asyncio.sleep(3)
        assert kept(bucket) == {CODE: 5070}
        tries = bucket.tries
        await asyncio.sleep(60)
        assert bucket.tries == tries  # and that was all


async def test_what_changes_while_it_is_written_is_written_again(bucket):
    async with replica(bucket) as registrations:
        registrations.keep("gate", binding())
        await asyncio.sleep(0.005)
        registrations.keep("gate", binding(port=5070))
        await asyncio.sleep(1)
        assert kept(bucket) == {CODE: 5070}


async def test_a_device_that_is_with_another_replica_is_neither_restored_nor_dropped(bucket):
    for each in (entry(CODE, "two"), entry(OTHER, "one")):
        bucket.kept[each.key] = each
    async with replica(bucket) as registrations:
        assert [each.code for each in await registrations.restore()] == [OTHER]
        registrations.drop(CODE)
        registrations.drop(OTHER)
        await asyncio.sleep(1)
        assert kept(bucket) == {CODE: 5060}


async def test_a_device_that_goes_to_another_replica_meanwhile_stays_there(bucket):
    ours = entry()
    bucket.kept[ours.key] = ours
    bucket.moved = entry(held_by="two")
    async with replica(bucket) as registrations:
        registrations.drop(CODE)
        await asyncio.sleep(5)
        tries = bucket.tries
        await asyncio.sleep(60)
        assert bucket.tries == tries  # it is not tried again
    assert [each.value.replica for each in bucket.kept.values()] == ["two"]
