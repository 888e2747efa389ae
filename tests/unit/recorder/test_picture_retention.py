"""Which pictures go: by age, by size, and never those that no policy had taken."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cambus.client.objects import StoredObject
from cambus.recorder.picture_retention import bounds_of, doomed_of
from cambus.recorder.policies import PolicyBook
from cambus.schemas.assets import PICTURE_CAUSE
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import PicturePlan, RecordingPolicy, Retention

NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)
GATE = ("gate-1", 0)


def picture(
    age_s: float, size: int = 100, *, name: str = "gate-1/0", cause: str | None = "schedule"
) -> StoredObject:
    at = NOW - timedelta(seconds=age_s)
    headers = {} if cause is None else {PICTURE_CAUSE: cause}
    return StoredObject("cambus-pictures", f"{name}/{at:%Y%m%dT%H%M%S.%f}Z.jpg", size, "", 1, "", at, headers)


def doomed(
    pictures: list[StoredObject], *, age: int | None = None, size: int | None = None
) -> list[tuple[float, str]]:
    bounds = {GATE: Retention(max_age_s=age, max_bytes=size)}
    return sorted(
        ((NOW - each.picture.modified).total_seconds(), each.reason)
        for each in doomed_of(pictures, bounds, NOW)
    )


def test_what_is_too_old_goes_and_the_oldest_of_what_is_too_much() -> None:
    pictures = [picture(age) for age in (300, 10, 100, 20)]
    assert doomed(pictures, age=99) == [(100, "age"), (300, "age")]
    assert doomed(pictures, size=250) == [(100, "size"), (300, "size")]
    assert doomed(pictures, age=200, size=300) == [(300, "age")]
    assert doomed(pictures, age=1000, size=1000) == []


def test_what_no_policy_had_taken_stays() -> None:
    others = [
        picture(500, cause="command"),
        picture(500, cause="device"),
        picture(500, cause=None),
        picture(500, name="gate-1/1"),
        picture(500, name="door/0"),
        picture(500, name="gate-1/0/x"),
        picture(500, name="gate-1/x"),
    ]
    assert doomed([*others, picture(500, cause="alarm")], age=1, size=1) == [(500, "age")]


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 500)), max_size=30, unique_by=lambda one: one[0]),
    st.integers(1, 1000),
    st.integers(1, 3000),
)
def test_what_stays_fits_and_nothing_that_fits_goes(
    facts: list[tuple[int, int]], age: int, size: int
) -> None:
    gone = {round(each) for each, _ in doomed([picture(*each) for each in facts], age=age, size=size)}
    kept = sorted(each for each in facts if each[0] not in gone)
    assert all(each <= age for each, _ in kept)
    assert sum(each for _, each in kept) <= size
    for youngest, weight in sorted(each for each in facts if each[0] in gone)[:1]:
        before = sum(each for at, each in kept if at < youngest)
        assert youngest > age or before + weight > size


class Book(PolicyBook):
    """Policies without a bus."""

    def __init__(self, *policies: RecordingPolicy) -> None:
        self.policies = {policy.id: policy for policy in policies}
        self.devices = {"gate-1": DeviceRecord(id="gate-1", protocol="dvrip", address="127.0.0.1")}
        self.presence = {}
        self.orders = {}


def test_the_longest_wish_counts_for_our_channels() -> None:
    def policy(name: str, **bounds: int) -> RecordingPolicy:
        plan = PicturePlan(every_s=10, retention=Retention(**bounds))
        return RecordingPolicy(
            id=name, mode="pictures", pictures=plan, match=DeviceMatch(devices=["gate-*"], channels=[0])
        )

    day, week, small = policy("a", max_age_s=86400), policy("b", max_age_s=604800), policy("c", max_bytes=9)
    assert bounds_of(Book(day, week), lambda _: True) == {GATE: Retention(max_age_s=604800)}
    assert bounds_of(Book(day, small), lambda _: True) == {}
    assert bounds_of(Book(day), lambda _: False) == {}
