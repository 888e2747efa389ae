"""How many devices may be under way, in all and of those that share something."""

from hypothesis import given
from hypothesis import strategies as st

from cambus.schemas.state.rollout import MIN_BYTES_PER_S, RolloutRules, TagLimit
from cambus.upgrade_manager.turns import Room

TAGS = {
    "a": ["site:north", "floor:1"],
    "b": ["site:north", "floor:2"],
    "c": ["site:south", "floor:1"],
    "d": [],
}


def tags(device: str) -> list[str]:
    return TAGS.get(device, [])


def taken(room: Room, *devices: str) -> list[str]:
    return [device for device in devices if room.take(device)]


def test_only_so_many_in_all() -> None:
    room = Room(RolloutRules(concurrency=3), ["a"], tags)
    assert taken(room, "b", "c", "d") == ["b", "c"]
    assert room.is_full


def test_devices_that_share_a_tag_have_a_limit_of_their_own() -> None:
    rules = RolloutRules(concurrency=9, limits=[TagLimit(tag="site:*", concurrency=1)])
    assert taken(Room(rules, [], tags), "a", "b", "c", "d") == ["a", "c", "d"]
    assert taken(Room(rules, ["b"], tags), "a", "c", "d") == ["c", "d"]


def test_every_limit_counts() -> None:
    limits = [TagLimit(tag="site:*", concurrency=2), TagLimit(tag="floor:1", concurrency=1)]
    assert taken(Room(RolloutRules(concurrency=9, limits=limits), [], tags), "a", "b", "c") == ["a", "b"]


@given(st.integers(1, 100), st.integers(MIN_BYTES_PER_S, 1 << 30))
def test_shares_of_the_bandwidth_never_exceed_it_and_are_never_too_thin(devices: int, limit: int) -> None:
    rules = RolloutRules(concurrency=devices, max_bytes_per_s=limit)
    share = rules.share_bytes_per_s
    assert share is not None
    assert 1 <= rules.at_a_time <= devices
    assert share >= MIN_BYTES_PER_S
    assert share * rules.at_a_time <= limit


def test_without_a_limit_there_are_no_shares() -> None:
    assert (RolloutRules(concurrency=7).at_a_time, RolloutRules().share_bytes_per_s) == (7, None)
