"""What follows from what a device does with new firmware, in whatever order."""

import pytest

from cambus.connector_gb28181.upgrade_steps import Step, UpgradeSteps
from cambus.schemas.upgrades import UpgradeState

OLD, NEW = "V1", "V2"
MINUTES_30 = 1800.0


def steps(expected=NEW, before=OLD, **fields):
    return UpgradeSteps(
        version_before=before, expected=expected, deadline=MINUTES_30, return_s=300.0, **fields
    )


def fetched(**fields):
    made = steps(**fields)
    made.accepted()
    made.sent(100.0, whole=True)
    return made


def told(made, *, ok=True, code="", version="", now=100.0):
    made.told(ok=ok, version=version, code=code, now=now)


def ended(made):
    assert made.end is not None
    return made.step, made.end.state, made.end.reason


def test_the_usual_way():
    made = steps()
    assert (made.step, made.state) == (Step.REQUESTED, UpgradeState.PREPARING)
    made.accepted()
    assert (made.step, made.state) == (Step.ACCEPTED, UpgradeState.TRANSFERRING)
    made.sent(1.0, whole=False)
    assert (made.step, made.state) == (Step.FETCHING, UpgradeState.TRANSFERRING)
    made.sent(100.0, whole=True)
    assert (made.step, made.state) == (Step.FETCHING, UpgradeState.FLASHING)
    made.away()
    assert (made.step, made.state) == (Step.REBOOTING, UpgradeState.REBOOTING)
    told(made)
    assert made.end is None
    made.seen(NEW)
    assert ended(made) == (Step.DONE, UpgradeState.SUCCEEDED, "")
    assert (made.end.version_before, made.end.version_after, made.end.image_sent) == (OLD, NEW, True)


def test_a_device_may_fetch_before_it_accepts_and_progress_never_falls():
    made = steps()
    made.sent(60.0, whole=False)
    made.accepted()
    made.sent(10.0, whole=False)
    assert (made.step, made.percent) == (Step.FETCHING, 60.0)


def test_a_result_before_the_restart_waits_for_the_version():
    made = fetched()
    told(made)
    made.seen(OLD)
    assert made.end is None
    made.away()
    made.seen(NEW)
    assert ended(made) == (Step.DONE, UpgradeState.SUCCEEDED, "")


def test_without_a_result_the_version_tells():
    made = fetched()
    made.away()
    made.seen(NEW)
    assert ended(made) == (Step.DONE, UpgradeState.SUCCEEDED, "")
    assert made.end.text == "by the version it runs"


def test_without_a_result_any_other_version_tells_where_none_was_ordered():
    made = fetched(expected=None)
    made.seen(OLD)
    assert made.end is None
    made.seen("V3")
    assert ended(made) == (Step.DONE, UpgradeState.SUCCEEDED, "")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("01", "download-timeout"),
        ("02", "bad-package"),
        ("03", "system-error"),
        ("99", "device-failed"),
        ("77", "device-failed"),
        ("", "device-failed"),
    ],
)
def test_a_device_that_says_no_has_failed_and_says_why(code, reason):
    made = fetched()
    told(made, ok=False, code=code)
    assert ended(made) == (Step.FAILED, UpgradeState.FAILED, reason)
    assert made.end.device_code == (code or None)


def test_a_device_may_fail_before_it_has_fetched_anything():
    made = steps()
    told(made, ok=False, code="01")
    assert ended(made) == (Step.FAILED, UpgradeState.FAILED, "download-timeout")
    assert not made.end.image_sent


def test_a_repeated_or_late_result_changes_nothing():
    made = fetched()
    told(made)
    told(made, now=500.0)
    assert made.due == 400.0
    made.seen(NEW)
    end = made.end
    told(made, ok=False, code="99")
    made.seen(OLD)
    made.away()
    made.sent(3.0, whole=False)
    made.tick(MINUTES_30 * 2, online=True)
    made.cancel()
    assert made.end is end


def test_success_with_the_old_version_is_none():
    made = fetched()
    made.away()
    told(made)
    made.seen(OLD)
    assert ended(made) == (Step.FAILED, UpgradeState.UNCHANGED, "same-version")
    made = fetched()
    made.away()
    told(made)
    made.seen("V3")
    assert ended(made) == (Step.FAILED, UpgradeState.UNCHANGED, "other-version")


def test_success_without_a_restart_is_believed_or_not_after_a_while():
    made = fetched()
    told(made, now=100.0)
    made.seen(OLD)
    made.tick(399.9, online=True)
    assert made.end is None
    made.tick(400.0, online=False)  # away: wait for it
    assert made.end is None
    made.tick(400.0, online=True)
    assert ended(made) == (Step.FAILED, UpgradeState.UNCHANGED, "same-version")


def test_the_word_of_a_device_that_never_says_its_version_stands():
    made = fetched(before="")
    made.away()
    told(made, version="V2 as told")
    made.seen("")
    assert ended(made) == (Step.DONE, UpgradeState.SUCCEEDED, "")
    assert made.end.version_after == "V2 as told"


def test_an_image_over_itself_needs_the_word_of_the_device():
    made = fetched(expected=OLD)
    made.away()
    made.seen(OLD)
    assert made.end is None
    told(made)
    made.seen(OLD)
    assert ended(made) == (Step.DONE, UpgradeState.SUCCEEDED, "")


def test_half_an_hour_without_an_end_is_the_end():
    made = steps()
    made.tick(MINUTES_30 - 0.1, online=True)
    assert made.end is None
    made.tick(MINUTES_30, online=True)
    assert ended(made) == (Step.TIMEOUT, UpgradeState.FAILED, "timeout")

    made = fetched()
    made.away()
    made.tick(MINUTES_30, online=False)
    assert ended(made) == (Step.TIMEOUT, UpgradeState.NOT_BACK, "timeout")

    made = fetched()
    made.seen(OLD)
    made.tick(MINUTES_30, online=True)
    assert ended(made) == (Step.TIMEOUT, UpgradeState.UNCHANGED, "timeout")

    made = fetched()
    made.tick(MINUTES_30, online=True)
    assert ended(made) == (Step.TIMEOUT, UpgradeState.UNKNOWN, "timeout")


def test_a_network_that_breaks_before_the_image_is_out_is_no_restart():
    made = steps()
    made.sent(10.0, whole=False)
    made.away()
    assert made.step is Step.FETCHING


def test_what_was_cut_off_in_the_middle_depends_on_the_image():
    assert (steps().cut_off().state, fetched().cut_off().state) == (
        UpgradeState.FAILED,
        UpgradeState.UNKNOWN,
    )


def test_an_upgrade_taken_up_knows_that_the_image_is_out():
    made = steps(image_sent=True)
    made.away()
    assert made.step is Step.REBOOTING
    made.seen(NEW)
    assert made.end.image_sent
