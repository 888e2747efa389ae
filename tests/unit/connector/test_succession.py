"""For whom the alarms of a device that was taken over wait, and for how long."""

import asyncio
from types import SimpleNamespace

import pytest

from cambus.bus.leases import Before
from cambus.bus.members import NOTHING, Waiting
from cambus.bus.metrics import Metrics
from cambus.bus.outbox import HeldBack
from cambus.client.errors import BusUnavailable
from cambus.connector import succession
from cambus.connector.succession import Succession

WAIT_S = 100.0


class FakeEvents:
    def __init__(self):
        self.held_back = {}
        self.waiting = False
        self.log = []

    def hold_back(self, device, since):
        self.held_back.setdefault(device, HeldBack(0, since))

    def keep(self, device, letters):
        self.held_back[device] = HeldBack(letters, self.held_back[device].since)

    def let_go(self, device):
        if self.held_back.pop(device, None) is not None:
            self.log.append(device)


class FakeMembers:
    """The words of the others: revision, and what waits on their disks."""

    name = "us"

    def __init__(self):
        self.words = {}
        self.here = set()
        self.said = 0

    def speak(self, name, revision, outbox=NOTHING):
        self.words[name] = revision, outbox

    def outbox(self, name):
        return self.words[name][1] if name in self.words else None

    def heard_at(self, name):
        return self.words[name][0] if name in self.words else 0

    def speaking(self, name, now):
        return name in self.here

    async def synced(self):
        pass

    async def say(self):
        self.said += 1


class FakeBucket:
    """The outboxes that are said to be open."""

    def __init__(self, *arguments):
        self.synced = asyncio.Event()
        self.news = asyncio.Queue()
        self.log = []
        self.away = False

    def watch(self, keys, resync_s):
        return self

    async def __aiter__(self):
        self.synced.set()
        while True:
            yield await self.news.get()

    async def put(self, key, value, ttl_s):
        if self.away:
            raise BusUnavailable("away")
        self.log.append((key, ttl_s))
        return 1000

    async def delete(self, key):
        if self.away:
            raise BusUnavailable("away")
        self.log.append((key, None))

    def opened(self, name):
        self.news.put_nowait((f"outbox.connector-x.{name}", object()))

    def closed(self, name):
        self.news.put_nowait((f"outbox.connector-x.{name}", None))


class World:
    def __init__(self, wait_s=WAIT_S):
        self.events, self.members, self.is_certain = FakeEvents(), FakeMembers(), True
        self.metrics = Metrics()
        self.us = Succession(
            SimpleNamespace(metrics=self.metrics),
            "connector-x",
            self.events,
            self.members,
            wait_s=wait_s,
            certain=lambda: self.is_certain,
        )
        self.bucket = self.us._bucket
        self.task = asyncio.create_task(self.us.run())

    async def others(self, *names):
        for name in names:
            self.bucket.opened(name)
        await moment()


@pytest.fixture
async def make(monkeypatch):
    monkeypatch.setattr(succession, "KeyValue", FakeBucket)
    made = []

    def build(**options):
        made.append(World(**options))
        return made[-1]

    yield build
    for world in made:
        world.task.cancel()
    if made:
        await asyncio.wait([world.task for world in made])


@pytest.fixture
async def world(make):
    """The former replica is known, and says nothing."""
    made = make()
    await made.others("us", "former")
    return made


async def moment():
    await asyncio.sleep(2 * succession.LOOK_S)


async def test_alarms_wait_until_the_former_replica_has_spoken_since(world):
    world.us.took_over({"gate", "yard"}, 50, Before.UNKNOWN)
    assert world.us.pending(["gate"])
    world.members.speak("former", 49)
    await moment()
    assert set(world.events.held_back) == {"gate", "yard"}
    world.members.speak("former", 51, Waiting(waiting=True))
    await moment()
    assert set(world.events.held_back) == {"gate", "yard"}
    world.members.speak("former", 52)
    await moment()
    assert sorted(world.events.log) == ["gate", "yard"]
    assert not world.us.pending(["gate", "yard"])


async def test_or_until_it_has_stopped_in_order(world):
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    world.bucket.closed("former")
    await moment()
    assert world.events.log == ["gate"]


async def test_or_until_it_takes_too_long(world, caplog):
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    await asyncio.sleep(WAIT_S - 1)
    assert world.events.log == []
    await asyncio.sleep(1 + succession.LOOK_S)
    assert world.events.log == ["gate"]
    assert b'cambus_successions_total{end="given-up"} 1.0' in world.metrics.render()
    assert [record.replica for record in caplog.records if "may come late" in record.message] == ["former"]


async def test_one_that_is_back_and_still_sends_gets_more_time_but_not_for_ever(world):
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    world.members.here.add("former")
    world.members.speak("former", 51, Waiting(waiting=True))
    await asyncio.sleep(succession.STILL_SENDING * WAIT_S - 1)
    assert world.events.log == []
    await asyncio.sleep(1 + succession.LOOK_S)
    assert world.events.log == ["gate"]


@pytest.mark.parametrize(
    ("before", "outbox", "waits"),
    [
        (Before.OURS, Waiting(waiting=True), False),
        (Before.GIVEN_BACK, NOTHING, False),
        (Before.GIVEN_BACK, Waiting(waiting=True), True),
        (Before.GIVEN_BACK, Waiting(held_from=9), True),
        (Before.UNKNOWN, NOTHING, False),
        (Before.UNKNOWN, Waiting(waiting=True), True),
    ],
)
async def test_who_lives_is_waited_for_if_it_has_something_and_we_had_not(world, before, outbox, waits):
    world.members.here.add("former")
    world.members.speak("former", 40, outbox)
    world.us.took_over({"gate"}, 50, before)
    assert bool(world.events.held_back) is waits


async def test_one_that_is_silent_may_have_died_since_it_said_that_nothing_waits(world):
    world.members.speak("former", 49)
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    assert "gate" in world.events.held_back


async def test_of_a_device_whose_former_replica_is_known_only_that_one_counts(world):
    await world.others("another")
    world.us.took_over({"gate"}, 50, Before.UNKNOWN, "former")
    world.members.speak("former", 51)
    await moment()
    assert world.events.log == ["gate"]


async def test_alarms_that_others_took_over_earlier_are_waited_for_and_later_ones_are_not(world):
    await world.others("heir")
    world.members.here.add("former")
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    world.members.speak("heir", 60, Waiting(held_from=30))
    await moment()
    assert world.events.log == []
    world.members.speak("heir", 61, Waiting(held_from=55))
    await moment()
    assert world.events.log == ["gate"]


async def test_what_a_killed_run_held_back_waits_on_from_when_that_began(make):
    world = make()
    world.events.hold_back("gate", 30)
    world.members.here.add("former")
    await world.others("former")
    await world.us.open()
    world.members.speak("former", 999)
    await moment()
    assert world.events.log == []
    world.members.speak("former", 1001, Waiting(held_from=31))
    await moment()
    assert world.events.log == ["gate"]


async def test_what_a_killed_run_held_back_goes_if_there_is_nobody_else(make):
    world = make()
    world.events.hold_back("gate", 30)
    await world.us.open()
    assert world.events.log == ["gate"]


async def test_a_device_that_is_taken_over_twice_waits_for_both(world):
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    await world.others("heir")
    world.members.speak("former", 60)
    world.us.took_over({"gate"}, 70, Before.UNKNOWN, "heir")
    world.members.speak("heir", 71)
    await moment()
    assert world.events.log == []
    world.members.speak("former", 72)
    await moment()
    assert world.events.log == ["gate"]


async def test_who_is_told_not_to_wait_does_not(make):
    world = make(wait_s=0)
    await world.others("former")
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    assert not world.events.held_back


async def test_others_are_told_at_once_when_something_waits_and_when_it_no_longer_does(world):
    assert world.us.outbox() == NOTHING
    world.events.waiting = True
    await moment()
    assert (world.us.outbox(), world.members.said) == (Waiting(waiting=True), 1)
    world.events.waiting, world.is_certain = False, False
    await moment()
    assert (world.us.outbox(), world.members.said) == (Waiting(waiting=True), 1)
    world.is_certain = True
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    await moment()
    assert (world.us.outbox(), world.members.said) == (NOTHING, 2)
    world.events.keep("gate", 1)
    await moment()
    assert (world.us.outbox(), world.members.said) == (Waiting(held_from=50), 3)


async def test_that_the_outbox_is_open_is_said_until_nats_hears_it_and_now_and_then(make):
    world = make()
    world.bucket.away = True
    opening = asyncio.create_task(world.us.open())
    await asyncio.sleep(10)
    assert not opening.done()
    world.bucket.away = False
    await opening
    said = ("outbox.connector-x.us", succession.KNOWN_S)
    assert world.bucket.log == [said]
    await asyncio.sleep(succession.REMIND_S + 1)
    assert world.bucket.log == [said] * 2


async def test_at_a_stop_nothing_stays_behind(world):
    world.us.took_over({"gate"}, 50, Before.UNKNOWN)
    world.us.let_all_go()
    assert world.events.log == ["gate"]
    assert not world.us.pending(["gate"])
    await world.us.close()
    assert world.bucket.log == [("outbox.connector-x.us", None)]
    world.bucket.away = True
    await world.us.close()
