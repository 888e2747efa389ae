"""Leases against a real server; the holder's clock is a hand-moved one."""

import asyncio
import json

import pytest

from cambus.bus.assets import Asset, bucket_config, ensure_stream
from cambus.bus.connection import Bus
from cambus.bus.leases import LeaseKeeper
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.kv import read_raw

KEY = "shard.dvrip.7"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def bucket(bus, unique):
    await ensure_stream(bus, bucket_config(Asset(unique, 4 << 20, ttl=True), replicas=1))
    yield unique
    await bus.jetstream.call(f"STREAM.DELETE.KV_{unique}")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keeper(bus, bucket, clock):
    def make(holder="replica-1", **options):
        return LeaseKeeper(
            bus, **{"holder": holder, "bucket": bucket, "clock": clock, "ttl_s": 25.0} | options
        )

    return make


async def test_one_of_two_gets_a_lease(keeper):
    first, second = keeper("a"), keeper("b")
    outcomes = await asyncio.gather(first.acquire(KEY), second.acquire(KEY))
    assert [outcome is not None for outcome in outcomes].count(True) == 1
    assert [first.valid(KEY), second.valid(KEY)].count(True) == 1


async def test_acquiring_again_returns_the_same_lease(keeper):
    mine = keeper()
    assert await mine.acquire(KEY) is await mine.acquire(KEY)


async def test_a_released_lease_can_be_taken_at_once_with_a_higher_epoch(keeper):
    first, second = keeper("a"), keeper("b")
    lease = await first.acquire(KEY)
    await first.release(KEY)
    assert lease.lost.is_set()
    assert not first.valid(KEY)
    taken = await second.acquire(KEY)
    assert taken.epoch > lease.epoch


async def test_a_restarted_replica_takes_its_own_back_at_once(keeper):
    lease = await keeper("a").acquire(KEY)
    again = await keeper("a").acquire(KEY)  # a new process: another incarnation
    assert again.epoch > lease.epoch


async def test_a_crashed_holder_is_replaced_after_its_time_to_live(keeper, eventually):
    crashed, other = keeper("a", ttl_s=2.0, margin_s=0.5), keeper("b")
    await crashed.acquire(KEY)
    assert await other.acquire(KEY) is None
    await eventually(lambda: other.acquire(KEY))
    assert (await other.holders())[KEY].value.holder == "b"


async def test_a_renewed_lease_keeps_its_epoch_and_outlives_its_first_term(keeper, clock):
    mine = keeper()
    lease = await mine.acquire(KEY)
    for _ in range(8):
        clock.now += 5
        await mine.renew_due()
    assert mine.valid(KEY)
    assert mine.held[KEY].epoch == lease.epoch
    assert mine.held[KEY].revision > lease.epoch


async def test_a_lease_is_not_renewed_before_it_is_due(keeper, clock):
    mine = keeper()
    lease = await mine.acquire(KEY)
    clock.now += 4.9
    await mine.renew_due()
    assert lease.revision == lease.epoch


async def test_a_renewal_carries_the_time_to_live(bus, keeper, clock, bucket, eventually):
    """A KV update would not: the key would stay for ever after a crash."""
    mine = keeper(ttl_s=2.0, margin_s=0.5)
    await mine.acquire(KEY)
    clock.now += 1
    await mine.renew_due()

    async def gone():
        return await read_raw(bus, bucket, KEY) is None

    await eventually(gone)


async def test_the_holder_fences_itself_before_the_server_lets_go(keeper, clock):
    lost = []
    mine = keeper(on_lost=lost.append)
    lease = await mine.acquire(KEY)
    clock.now += 21.9
    mine.fence()
    assert mine.valid(KEY)
    assert mine.remaining_s(KEY) == pytest.approx(0.1)
    clock.now += 0.1
    assert not mine.valid(KEY)  # true at once, before anything has run
    mine.fence()
    assert lost == [KEY]
    assert lease.lost.is_set()
    assert KEY not in mine.held


async def test_a_lease_taken_by_another_is_lost_at_the_next_renewal(bus, keeper, clock, bucket):
    lost = []
    mine, other = keeper("a", on_lost=lost.append), keeper("b")
    await mine.acquire(KEY)
    await bus.jetstream.call(f"STREAM.PURGE.KV_{bucket}")
    await other.acquire(KEY)
    clock.now += 6
    await mine.renew_due()
    assert lost == [KEY]
    assert (await mine.holders())[KEY].value.holder == "b"


async def test_a_lease_whose_key_vanished_is_lost(bus, keeper, clock, bucket):
    lost = []
    mine = keeper(on_lost=lost.append)
    await mine.acquire(KEY)
    await bus.jetstream.call(f"STREAM.PURGE.KV_{bucket}")
    clock.now += 6
    await mine.renew_due()
    assert lost == [KEY]


async def test_a_renewal_whose_acknowledgement_got_lost_is_recognised_as_ours(keeper, clock):
    mine = keeper()
    lease = await mine.acquire(KEY)
    await mine._write(KEY, lease.since, expected=lease.revision)  # stored, and we never heard of it
    clock.now += 6
    await mine.renew_due()
    assert mine.valid(KEY)
    assert mine.remaining_s(KEY) == pytest.approx(22.0)


async def test_release_all_gives_everything_back(keeper):
    mine, other = keeper("a"), keeper("b")
    keys = [f"shard.dvrip.{n}" for n in range(20)]
    for key in keys:
        await mine.acquire(key)
    await mine.release_all()
    assert mine.held == {}
    assert all([await other.acquire(key) for key in keys])


async def test_renewals_fail_and_the_lease_is_fenced_while_nats_is_away(eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_stream(bus, bucket_config(Asset("leases", 4 << 20, ttl=True), replicas=1))
        lost = asyncio.Event()
        mine = LeaseKeeper(
            bus, holder="a", bucket="leases", ttl_s=2.0, margin_s=0.5, on_lost=lambda _: lost.set()
        )
        lease = await mine.acquire(KEY)
        server.suspend()
        keeping = asyncio.ensure_future(mine.run())
        async with asyncio.timeout(20):
            await lost.wait()
        assert lease.lost.is_set()
        server.resume()
        keeping.cancel()
        await asyncio.wait({keeping})


async def test_a_lease_is_kept_over_a_restart_of_nats(eventually):
    async with NatsServer() as server, await Bus.connect(BusSettings(nats_url=server.url)) as bus:
        await ensure_stream(bus, bucket_config(Asset("leases", 4 << 20, ttl=True), replicas=1))
        lost = []
        mine = LeaseKeeper(bus, holder="a", bucket="leases", ttl_s=5.0, margin_s=1.0, on_lost=lost.append)
        lease = await mine.acquire(KEY)
        keeping = asyncio.ensure_future(mine.run())
        await server.restart()
        before = lease.revision
        await eventually(lambda: lease.revision > before)
        assert lost == []
        keeping.cancel()
        await asyncio.wait({keeping})


async def test_a_lease_the_server_keeps_too_long_is_replaced_once_it_was_seen_unrenewed_for_its_time(
    keeper, clock
):
    """As after the server's clock was set back: it lets the key of a dead holder go hours late."""
    dead, other = keeper("a"), keeper("b")
    lease = await dead.acquire(KEY)
    assert await other.acquire(KEY) is None
    clock.now += 24.9
    assert await other.acquire(KEY) is None
    clock.now += 0.2
    assert not dead.valid(KEY)
    taken = await other.acquire(KEY)
    assert taken.epoch > lease.epoch


async def test_a_lease_that_is_renewed_is_never_replaced_however_long_somebody_waits(keeper, clock):
    mine, other = keeper("a"), keeper("b")
    await mine.acquire(KEY)
    for _ in range(20):
        assert await other.acquire(KEY) is None
        clock.now += 6
        await mine.renew_due()
    assert mine.valid(KEY)


async def test_what_happens_to_a_lease_is_written_down(bus, bucket, clock, tmp_path):
    path = tmp_path / "leases.jsonl"
    kept = BusSettings(nats_url=bus.settings.nats_url, lease_history=path)
    async with await Bus.connect(kept) as connection:
        keeper = LeaseKeeper(connection, holder="a", bucket=bucket, clock=clock)
        lease = await keeper.acquire(KEY)
        clock.now += 6
        await keeper.renew_due()
        clock.now += 22
        keeper.fence()
        again = await keeper.acquire(KEY)
        await keeper.release(KEY)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["what"], line["at"], line["epoch"], line["until"]) for line in lines] == [
        ("taken", 1000.0, lease.epoch, 1022.0),
        ("renewed", 1006.0, lease.epoch, 1028.0),
        ("lost", 1028.0, lease.epoch, 1028.0),
        ("taken", 1028.0, again.epoch, 1050.0),
        ("released", 1028.0, again.epoch, 1050.0),
    ]
    assert {line["run"] for line in lines} == {keeper.incarnation}


def test_a_margin_that_leaves_no_time_to_renew_is_refused(bus_settings):
    class NoBus:
        settings = bus_settings

    with pytest.raises(ValueError, match="margin"):
        LeaseKeeper(NoBus(), ttl_s=10, margin_s=8)
