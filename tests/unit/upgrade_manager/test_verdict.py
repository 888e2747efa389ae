from datetime import UTC, datetime
from itertools import product

import pytest

from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.jobs import campaign_of, job_of
from cambus.upgrade_manager.verdict import MAYBE_SENT, ORDER, finished, orphaned, progressed

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
FINAL = [state for state in UpgradeState if state.final]


def attempt(state: UpgradeState = UpgradeState.PREPARING, **fields: object) -> UpgradeAttempt:
    return UpgradeAttempt(campaign="c", device="gate-1", job="c-gate-1", state=state, **fields)


def step(state: UpgradeState, percent: float | None = None) -> UpgradeProgressed:
    return UpgradeProgressed(
        id=new_ulid(), device="gate-1", protocol="dvrip", at=NOW, job="c-gate-1", state=state, percent=percent
    )


def end(state: UpgradeState, **fields: object) -> UpgradeFinished:
    return UpgradeFinished(
        id=new_ulid(), device="gate-1", protocol="dvrip", at=NOW, job="c-gate-1", state=state, **fields
    )


@pytest.mark.parametrize(("known", "told"), list(product(ORDER, ORDER)))
def test_steps_only_go_forward(known: UpgradeState, told: UpgradeState) -> None:
    after = progressed(attempt(known), step(told), NOW)
    assert after.state is max(known, told, key=ORDER.index)


@pytest.mark.parametrize(("known", "told"), list(product(FINAL, UpgradeState)))
def test_nothing_follows_a_final_state(known: UpgradeState, told: UpgradeState) -> None:
    before = attempt(known)
    assert progressed(before, step(told), NOW) is before
    assert finished(before, end(told), None, NOW) is before


@pytest.mark.parametrize("told", ORDER)
def test_from_flashing_on_the_image_counts_as_sent(told: UpgradeState) -> None:
    assert progressed(attempt(UpgradeState.QUEUED), step(told), NOW).image_sent == (told in MAYBE_SENT)


def test_the_percentage_of_a_state_never_falls() -> None:
    half = progressed(attempt(), step(UpgradeState.TRANSFERRING, 50.0), NOW)
    assert progressed(half, step(UpgradeState.TRANSFERRING, 40.0), NOW).percent == 50.0
    assert progressed(half, step(UpgradeState.FLASHING, 1.0), NOW).percent == 1.0


@pytest.mark.parametrize(
    ("version", "expected", "state"),
    [
        ("2.0", "2.0", UpgradeState.SUCCEEDED),
        ("1.5", "2.0", UpgradeState.UNCHANGED),
        (None, "2.0", UpgradeState.UNCHANGED),
        ("1.5", None, UpgradeState.SUCCEEDED),
    ],
)
def test_a_success_is_measured_by_the_ordered_version(
    version: str | None, expected: str | None, state: UpgradeState
) -> None:
    told = end(UpgradeState.SUCCEEDED, version_after=version)
    assert finished(attempt(), told, expected, NOW).state is state


@pytest.mark.parametrize(
    ("version", "expected", "sent", "state"),
    [
        (None, None, True, UpgradeState.REBOOTING),
        ("2.0", None, True, UpgradeState.SUCCEEDED),
        ("2.0", None, False, UpgradeState.SUCCEEDED),
        ("2.0", "2.0", True, UpgradeState.SUCCEEDED),
        ("1.0", None, True, UpgradeState.UNCHANGED),
        ("1.0", "2.0", True, UpgradeState.UNCHANGED),
        ("1.0", None, False, UpgradeState.FAILED),
    ],
)
def test_a_forgotten_job_is_decided_by_the_version_the_device_has(
    version: str | None, expected: str | None, sent: bool, state: UpgradeState
) -> None:
    before = attempt(UpgradeState.REBOOTING, image_sent=sent, version_before="1.0")
    assert orphaned(before, version, expected, NOW).state is state


@pytest.mark.parametrize("device", ["gate-1", "34020000001320000001", "x" * 64])
def test_a_job_names_its_campaign_and_fits_a_token(device: str) -> None:
    campaign = new_ulid()
    job = job_of(campaign, device)
    assert len(job) <= 64
    assert job == job_of(campaign, device)
    assert campaign_of(job) == campaign


@pytest.mark.parametrize("job", ["", "manual", "x" * 26, "01KGE5C8QXG1Z5X0N3V7M4T2RB"])
def test_jobs_of_others_belong_to_no_campaign(job: str) -> None:
    assert campaign_of(job) is None
