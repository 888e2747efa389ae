"""What follows from what is known of a device's upgrade."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager import verdict
from cambus.upgrade_manager.jobs import job_of
from cambus.upgrade_manager.verdict import (
    BROKEN_OFF,
    MAX_RESTARTS,
    ORDER,
    SETTLING,
    WHOLLY_SENT,
    Look,
    Wanted,
    answered,
    decided,
    ended,
    ordered,
    progressed,
    put_back,
)

EARLIER = datetime(2026, 2, 1, 12, tzinfo=UTC)
NOW = EARLIER + timedelta(minutes=1)
FINAL = [state for state in UpgradeState if state.final]
UNDER_WAY = ORDER[1:]
OLD, NEW = "1.0", "2.0"


def attempt(state: UpgradeState = UpgradeState.PREPARING, **fields: object) -> UpgradeAttempt:
    known = {"job": "c-gate-1", "version_before": OLD, "updated_at": EARLIER, "session": "replica-1@12:00"}
    if state is UpgradeState.QUEUED:
        known = {}
    return UpgradeAttempt(**{"campaign": "c", "device": "gate-1", "state": state, **known, **fields})


def step(state: UpgradeState, percent: float | None = None, job: str = "c-gate-1") -> UpgradeProgressed:
    return UpgradeProgressed(
        id=new_ulid(), device="gate-1", protocol="dvrip", at=NOW, job=job, state=state, percent=percent
    )


def end(state: UpgradeState, **fields: object) -> UpgradeFinished:
    return UpgradeFinished(
        id=new_ulid(), device="gate-1", protocol="dvrip", at=NOW, job="c-gate-1", state=state, **fields
    )


def finished(before: UpgradeAttempt, event: UpgradeFinished, wanted: object, now: datetime) -> UpgradeAttempt:
    asked = wanted if isinstance(wanted, Wanted) else Wanted(wanted)
    return verdict.finished(before, event, asked, now)


def judged(
    before: UpgradeAttempt, version: str, wanted: object, now: datetime, *, settled: bool, session: str = "s"
) -> UpgradeAttempt:
    asked = wanted if isinstance(wanted, Wanted) else Wanted(wanted)
    seen_s = 200.0 if settled else 100.0
    return verdict.judged(before, Look(version, session, seen_s, seen_s), asked, now, settle_s=180.0)


def test_every_state_is_either_on_the_way_or_final() -> None:
    assert set(ORDER) | set(FINAL) == set(UpgradeState)
    assert set(ORDER) & set(FINAL) == set()


# --- the order ----------------------------------------------------------------------------------------------


def test_what_is_queued_can_be_ordered_and_notes_the_session_it_is_ordered_in() -> None:
    before = attempt(UpgradeState.QUEUED, reason="offline", text="it was away")
    after = ordered(before, NOW, job="c-gate-1", session="replica-1@12:00", version=OLD)
    assert (after.state, after.job) == (UpgradeState.PREPARING, "c-gate-1")
    assert (after.session, after.version_before) == ("replica-1@12:00", OLD)
    assert (after.started_at, after.updated_at, after.finished_at) == (NOW, NOW, None)
    assert (after.reason, after.text) == ("", "")


@pytest.mark.parametrize("state", [*UNDER_WAY, *FINAL])
def test_nothing_is_ordered_twice(state: UpgradeState) -> None:
    before = attempt(state)
    assert ordered(before, NOW, job="again", session="replica-2@13:00", version=NEW) is before


@pytest.mark.parametrize("state", UNDER_WAY)
def test_an_order_that_was_answered_belongs_to_no_session_any_more(state: UpgradeState) -> None:
    after = answered(attempt(state), NOW)
    assert (after.state, after.session, after.updated_at) == (state, "", NOW)
    assert answered(after, NOW + timedelta(seconds=1)) is after


@pytest.mark.parametrize("state", [UpgradeState.QUEUED, *FINAL])
def test_an_answer_that_comes_too_late_changes_nothing(state: UpgradeState) -> None:
    before = attempt(state)
    assert answered(before, NOW) is before


def test_a_refusal_that_says_nothing_was_done_puts_a_device_back_into_the_queue() -> None:
    after = put_back(attempt(), NOW, reason="offline", text="it is away")
    assert (after.state, after.reason, after.text) == (UpgradeState.QUEUED, "offline", "it is away")
    assert after.session == "replica-1@12:00"  # it is not tried again at once there
    again = ordered(after, NOW, job="c-gate-1", session="replica-1@12:30", version=OLD)
    assert (again.state, again.session) == (UpgradeState.PREPARING, "replica-1@12:30")


@pytest.mark.parametrize("state", [UpgradeState.QUEUED, *ORDER[2:], *FINAL])
def test_a_device_whose_image_may_go_out_is_never_put_back(state: UpgradeState) -> None:
    before = attempt(state)
    assert put_back(before, NOW, reason="offline", text="") is before


# --- its events ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "told"), list(product(ORDER, ORDER)))
def test_steps_only_go_forward(known: UpgradeState, told: UpgradeState) -> None:
    before = attempt(known)
    after = progressed(before, step(told), NOW)
    assert after.state is max(known, told, key=ORDER.index)
    assert (after is before) == (ORDER.index(told) < ORDER.index(known))


@pytest.mark.parametrize("told", UNDER_WAY)
def test_a_step_shows_that_the_order_arrived(told: UpgradeState) -> None:
    assert progressed(attempt(), step(told), NOW).session == ""


def test_a_step_of_a_device_that_was_put_back_counts() -> None:
    """Its refusal was wrong, or overtaken: it is under way, and is not ordered another time."""
    after = progressed(attempt(UpgradeState.QUEUED, reason="busy"), step(UpgradeState.TRANSFERRING, 5.0), NOW)
    assert (after.state, after.job, after.reason) == (UpgradeState.TRANSFERRING, "c-gate-1", "")
    assert ordered(after, NOW, job="c-gate-1", session="s", version=OLD) is after


@pytest.mark.parametrize(("known", "told"), list(product(FINAL, UpgradeState)))
def test_nothing_follows_a_final_state(known: UpgradeState, told: UpgradeState) -> None:
    before = attempt(known)
    assert progressed(before, step(told), NOW) is before
    assert finished(before, end(told), None, NOW) is before
    assert judged(before, NEW, NEW, NOW, settled=True) is before
    assert ended(before, NOW, UpgradeState.UNKNOWN, reason="deadline", text="") is before


@pytest.mark.parametrize("told", ORDER)
def test_from_flashing_on_the_image_counts_as_sent(told: UpgradeState) -> None:
    sent = told in {UpgradeState.FLASHING, UpgradeState.REBOOTING, UpgradeState.VERIFYING}
    assert progressed(attempt(UpgradeState.QUEUED), step(told), NOW).image_sent is sent
    assert (told in WHOLLY_SENT) is sent
    assert progressed(attempt(UpgradeState.QUEUED, image_sent=True), step(told), NOW).image_sent


def test_the_percentage_of_a_state_never_falls_and_the_next_begins_anew() -> None:
    half = progressed(attempt(), step(UpgradeState.TRANSFERRING, 50.0), NOW)
    assert half.percent == 50.0
    assert progressed(half, step(UpgradeState.TRANSFERRING, 40.0), NOW).percent == 50.0
    assert progressed(half, step(UpgradeState.TRANSFERRING, 60.0), NOW).percent == 60.0
    assert progressed(half, step(UpgradeState.FLASHING, 1.0), NOW).percent == 1.0
    assert progressed(half, step(UpgradeState.REBOOTING), NOW).percent is None


# --- its end, as its connector saw it -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "after", "expected", "state", "reason"),
    [
        (UpgradeState.SUCCEEDED, NEW, NEW, UpgradeState.SUCCEEDED, ""),
        (UpgradeState.SUCCEEDED, NEW, None, UpgradeState.SUCCEEDED, ""),
        (UpgradeState.SUCCEEDED, "1.5", None, UpgradeState.SUCCEEDED, ""),
        (UpgradeState.SUCCEEDED, "1.5", NEW, UpgradeState.UNCHANGED, "other-version"),
        (UpgradeState.SUCCEEDED, OLD, NEW, UpgradeState.UNCHANGED, "other-version"),
        (UpgradeState.SUCCEEDED, OLD, None, UpgradeState.UNCHANGED, "other-version"),
        (UpgradeState.SUCCEEDED, "", NEW, UpgradeState.SUCCEEDED, ""),  # a device that tells no version
        (UpgradeState.SUCCEEDED, None, NEW, UpgradeState.VERIFYING, ""),  # nobody has looked yet
        (UpgradeState.FAILED, None, NEW, UpgradeState.FAILED, "told"),
        (UpgradeState.UNCHANGED, OLD, NEW, UpgradeState.UNCHANGED, "told"),
        (UpgradeState.SKIPPED, NEW, NEW, UpgradeState.SKIPPED, "told"),
        (UpgradeState.CANCELLED, None, NEW, UpgradeState.CANCELLED, "told"),
        (UpgradeState.NOT_BACK, None, NEW, UpgradeState.NOT_BACK, "told"),
        (UpgradeState.UNKNOWN, None, NEW, UpgradeState.VERIFYING, "told"),  # nobody could look
        (UpgradeState.UNKNOWN, "", NEW, UpgradeState.UNKNOWN, "told"),
    ],
)
def test_an_end_is_as_told_but_a_success_is_measured_by_the_version(
    told: UpgradeState, after: str | None, expected: str | None, state: UpgradeState, reason: str
) -> None:
    why = "" if told is UpgradeState.SUCCEEDED else "told"
    event = end(told, version_before=OLD, version_after=after, reason=why, text="as told", device_code="512")
    found = finished(attempt(UpgradeState.VERIFYING, image_sent=True), event, expected, NOW)
    assert (found.state, found.reason, found.text) == (state, reason, "as told")
    assert (found.version_after, found.device_code) == (after, "512")
    assert found.finished_at == (NOW if state.final else None)
    assert (found.percent == 100.0) == (state is UpgradeState.SUCCEEDED)


@pytest.mark.parametrize("told", ORDER)
def test_an_end_that_is_none_changes_nothing(told: UpgradeState) -> None:
    before = attempt()
    assert finished(before, end(told), None, NOW) is before


def test_what_is_to_be_verified_counts_as_sent() -> None:
    found = finished(attempt(), end(UpgradeState.SUCCEEDED, version_after=None), NEW, NOW)
    assert (found.state, found.image_sent) == (UpgradeState.VERIFYING, True)
    assert finished(attempt(), end(UpgradeState.FAILED, image_sent=True), NEW, NOW).image_sent
    assert not finished(attempt(), end(UpgradeState.FAILED), NEW, NOW).image_sent


def test_the_version_before_is_the_one_seen_at_the_order() -> None:
    told = end(UpgradeState.FAILED, version_before="0.9")
    assert finished(attempt(), told, NEW, NOW).version_before == OLD
    assert finished(attempt(version_before=""), told, NEW, NOW).version_before == "0.9"


# --- a job nobody knows any more ----------------------------------------------------------------------------

Judge = Callable[..., UpgradeAttempt]


@pytest.mark.parametrize("state", UNDER_WAY)
@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize(("version", "expected"), [(NEW, NEW), (NEW, None), ("1.5", None)])
def test_a_version_as_ordered_is_a_success_at_once(
    state: UpgradeState, version: str, expected: str | None, *, settled: bool
) -> None:
    found = judged(attempt(state), version, expected, NOW, settled=settled)
    assert (found.state, found.version_after, found.percent) == (UpgradeState.SUCCEEDED, version, 100.0)
    assert found.image_sent


@pytest.mark.parametrize("state", UNDER_WAY)
@pytest.mark.parametrize("version", [OLD, "1.5", ""])
def test_anything_else_is_waited_for(state: UpgradeState, version: str) -> None:
    """The device may be back while it still writes."""
    before = attempt(state)
    assert judged(before, version, NEW, NOW, settled=False) is before


@pytest.mark.parametrize(
    ("before", "version", "expected", "sent", "state", "reason"),
    [
        (OLD, OLD, NEW, False, UpgradeState.FAILED, "interrupted"),
        (OLD, OLD, None, False, UpgradeState.FAILED, "interrupted"),
        (OLD, "", NEW, False, UpgradeState.FAILED, "interrupted"),
        (OLD, OLD, NEW, True, UpgradeState.UNCHANGED, "other-version"),
        (OLD, "1.5", NEW, True, UpgradeState.UNCHANGED, "other-version"),
        (OLD, OLD, None, True, UpgradeState.UNCHANGED, "other-version"),
        (OLD, "", NEW, True, UpgradeState.UNKNOWN, "no-trace"),
        (NEW, NEW, NEW, True, UpgradeState.UNKNOWN, "no-trace"),  # sent over itself
        (NEW, NEW, NEW, False, UpgradeState.FAILED, "interrupted"),
        ("", NEW, None, True, UpgradeState.UNKNOWN, "no-trace"),  # nobody knows what it ran before
        ("", NEW, None, False, UpgradeState.FAILED, "interrupted"),
    ],
)
def test_once_it_has_settled_the_version_decides(
    before: str, version: str, expected: str | None, sent: bool, state: UpgradeState, reason: str
) -> None:
    known = attempt(UpgradeState.REBOOTING, image_sent=sent, version_before=before)
    found = judged(known, version, expected, NOW, settled=True)
    assert (found.state, found.reason, found.version_after) == (state, reason, version)
    assert found.image_sent is sent
    assert found.finished_at == NOW


def test_a_version_before_that_nobody_knows_is_no_hindrance_where_one_was_ordered() -> None:
    found = judged(attempt(version_before=""), NEW, NEW, NOW, settled=False)
    assert found.state is UpgradeState.SUCCEEDED


def test_what_was_never_ordered_is_not_judged() -> None:
    before = attempt(UpgradeState.QUEUED)
    assert judged(before, NEW, NEW, NOW, settled=True) is before


def test_an_end_notes_when_and_why() -> None:
    found = ended(attempt(), NOW, UpgradeState.NOT_BACK, reason="deadline", text="it did not finish in time")
    assert (found.state, found.reason, found.text) == (
        UpgradeState.NOT_BACK,
        "deadline",
        "it did not finish in time",
    )
    assert (found.updated_at, found.finished_at) == (NOW, NOW)


# --- another try --------------------------------------------------------------------------------------------

RETRIES = Wanted(NEW, retries=2, retry_delay_s=60)


@pytest.mark.parametrize("reason", sorted(BROKEN_OFF))
def test_a_transfer_that_broke_off_is_tried_again_under_a_job_of_another_name(reason: str) -> None:
    known = attempt(UpgradeState.TRANSFERRING, percent=40.0)
    again = finished(known, end(UpgradeState.FAILED, reason=reason, text="lost"), RETRIES, NOW)
    assert (again.state, again.tries, again.reason) == (UpgradeState.QUEUED, 1, reason)
    assert (again.retry_at, again.percent, again.image_sent) == (NOW + timedelta(seconds=60), None, False)
    assert again.job == job_of("c", "gate-1", 1)
    assert again.job != job_of("c", "gate-1")
    assert [(each.state, each.reason) for each in again.steps] == [(UpgradeState.QUEUED, reason)]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (attempt(UpgradeState.TRANSFERRING), end(UpgradeState.FAILED, reason="interrupted")),
        (attempt(UpgradeState.TRANSFERRING), end(UpgradeState.FAILED, reason="already-upgrading")),
        (
            attempt(UpgradeState.TRANSFERRING),
            end(UpgradeState.FAILED, reason="connection-lost", image_sent=True),
        ),
        (attempt(UpgradeState.FLASHING, image_sent=True), end(UpgradeState.FAILED, reason="connection-lost")),
        (attempt(UpgradeState.TRANSFERRING, tries=2), end(UpgradeState.FAILED, reason="connection-lost")),
        (attempt(UpgradeState.TRANSFERRING), end(UpgradeState.CANCELLED, reason="connection-lost")),
    ],
    ids=["nobody-saw-it", "by-somebody-else", "told-as-sent", "known-as-sent", "too-often", "cancelled"],
)
def test_whatever_may_have_got_the_image_is_never_tried_again(
    known: UpgradeAttempt, told: UpgradeFinished
) -> None:
    assert finished(known, told, RETRIES, NOW).state.final


def test_events_of_an_earlier_try_change_nothing_any_more() -> None:
    lost = end(UpgradeState.FAILED, reason="connection-lost")
    again = verdict.learned(attempt(UpgradeState.TRANSFERRING), lost, RETRIES, NOW)
    assert (again.state, again.tries) == (UpgradeState.QUEUED, 1)
    for late in (lost, step(UpgradeState.FLASHING), end(UpgradeState.SUCCEEDED, version_after=NEW)):
        assert verdict.learned(again, late, RETRIES, NOW) is again
    assert again.job is not None
    assert verdict.learned(again, step(UpgradeState.TRANSFERRING, job=again.job), RETRIES, NOW) is not again


def test_nothing_is_tried_again_unless_that_was_ordered() -> None:
    told = end(UpgradeState.FAILED, reason="connection-lost")
    assert finished(attempt(UpgradeState.TRANSFERRING), told, NEW, NOW).state is UpgradeState.FAILED


# --- whether it lasts ---------------------------------------------------------------------------------------

STABLE = Wanted(NEW, stable_s=150)


def test_a_success_that_has_to_last_is_none_yet() -> None:
    told = end(UpgradeState.SUCCEEDED, version_before=OLD, version_after=NEW)
    found = finished(attempt(UpgradeState.VERIFYING, image_sent=True), told, STABLE, NOW)
    assert (found.state, found.reason, found.version_after) == (UpgradeState.VERIFYING, SETTLING, NEW)
    assert judged(found, NEW, STABLE, NOW, settled=True).state is UpgradeState.SUCCEEDED


def test_a_device_that_comes_anew_too_often_is_in_a_boot_loop() -> None:
    known = attempt(UpgradeState.VERIFYING, image_sent=True, reason=SETTLING, version_after=NEW)
    for session in range(MAX_RESTARTS + 1):
        known = judged(known, NEW, STABLE, NOW, settled=False, session=f"s{session}")
        assert (known.state, known.restarts) == (UpgradeState.VERIFYING, session)
        assert judged(known, NEW, STABLE, NOW, settled=False, session=f"s{session}") is known
    known = judged(known, NEW, STABLE, NOW, settled=False, session="the last")
    assert (known.state, known.reason) == (UpgradeState.FAILED, "boot-loop")


def test_a_device_that_falls_back_to_its_old_version_is_not_upgraded() -> None:
    known = attempt(UpgradeState.VERIFYING, image_sent=True, reason=SETTLING, version_after=NEW)
    assert judged(known, OLD, STABLE, NOW, settled=False) is known
    assert judged(known, OLD, STABLE, NOW, settled=True).state is UpgradeState.UNCHANGED


# --- by people ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [UpgradeState.SUCCEEDED, UpgradeState.FAILED])
def test_people_decide_where_nobody_knows_and_nowhere_else(state: UpgradeState) -> None:
    found = decided(attempt(UpgradeState.UNKNOWN), state, "looked at it", NOW)
    assert (found.state, found.decision) == (state, f"{state}: looked at it")
    for other in set(UpgradeState) - {UpgradeState.UNKNOWN}:
        before = attempt(other)
        assert decided(before, state, "", NOW) is before


def test_every_state_a_device_was_in_is_written_down_with_its_time() -> None:
    known = ordered(attempt(UpgradeState.QUEUED), EARLIER, job="c-gate-1", session="s", version=OLD)
    known = progressed(known, step(UpgradeState.TRANSFERRING, 5.0), EARLIER)
    known = progressed(known, step(UpgradeState.TRANSFERRING, 50.0), NOW)
    known = finished(known, end(UpgradeState.FAILED, reason="data-error"), NEW, NOW)
    assert [(each.state, each.at, each.reason) for each in known.steps] == [
        (UpgradeState.PREPARING, EARLIER, ""),
        (UpgradeState.TRANSFERRING, EARLIER, ""),
        (UpgradeState.FAILED, NOW, "data-error"),
    ]
