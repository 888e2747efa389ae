"""What the protocol library raises, as what the bus is told."""

import pytest

from cambus.connector.errors import CredentialsRefused
from cambus.connector_dvrip.mapping.errors import command_error, end_of_attempt, end_of_session
from cambus.dvrip.codes import AUTH_REASONS
from cambus.dvrip.errors import (
    ConnectionLimit,
    ConnectionLost,
    DeviceError,
    EncryptedUnsupported,
    FramingError,
    Refused,
    RequestTimeout,
    SessionRenewed,
    TransportError,
    error_for_code,
)


@pytest.mark.parametrize("code", sorted(AUTH_REASONS))
def test_every_refused_login_is_a_matter_of_the_credentials_with_a_reason_of_its_own(code):
    end = end_of_attempt(error_for_code(code, "login"))
    assert isinstance(end, CredentialsRefused)
    assert end.device_code == str(code)


def test_the_reasons_are_distinct_but_for_the_two_codes_of_a_wrong_password():
    details = [end_of_attempt(error_for_code(code)).detail for code in sorted(AUTH_REASONS)]
    assert len(set(details)) == len(AUTH_REASONS) - 1
    assert details.count("wrong-password") == 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TransportError("refused"), "unreachable"),
        (RequestTimeout("connect", 5), "unreachable"),
        (RequestTimeout("request", 10, "time"), "timeout"),
        (ConnectionLost("reset"), "connection-lost"),
        (ConnectionLost("keepalives were not answered"), "keepalive-lost"),
        (ConnectionLost("the device ended the session"), "forced-logout"),
        (ConnectionLimit("123", 123), "connection-limit"),
        (FramingError("flag", offset=0), "protocol-error"),
        (EncryptedUnsupported("no"), "unsupported"),
        (DeviceError(101), "device-error"),
        (error_for_code(105), "session-expired"),
        (None, "connection-lost"),
    ],
)
def test_every_end_has_a_reason(error, reason):
    assert end_of_session(error).reason == reason


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (error_for_code(102), 501, "unsupported"),
        (error_for_code(607), 501, "unsupported"),
        (error_for_code(605), 501, "unsupported"),
        (error_for_code(521), 422, "defaults-failed"),
        (error_for_code(523), 422, "defaults-invalid"),
        (error_for_code(601), 422, "import-failed"),
        (error_for_code(604), 422, "write-failed"),
        (error_for_code(606), 422, "verification-failed"),
        (error_for_code(608), 422, "unreadable"),
        (error_for_code(112), 409, "exists"),
        (error_for_code(113), 404, "not-found"),
        (error_for_code(114), 409, "exists"),
        (error_for_code(115), 404, "not-found"),
        (error_for_code(203), 401, "wrong-password"),
        (error_for_code(208), 422, "bad-input"),
        (error_for_code(209), 409, "exists"),
        (error_for_code(210), 404, "not-found"),
        (error_for_code(211), 404, "not-found"),
        (error_for_code(212), 409, "in-use"),
        (error_for_code(213), 422, "rights-exceed-group"),
        (error_for_code(214), 422, "bad-password-format"),
        (error_for_code(215), 422, "wrong-password"),
        (error_for_code(216), 422, "reserved-account"),
        (SessionRenewed("reboot"), 503, "session-renewed"),
        (error_for_code(107), 403, "not-allowed"),
        (error_for_code(118), 422, "no-ptz-protocol"),
        (error_for_code(119), 404, "not-found"),
        (error_for_code(120), 422, "channel-not-enabled"),
        (error_for_code(121), 503, "channel-offline"),
        (error_for_code(123), 429, "connection-limit"),
        (error_for_code(105), 503, "session-expired"),
        (error_for_code(511), 409, "upgrade-under-way"),
        (error_for_code(-1), 422, "device-refused"),
        (error_for_code(None), 422, "device-refused"),
        (RequestTimeout("request", 10), 504, "device-timeout"),
        (ConnectionLost("reset"), 503, "connection-lost"),
        (FramingError("flag"), 502, "device-protocol"),
        (Refused("out_of_range", "preset is 900"), 400, "out-of-range"),
        (Refused("busy", "four run"), 409, "busy"),
        (Refused("budget", "all taken"), 429, "budget"),
        (Refused("too_large", "big"), 413, "too-large"),
        (Refused("closed", "over"), 503, "session-closed"),
        (Refused("confirm_required", "no"), 400, "confirm-required"),
    ],
)
def test_every_failure_of_a_command_has_a_code_and_a_reason(error, code, reason):
    told = command_error(error)
    assert (told.code, told.reason) == (code, reason)


def test_the_devices_own_code_is_passed_on():
    assert command_error(error_for_code(118)).device_code == "118"


def test_whether_it_is_worth_trying_again_is_said():
    assert command_error(error_for_code(105)).retryable
    assert not command_error(ConnectionLost("reset")).retryable  # it may have been done
