"""Taking, keeping and giving up shards, on a clock that jumps."""

import asyncio

import pytest

from cambus.bus.rendezvous import share_of
from cambus.client.errors import BusUnavailable
from cambus.connector.errors import EndReason
from cambus.connector.ownership import Ownership
from cambus.schemas.keys import shard_lease

TTL_S = 20.0


class FakeLease:
    def __init__(self, epoch):
        self.epoch = epoch


class FakeLeases:
    """The leases of all replicas, in one table; epochs rise."""

    def __init__(self):
        self.table = {}
        self.epoch = 0
        self.away = False

    def keeper(self, name):
        return FakeKeeper(self, name)


class FakeKeeper:
    def __init__(self, leases, name):
        self.leases = leases
        self.name = name

    async def acquire(self, key):
        await asyncio.sleep(0)
        if self.leases.away:
            raise BusUnavailable("away")
        holder = self.leases.table.setdefault(key, self.name)
        if holder != self.name:
            return None
        self.leases.epoch += 1
        return FakeLease(self.leases.epoch)

    async def release(self, key):
        await asyncio.sleep(0)
        if self.leases.table.get(key) == self.name and not self.leases.away:
            del self.leases.table[key]

    def valid(self, key):
        return self.leases.table.get(key) == self.name


class FakeMembers:
    def __init__(self, name, alive):
        self.name = name
        self.everybody = alive
        self.left = False

    def alive(self, now):
        return frozenset(self.everybody)

    async def synced(self):
        pass

    async def leave(self):
        self.left = True
        self.everybody.discard(self.name)


class FakeHolder:
    def __init__(self, log, name, used):
        self.log = log
        self.name = name
        self.used = used
        self.running = {}
        self.occupied = set()

    def shards(self):
        return frozenset(self.used)

    async def gained(self, shard, epoch):
        self.log.append((self.name, "gained", shard))
        self.running[shard] = epoch

    def busy(self, shard):
        return shard in self.occupied

    def fenced(self, shard):
        self.log.append((self.name, "fenced", shard))

    async def lost(self, shard, reason):
        await asyncio.sleep(0.1)
        self.log.append((self.name, reason.value, shard))
        self.running.pop(shard, None)


class FakeHistory:
    """What becomes of alarms."""

    def __init__(self):
        self.taken = []
        self.waiting = set()
        self.settling = asyncio.Event()
        self.settling.set()

    def took_over(self, shard, lease):
        self.taken.append((shard, lease.epoch))

    def pending(self, shard):
        return shard in self.waiting

    async def settled(self):
        await self.settling.wait()


class World:
    """Some replicas over one table of leases; every one with the same devices."""

    def __init__(self, used=range(256)):
        self.leases = FakeLeases()
        self.alive = set()
        self.used = set(used)
        self.log = []
        self.tasks = []

    def add(self, name, history=None):
        self.alive.add(name)
        holder = FakeHolder(self.log, name, self.used)
        ownership = Ownership(
            self.leases.keeper(name),
            FakeMembers(name, self.alive),
            "dvrip",
            holder,
            ttl_s=TTL_S,
            history=history or FakeHistory(),
        )
        task = asyncio.create_task(ownership.run())
        self.tasks.append(task)
        return ownership, holder


@pytest.fixture
async def world():
    made = World()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_one_replica_takes_every_shard_that_has_devices(world):
    world.used.clear()
    world.used.update({1, 7, 200})
    ownership, holder = world.add("a")
    await asyncio.sleep(1)
    assert set(ownership.held) == set(holder.running) == {1, 7, 200}


async def test_three_replicas_hold_their_shares(world):
    replicas = {name: world.add(name) for name in "abc"}
    await asyncio.sleep(5)
    for name, (ownership, holder) in replicas.items():
        assert set(ownership.held) == set(holder.running) == share_of(name, "abc")


async def test_what_the_devices_have_told_is_known_before_another_may_have_them(world):
    world.used.clear()
    world.used.add(7)
    history = FakeHistory()
    ownership, _holder = world.add("a", history)
    await asyncio.sleep(1)
    history.settling.clear()
    stopping = asyncio.create_task(ownership.stop())
    await asyncio.sleep(1)
    assert world.log == [("a", "gained", 7), ("a", "handed-over", 7)]
    assert world.leases.table == {shard_lease("dvrip", 7): "a"}
    history.settling.set()
    await stopping
    assert world.leases.table == {}


async def test_of_a_shard_that_is_taken_the_alarms_are_told_before_any_session(world):
    world.used.clear()
    world.used.add(7)
    history = FakeHistory()
    history.took_over = lambda shard, lease: world.log.append(("history", shard, lease.epoch))
    world.add("a", history)
    await asyncio.sleep(1)
    assert world.log == [("history", 7, 1), ("a", "gained", 7)]


async def test_a_shard_whose_alarms_wait_moves_once_they_do_not(world):
    history = FakeHistory()
    history.waiting = set(range(256))
    ownership, _holder = world.add("a", history)
    await asyncio.sleep(1)
    other, _ = world.add("b")
    await asyncio.sleep(5)
    assert not other.held
    history.waiting = set()
    await asyncio.sleep(5)
    assert set(other.held) == share_of("b", "ab")
    assert set(ownership.held) == share_of("a", "ab")


async def test_while_a_shard_is_fenced_nothing_is_certain(world):
    ownership, _holder = world.add("a")
    await asyncio.sleep(2)
    assert ownership.certain()
    world.leases.away = True
    ownership.lease_lost(shard_lease("dvrip", 3))
    assert not ownership.certain()
    world.leases.away = False
    await asyncio.sleep(2)
    assert ownership.certain()


async def test_a_newcomer_gets_its_share_after_the_sessions_were_closed(world):
    world.add("a")
    await asyncio.sleep(2)
    world.log.clear()
    world.add("b")
    await asyncio.sleep(5)
    moved = share_of("b", "ab")
    assert {shard for name, what, shard in world.log if what == "gained"} == moved
    for shard in moved:
        events = [(name, what) for name, what, of in world.log if of == shard]
        assert events == [("a", "handed-over"), ("b", "gained")]


async def test_a_shard_that_is_busy_changes_hands_when_it_is_not(world):
    ownership, holder = world.add("a")
    await asyncio.sleep(2)
    moving = share_of("b", "ab")
    busy = next(iter(moving))
    holder.occupied.add(busy)
    other, _ = world.add("b")
    await asyncio.sleep(5)
    assert set(other.held) == moving - {busy}
    assert busy in ownership.held
    holder.occupied.clear()
    await asyncio.sleep(2)
    assert set(other.held) == moving


async def test_a_stop_gives_back_everything_and_takes_nothing_more(world):
    first, holder = world.add("a")
    second, _ = world.add("b")
    await asyncio.sleep(5)
    await first.stop()
    await asyncio.sleep(2)
    assert first.held == {}
    assert holder.running == {}
    assert len(second.held) == 256


async def test_a_shard_without_devices_is_given_back_after_a_while(world):
    ownership, _ = world.add("a")
    await asyncio.sleep(2)
    world.used.discard(7)
    await asyncio.sleep(3)
    assert 7 in ownership.held
    await asyncio.sleep(5)
    assert 7 not in ownership.held


async def test_a_shard_that_gets_devices_is_taken_when_told(world):
    world.used.clear()
    ownership, _ = world.add("a")
    await asyncio.sleep(2)
    world.used.add(9)
    ownership.wake()
    await asyncio.sleep(0.1)
    assert 9 in ownership.held


async def test_a_lease_that_ran_out_fences_and_is_taken_back_with_a_new_epoch(world):
    ownership, _holder = world.add("a")
    await asyncio.sleep(2)
    epoch = ownership.held[3]
    ownership.lease_lost(shard_lease("dvrip", 3))
    assert not ownership.valid(3)
    await asyncio.sleep(2)
    assert world.log[-2:] == [("a", "fenced", 3), ("a", "gained", 3)]
    assert ownership.held[3] > epoch


async def test_sessions_survive_an_outage_shorter_than_three_times_to_live(world):
    ownership, holder = world.add("a")
    await asyncio.sleep(2)
    world.leases.away = True
    ownership.lease_lost(shard_lease("dvrip", 3))
    await asyncio.sleep(2 * TTL_S - 2)
    assert 3 in holder.running
    world.leases.away = False
    await asyncio.sleep(2)
    assert ownership.valid(3)
    assert ("a", "ownership-lost", 3) not in world.log


async def test_sessions_end_in_an_outage_longer_than_that(world):
    ownership, holder = world.add("a")
    await asyncio.sleep(2)
    world.leases.away = True
    ownership.lease_lost(shard_lease("dvrip", 3))
    await asyncio.sleep(2 * TTL_S + 2)
    assert 3 not in holder.running
    world.leases.away = False
    await asyncio.sleep(2)
    assert ownership.valid(3)


async def test_sessions_end_as_soon_as_another_owner_is_seen(world):
    ownership, holder = world.add("a")
    await asyncio.sleep(2)
    world.leases.table[shard_lease("dvrip", 3)] = "b"
    ownership.lease_lost(shard_lease("dvrip", 3))
    await asyncio.sleep(1)
    assert 3 not in holder.running
    assert ("a", EndReason.OWNERSHIP_LOST.value, 3) in world.log


async def test_no_shard_is_ever_run_by_two(world):
    replicas = [world.add("a")]
    for name in "bcd":
        await asyncio.sleep(1.3)
        replicas.append(world.add(name))
    for ownership, _ in replicas[:3]:
        await asyncio.sleep(1.7)
        await ownership.stop()
    await asyncio.sleep(3)
    running = {}
    for name, what, shard in world.log:
        if what == "gained":
            assert running.setdefault(shard, name) == name
        else:
            assert running.pop(shard) == name
    assert set(running.values()) == {"d"}


async def test_the_loss_of_a_lease_nobody_holds_is_no_news(world):
    ownership, _ = world.add("a")
    await asyncio.sleep(2)
    world.log.clear()
    ownership.lease_lost("shard.onvif.3")
    assert world.log == []
