"""The waits between attempts at a device."""

import pytest

from cambus.connector.backoff import Backoff, BackoffPolicy


def steady(value=0.5):
    return Backoff(rng=lambda: value)


def test_failures_double_the_wait_from_one_second_to_a_minute():
    backoff = steady()
    assert [backoff.failed(0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_spreads_each_wait_by_a_fifth_and_never_beyond_the_last():
    assert Backoff(rng=lambda: 0.0).failed(0.0) == 0.8
    assert Backoff(rng=lambda: 0.999999).failed(0.0) > 1.199
    late = Backoff(rng=lambda: 0.999999)
    assert max(late.failed(0.0) for _ in range(20)) == 60.0


def test_a_minute_online_starts_the_count_over():
    backoff = steady()
    for _ in range(5):
        backoff.failed(0.0)
    backoff.online(100.0)
    assert backoff.failed(160.0) == 1


def test_a_short_time_online_does_not():
    backoff = steady()
    for _ in range(3):
        backoff.failed(0.0)
    backoff.online(100.0)
    assert backoff.failed(159.9) == 8


def test_time_spent_away_does_not_count_as_time_online():
    backoff = steady()
    backoff.online(0.0)
    assert backoff.failed(10.0) == 1
    assert backoff.failed(1000.0) == 2


def test_refused_credentials_wait_a_minute_doubling_to_half_an_hour():
    backoff = steady(0.0)
    assert [backoff.refused() for _ in range(7)] == [60, 120, 240, 1800, 1800, 1800, 1800]


@pytest.mark.parametrize("logins", [1, 2])
@pytest.mark.parametrize("jitter", [0.0, 0.999999])
def test_a_refused_credential_is_shown_less_often_than_locks_an_account(logins, jitter):
    """The fifth wrong login within half an hour does with most; a try may cost two."""
    backoff, now, at = steady(jitter), 0.0, []
    while now < 4 * 3600:
        at += [now] * logins
        now += backoff.refused(logins)
    assert max(sum(since <= each < since + 1800 for each in at) for since in at) <= 4


@pytest.mark.parametrize("before", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("jitter", [0.0, 0.999999])
def test_who_takes_over_goes_on_with_the_waits_of_who_was_there_before(before, jitter):
    last = steady(jitter)
    waits = [last.refused() for _ in range(before)]
    successor = steady(jitter)
    successor.resume(waits[-1])
    assert successor.refused() == last.refused()


def test_a_refusal_is_never_retried_sooner_nor_later_than_promised():
    eager, lazy = Backoff(rng=lambda: 0.0), Backoff(rng=lambda: 0.999999)
    for _ in range(10):
        assert eager.refused() >= 60
        assert lazy.refused() <= 1800


def test_a_good_login_forgets_the_refusals():
    backoff = steady(0.0)
    backoff.refused()
    backoff.refused()
    backoff.online(0.0)
    assert backoff.refused() == 60


def test_failures_between_refusals_do_not_shorten_the_next_refusal():
    backoff = steady(0.0)
    backoff.refused()
    backoff.failed(1.0)
    assert backoff.refused() == 120


def test_a_changed_credential_starts_from_nothing():
    backoff = steady()
    backoff.failed(0.0)
    backoff.refused()
    backoff.reset()
    assert (backoff.failures, backoff.refusals) == (0, 0)
    assert backoff.failed(0.0) == 1


def test_thousands_of_failures_still_wait_a_minute():
    backoff = Backoff(BackoffPolicy(jitter=0.0))
    assert {backoff.failed(0.0) for _ in range(5000)} >= {60.0}
