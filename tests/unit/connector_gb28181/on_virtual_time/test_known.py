"""What devices have said of themselves is kept, at once or as soon as the bus takes it (GB-265)."""

import asyncio
from datetime import UTC, datetime

import pytest

from cambus.client.errors import BusError
from cambus.client.kv import Entry
from cambus.connector_gb28181.known import KnownDevices
from cambus.schemas.errors import BadRequest
from cambus.schemas.state.registrations import KnownDevice

CODE, NEW = "34020000001310000001", "34020000001310000002"


class Bucket:
    """A bucket on a bus that can be away."""

    def __init__(self):
        self.kept = None
        self.error = None
        self.tries = 0

    async def get(self, key):
        return self.kept

    async def put(self, key, value):
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.kept = Entry(key, value, self.tries, datetime.now(UTC))
        return self.tries


@pytest.fixture
async def bucket():
    return Bucket()


@pytest.fixture
async def memory(bucket):
    kept = KnownDevices(None, "gb28181")
    kept.devices = bucket
    made = kept.of("gate")
    await made.read()
    return made


def known(**numbers):
    return KnownDevice(device="gate", numbers={code[1:]: number for code, number in numbers.items()}), ()


async def test_what_the_bus_does_not_take_is_offered_again_as_it_is_then(memory, bucket):
    now = [known(**{f"c{CODE}": 0})]
    bucket.error = BusError("away")
    with pytest.raises(BusError):
        await memory.write(lambda: now[0])
    memory.overdue = True
    catching_up = asyncio.create_task(memory.catch_up(lambda: now[0]))
    await asyncio.sleep(60)
    assert bucket.tries > 5
    assert memory.overdue
    now[0] = known(**{f"c{CODE}": 0, f"c{NEW}": 1})
    bucket.error = None
    await catching_up
    assert not memory.overdue
    assert bucket.kept.value.numbers == {CODE: 0, NEW: 1}


async def test_what_it_never_takes_is_not_offered_for_ever(memory, bucket):
    bucket.error = BadRequest("more than a message may hold")
    memory.overdue = True
    await memory.catch_up(lambda: known(**{f"c{CODE}": 0}))
    assert (memory.overdue, bucket.tries) == (False, 1)
