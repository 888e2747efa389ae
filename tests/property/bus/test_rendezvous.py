"""Rendezvous hashing: everybody agrees, nobody moves without a reason, the load is even."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cambus.bus.rendezvous import preferred_owner, share_of
from cambus.schemas.keys import SHARDS, shard_of

names = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
groups = st.sets(names, min_size=1, max_size=6)


@given(groups)
def test_every_shard_has_exactly_one_preferred_owner(members):
    shares = [share_of(member, members) for member in members]
    assert sum(len(share) for share in shares) == SHARDS
    assert frozenset().union(*shares) == frozenset(range(SHARDS))


@given(groups, st.randoms())
def test_the_order_of_the_list_does_not_matter(members, random):
    shuffled = list(members)
    random.shuffle(shuffled)
    assert all(preferred_owner(s, members) == preferred_owner(s, shuffled) for s in range(SHARDS))


@given(groups, names)
def test_a_newcomer_takes_only_its_own_share(members, newcomer):
    for shard in range(SHARDS):
        before, after = preferred_owner(shard, members), preferred_owner(shard, members | {newcomer})
        assert after in (before, newcomer)


@given(st.sets(names, min_size=2, max_size=6))
def test_a_leaver_moves_only_its_own_share(members):
    leaver = min(members)
    for shard in range(SHARDS):
        before, after = preferred_owner(shard, members), preferred_owner(shard, members - {leaver})
        assert after == before or before == leaver


def test_three_replicas_share_evenly():
    members = ["connector-dvrip-0", "connector-dvrip-1", "connector-dvrip-2"]
    assert all(60 <= len(share_of(member, members)) <= 115 for member in members)


def test_devices_spread_over_the_shards():
    counts = Counter(shard_of(f"camera-{number}") for number in range(10_000))
    assert len(counts) == SHARDS
    assert max(counts.values()) < 80


def test_without_members_nobody_is_preferred():
    assert preferred_owner(0, []) is None
