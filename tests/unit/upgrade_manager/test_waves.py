"""The waves of a campaign, and what stops it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cambus.schemas.state.rollout import RolloutRules, Wave
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.waves import is_through, present, shortfall, spans, stop_reason

WAVES = st.one_of(
    st.integers(1, 200).map(lambda devices: Wave(devices=devices)),
    st.floats(0.1, 100).map(lambda percent: Wave(percent=percent)),
)
PROVING = Wave(devices=2, required_percent=100.0)


def attempts(*states: str) -> list[UpgradeAttempt]:
    return [
        UpgradeAttempt(campaign="c", device=f"gate-{number}", state=UpgradeState(state))
        for number, state in enumerate(states)
    ]


def sizes(total: int, **rules: object) -> list[int]:
    return [span.stop - span.start for span in spans(RolloutRules(**rules), total)]


def test_without_rules_everything_is_one_wave() -> None:
    assert sizes(7) == [7]


def test_the_canary_comes_first_and_the_last_wave_is_repeated() -> None:
    assert sizes(20, canary=Wave(devices=1), waves=[Wave(percent=10.0), Wave(devices=6)]) == [1, 2, 6, 6, 5]


def test_with_a_canary_alone_the_rest_is_one_wave() -> None:
    assert sizes(10, canary=Wave(percent=5.0)) == [1, 9]


@given(st.integers(1, 500), st.none() | WAVES, st.lists(WAVES, max_size=5))
def test_waves_cover_every_device_once_in_order(total: int, canary: Wave | None, waves: list[Wave]) -> None:
    found = spans(RolloutRules(canary=canary, waves=waves), total)
    assert [span.number for span in found] == list(range(1, len(found) + 1))
    assert [place for span in found for place in range(span.start, span.stop)] == list(range(total))
    assert all(span.start < span.stop for span in found)
    assert present(found, len(found) + 9) is found[-1]


@pytest.mark.parametrize("size", [{}, {"devices": 1, "percent": 5.0}])
def test_a_wave_has_one_size(size: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Wave(**size)


@pytest.mark.parametrize(
    ("states", "there", "through"),
    [
        (["succeeded", "succeeded"], True, True),
        (["succeeded", "flashing"], True, False),
        (["succeeded", "queued"], True, False),
        (["succeeded", "queued"], False, True),  # away: nobody is held up
        (["queued", "queued"], False, False),  # a wave that proved nothing
        (["failed", "queued"], False, True),
        (["cancelled", "cancelled"], True, True),
    ],
)
def test_a_wave_is_over_when_its_devices_are_but_for_those_that_are_away(
    states: list[str], there: bool, through: bool
) -> None:
    assert is_through(PROVING, attempts(*states), lambda _: there) is through


def test_a_wave_that_has_to_prove_nothing_waits_for_none_that_is_away() -> None:
    assert is_through(Wave(devices=2), attempts("queued", "queued"), lambda _: False)


@pytest.mark.parametrize(
    ("states", "wanted", "enough"),
    [
        (["succeeded", "succeeded"], 100.0, True),
        (["succeeded", "skipped"], 100.0, True),
        (["succeeded", "failed"], 100.0, False),
        (["succeeded", "failed"], 50.0, True),
        (["succeeded", "unknown"], 51.0, False),
        (["succeeded", "not-back"], 51.0, False),
        (["succeeded", "cancelled"], 100.0, True),
        (["failed", "failed"], 0.0, True),
        (["cancelled", "cancelled"], 100.0, True),
    ],
)
def test_a_wave_falls_short_by_the_share_of_its_devices_that_succeeded(
    states: list[str], wanted: float, enough: bool
) -> None:
    (span,) = spans(RolloutRules(canary=Wave(devices=2, required_percent=wanted)), 2)
    assert (shortfall(span, attempts(*states), lambda _: True) == "") is enough


def test_after_a_soak_those_that_are_gone_count_as_failed_and_are_named() -> None:
    (span,) = spans(RolloutRules(canary=PROVING), 2)
    text = shortfall(span, attempts("succeeded", "succeeded"), lambda each: each.device != "gate-1")
    assert "gate-1" in text
    assert "gate-0" not in text


@pytest.mark.parametrize(
    ("rules", "states", "stops"),
    [
        ({}, ["failed"] * 9, False),
        ({"max_failures": 2}, ["failed", "succeeded"], False),
        ({"max_failures": 2}, ["failed", "unchanged", "queued"], True),
        ({"max_failures": 1}, ["cancelled", "skipped"], False),
        ({"max_failure_percent": 25.0}, ["failed"] * 4, False),  # too few to tell
        ({"max_failure_percent": 25.0}, ["failed", *["succeeded"] * 4], False),
        ({"max_failure_percent": 25.0}, ["failed", "unknown", *["succeeded"] * 3], True),
        ({"max_failure_percent": 25.0, "failure_sample": 1}, ["not-back"], True),
    ],
)
def test_a_campaign_stops_at_its_limits(rules: dict[str, object], states: list[str], stops: bool) -> None:
    assert bool(stop_reason(RolloutRules(**rules), attempts(*states))) is stops
