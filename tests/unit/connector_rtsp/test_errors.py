"""Each error of the protocol library is one of the bus, and a reason why a device is away."""

import pytest

from cambus.connector.errors import CredentialsRefused, EndReason
from cambus.connector_rtsp.mapping.errors import command_error, end_of
from cambus.rtsp import client_errors as rtsp
from cambus.schemas.errors import ErrorCode

CASES = [
    (rtsp.Unreachable("x"), ErrorCode.OFFLINE, "unreachable", EndReason.UNREACHABLE),
    (rtsp.ConnectionLost("x"), ErrorCode.OFFLINE, "connection-lost", EndReason.CONNECTION_LOST),
    (rtsp.RequestTimeout("x"), ErrorCode.DEADLINE, "timeout", EndReason.TIMEOUT),
    (rtsp.Stalled("x"), ErrorCode.DEADLINE, "no-media", EndReason.TIMEOUT),
    (rtsp.MalformedAnswer("x"), ErrorCode.DEVICE_PROTOCOL, "malformed", EndReason.PROTOCOL_ERROR),
    (
        rtsp.AuthRefused("x", "basic-only"),
        ErrorCode.UNAUTHORIZED,
        "basic-only",
        EndReason.CREDENTIALS_REFUSED,
    ),
    (rtsp.refusal(404, "DESCRIBE"), ErrorCode.NOT_FOUND, "no-such-stream", EndReason.DEVICE_ERROR),
    (rtsp.refusal(453, "SETUP"), ErrorCode.OVERLOADED, "busy", EndReason.CONNECTION_LIMIT),
    (rtsp.refusal(461, "SETUP"), ErrorCode.DEVICE_REFUSED, "transport-refused", EndReason.DEVICE_ERROR),
    (rtsp.refusal(403, "PLAY"), ErrorCode.DEVICE_REFUSED, "refused", EndReason.DEVICE_ERROR),
    (rtsp.Refused(415, "x"), ErrorCode.UNSUPPORTED, "no-picture", EndReason.DEVICE_ERROR),
]


@pytest.mark.parametrize(("error", "code", "reason", "end"), CASES, ids=lambda each: type(each).__name__)
def test_each_error_has_its_place(error, code, reason, end):
    told, ended = command_error(error), end_of(error)
    assert (told.code, told.reason, told.text) == (code, reason, error.text)
    assert (ended.reason, ended.text) == (end, error.text)


def test_the_status_of_the_device_is_kept():
    assert command_error(rtsp.refusal(404, "DESCRIBE")).device_code == "404"
    assert end_of(rtsp.refusal(404, "DESCRIBE")).device_code == "404"


def test_a_refused_account_is_one_with_its_finer_reason():
    ended = end_of(rtsp.AuthRefused("x", "wrong-credentials"))
    assert isinstance(ended, CredentialsRefused)
    assert ended.detail == "wrong-credentials"


def test_every_error_of_a_client_is_listed():
    listed = {type(error) for error, *_ in CASES}
    every = {
        each for each in vars(rtsp).values() if isinstance(each, type) and issubclass(each, rtsp.ClientError)
    }
    assert every - listed == {rtsp.ClientError, rtsp.Redirected}
