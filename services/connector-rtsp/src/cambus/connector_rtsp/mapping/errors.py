"""What the protocol library raises, as what the bus is told."""

from collections.abc import Callable
from typing import Final

from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
from cambus.rtsp import client_errors as rtsp
from cambus.schemas import errors as bus

NO_PICTURE: Final = 415
"""Our own status for a description without pictures that can be taken apart."""

_COMMANDS: Final[tuple[tuple[type[rtsp.ClientError], Callable[..., bus.CambusError], str], ...]] = (
    (rtsp.Unreachable, bus.Offline, "unreachable"),
    (rtsp.ConnectionLost, bus.Offline, "connection-lost"),
    (rtsp.RequestTimeout, bus.DeadlineExceeded, "timeout"),
    (rtsp.Stalled, bus.DeadlineExceeded, "no-media"),
    (rtsp.MalformedAnswer, bus.DeviceProtocolError, "malformed"),
    (rtsp.NotFound, bus.NotFound, "no-such-stream"),
    (rtsp.Busy, bus.Overloaded, "busy"),
    (rtsp.TransportRefused, bus.DeviceRefused, "transport-refused"),
)
_ENDS: Final[tuple[tuple[type[rtsp.ClientError], EndReason], ...]] = (
    (rtsp.Unreachable, EndReason.UNREACHABLE),
    (rtsp.ConnectionLost, EndReason.CONNECTION_LOST),
    (rtsp.RequestTimeout, EndReason.TIMEOUT),
    (rtsp.Stalled, EndReason.TIMEOUT),
    (rtsp.MalformedAnswer, EndReason.PROTOCOL_ERROR),
    (rtsp.Busy, EndReason.CONNECTION_LIMIT),
)


def command_error(error: rtsp.ClientError) -> bus.CambusError:
    """What a caller is told."""
    if isinstance(error, rtsp.AuthRefused):
        return bus.Unauthorized(error.text, reason=error.detail)
    code = str(error.status) if isinstance(error, rtsp.Refused) else None
    if code == str(NO_PICTURE):
        return bus.Unsupported(error.text, reason="no-picture")
    for kind, make, reason in _COMMANDS:
        if isinstance(error, kind):
            return make(error.text, reason=reason, device_code=code)
    return bus.DeviceRefused(error.text, reason="refused", device_code=code)


def end_of(error: rtsp.ClientError) -> SessionEnd:
    """Why a device is away, or a stream has ended."""
    if isinstance(error, rtsp.AuthRefused):
        return CredentialsRefused(error.detail, error.text)
    code = str(error.status) if isinstance(error, rtsp.Refused) else None
    for kind, reason in _ENDS:
        if isinstance(error, kind):
            return SessionEnd(reason, error.text, code)
    return SessionEnd(EndReason.DEVICE_ERROR, error.text, code)
