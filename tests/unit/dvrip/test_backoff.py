"""When a device is dialled again."""

import pytest

from cambus.dvrip.backoff import Backoff, CredentialPolicy, DialPolicy, DialState, dial_state
from cambus.dvrip.codes import AuthReason
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLimit,
    ConnectionLost,
    EncryptedUnsupported,
    RequestTimeout,
)


class Middle:
    """No jitter."""

    def uniform(self, a: float, b: float) -> float:
        assert (a, b) == (0.8, 1.2)
        return 1.0


class Most:
    def uniform(self, a: float, b: float) -> float:
        return b


def test_delays_double_from_1_to_60_s():
    backoff = Backoff(Middle())
    assert [backoff.failed(0.0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_jitter_is_a_fifth_and_never_above_60_s():
    backoff = Backoff(Most())
    assert [round(backoff.failed(0.0), 3) for _ in range(7)] == [1.2, 2.4, 4.8, 9.6, 19.2, 38.4, 60.0]


def test_a_minute_online_starts_over_and_less_does_not():
    backoff = Backoff(Middle())
    for _ in range(4):
        backoff.failed(0.0)
    backoff.online(100.0)
    assert backoff.failed(159.9) == 16
    backoff.online(200.0)
    assert backoff.failed(260.0) == 1


def test_a_refused_credential_waits_60_s_doubling_to_30_min():
    policy = CredentialPolicy()
    now = 0.0
    delays = []
    for _ in range(7):
        delays.append(policy.refused("a", now))
        assert policy.delay_s("a", now) == delays[-1]
        now += delays[-1]
        assert policy.delay_s("a", now) == 0.0
    assert delays == [60, 120, 240, 1800, 1800, 1800, 1800]


def test_a_changed_credential_is_tried_at_once_and_starts_over():
    policy = CredentialPolicy()
    for _ in range(3):
        policy.refused("a", 0.0)
    assert policy.delay_s("b", 1.0) == 0.0
    assert policy.delay_s("a", 1.0) == 239.0
    assert policy.refused("b", 1.0) == 60


def test_an_accepted_credential_is_forgiven():
    policy = CredentialPolicy()
    policy.refused("a", 0.0)
    policy.accepted()
    assert policy.delay_s("a", 1.0) == 0.0
    assert policy.refused("a", 2.0) == 60


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AuthError(AuthReason.BAD_PASSWORD, 203), DialState.AUTH_FAILED),
        (AuthError(AuthReason.UNKNOWN_USER, 204), DialState.AUTH_FAILED),
        (AuthError(AuthReason.BLACKLISTED, 206), DialState.AUTH_FAILED),
        (AuthError(AuthReason.LOCKED, 205), DialState.LOCKED),
        (AuthError(AuthReason.ALREADY_LOGGED_IN, 104), DialState.BACKOFF),
        (AuthError(AuthReason.NOT_LOGGED_IN, 105), DialState.BACKOFF),
        (EncryptedUnsupported("x"), DialState.ENCRYPTED_UNSUPPORTED),
        (ConnectionLimit("x", 123), DialState.BACKOFF),
        (ConnectionLost("x"), DialState.BACKOFF),
        (RequestTimeout("login", 10), DialState.BACKOFF),
        (None, DialState.BACKOFF),
    ],
)
def test_what_an_error_means_for_the_next_attempt(error, state):
    assert dial_state(error) is state


def test_both_policies_together():
    policy = DialPolicy(Middle())
    assert policy.failed(ConnectionLost("x"), "a", 0.0) == 1
    assert policy.failed(AuthError(AuthReason.BAD_PASSWORD, 203), "a", 1.0) == 60
    assert policy.state is DialState.AUTH_FAILED
    assert policy.delay_s("a", 31.0) == 30
    assert policy.delay_s("changed", 31.0) == 0
    policy.online(70.0)
    assert policy.delay_s("a", 70.0) == 0
    assert policy.failed(None, "a", 140.0) == 1
    assert policy.state is DialState.BACKOFF
