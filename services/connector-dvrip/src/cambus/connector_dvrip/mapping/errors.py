"""What the protocol library raises, as what the bus is told."""

from typing import Final

from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
from cambus.dvrip.backoff import DialState, dial_state
from cambus.dvrip.codes import SESSION_LOST, AuthReason
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLimit,
    ConnectionLost,
    DeviceError,
    DvripError,
    EncryptedUnsupported,
    ProtocolError,
    Refused,
    RequestTimeout,
    SessionRenewed,
    TransportError,
    Unsupported,
)
from cambus.schemas import errors as bus

AUTH_DETAILS: Final = {
    AuthReason.BAD_PASSWORD: "wrong-password",
    AuthReason.UNKNOWN_USER: "unknown-user",
    AuthReason.LOCKED: "locked",
    AuthReason.BLACKLISTED: "blacklisted",
    AuthReason.ALREADY_LOGGED_IN: "already-logged-in",
    AuthReason.ALREADY_IN_USE: "already-in-use",
    AuthReason.NOT_LOGGED_IN: "not-logged-in",
    AuthReason.LOGIN_REQUIRED: "login-required",
}
"""A reason of its own for each refusal (DVRIP §5)."""

_REASONS: Final = {
    116: "licence",
    117: "malformed-message",
    118: "no-ptz-protocol",
    120: "channel-not-enabled",
    208: "bad-input",
    213: "rights-exceed-group",
    214: "bad-password-format",
    215: "wrong-password",
    216: "reserved-account",
    512: "upgrade-not-started",
    513: "upgrade-data",
    514: "upgrade-failed",
    521: "defaults-failed",
    523: "defaults-invalid",
    601: "import-failed",
    604: "write-failed",
    606: "verification-failed",
    608: "unreadable",
}
"""What the device refuses for a reason a caller can do something about (DVRIP §16)."""

_LOST: Final = {
    "keepalive": EndReason.KEEPALIVE_LOST,
    "ended the session": EndReason.FORCED_LOGOUT,
    "newer connection": EndReason.REPLACED,
}
"""What the words of a lost connection mean; else it was just lost."""

_CONNECTING: Final = frozenset({"connect"})
_REFUSALS: Final[dict[str, type[bus.BadRequest | bus.Conflict | bus.Overloaded | bus.TooLarge]]] = {
    "confirm_required": bus.BadRequest,
    "out_of_range": bus.BadRequest,
    "busy": bus.Conflict,
    "state": bus.Conflict,
    "budget": bus.Overloaded,
    "queue": bus.Overloaded,
    "too_large": bus.TooLarge,
}


def end_of_attempt(error: DvripError) -> SessionEnd:
    """Return why an attempt at a session failed: whatever refuses a login is a matter of the credentials."""
    if isinstance(error, AuthError):
        detail = AUTH_DETAILS[error.reason]
        return CredentialsRefused(detail, f"the device refused the login: {error}", str(error.code))
    return end_of_session(error)


def end_of_session(error: DvripError | None) -> SessionEnd:
    """Return why a session, or a stream, that was up ended; None: we closed it."""
    if error is None:
        return SessionEnd(EndReason.CONNECTION_LOST, "closed by us")
    if isinstance(error, AuthError) and dial_state(error) is not DialState.BACKOFF:
        return end_of_attempt(error)  # it let us in before; it is not to be asked again at once
    reason = _end_reason(error)
    code = getattr(error, "code", None)
    return SessionEnd(reason, str(error), None if code is None else str(code))


def _end_reason(error: DvripError) -> EndReason:  # noqa: PLR0911  # a table of types, one line each
    match error:
        case ConnectionLimit():
            return EndReason.CONNECTION_LIMIT
        case ConnectionLost() | Refused(reason="closed"):
            text = str(error)
            return next((why for words, why in _LOST.items() if words in text), EndReason.CONNECTION_LOST)
        case RequestTimeout(name=name) if name in _CONNECTING:
            return EndReason.UNREACHABLE
        case TransportError():
            return EndReason.UNREACHABLE
        case RequestTimeout():
            return EndReason.TIMEOUT
        case ProtocolError():
            return EndReason.PROTOCOL_ERROR
        case AuthError(code=code) if code in SESSION_LOST:
            return EndReason.SESSION_EXPIRED
        case EncryptedUnsupported() | Unsupported():
            return EndReason.UNSUPPORTED
        case AuthError() | DeviceError():
            return EndReason.DEVICE_ERROR
        case _:
            return EndReason.INTERNAL


def command_error(error: DvripError) -> bus.CambusError:  # noqa: PLR0911  # a table of types, one line each
    """Return what the caller of a command is told."""
    match error:
        case Unsupported():
            return bus.Unsupported(f"the device can not: {error}", device_code=_code(error))
        case DeviceError():
            return _device_error(error)
        case ConnectionLimit():
            return bus.Overloaded(str(error), reason="connection-limit", device_code=_code(error))
        case SessionRenewed():
            return bus.Offline(str(error), reason="session-renewed", retryable=True)
        case AuthError(code=code) if code in SESSION_LOST:
            return bus.Offline("the device forgot the session", reason="session-expired", retryable=True)
        case AuthError():
            return bus.Unauthorized(str(error), reason=AUTH_DETAILS[error.reason], device_code=_code(error))
        case Refused():
            return _refused(error)
        case RequestTimeout():
            return bus.DeadlineExceeded(str(error), reason="device-timeout")
        case TransportError():
            return bus.Offline(str(error), reason="connection-lost", retryable=False)
        case ProtocolError():
            return bus.DeviceProtocolError(str(error))
        case _:
            return bus.Unsupported(str(error))


def _device_error(error: DeviceError) -> bus.CambusError:  # noqa: PLR0911  # a table of codes, one line each
    """The codes a caller can do something about (DVRIP §16) have a reason of their own."""
    code = _code(error)
    match error.code:
        case 107:
            return bus.Forbidden(str(error), device_code=code)
        case 109 | 113 | 115 | 119 | 210 | 211 | 430:
            return bus.NotFound(str(error), device_code=code)
        case 112 | 114 | 209:
            return bus.Conflict(str(error), reason="exists", device_code=code, retryable=False)
        case 121:
            return bus.Offline(str(error), reason="channel-offline", device_code=code)
        case 212:
            return bus.Conflict(str(error), reason="in-use", device_code=code, retryable=False)
        case 503:
            return bus.Conflict(str(error), reason="talk-busy", device_code=code)
        case 511:
            return bus.Conflict(str(error), reason="upgrade-under-way", device_code=code)
        case _:
            reason = _REASONS.get(error.code or 0, bus.DeviceRefused.REASON)
            return bus.DeviceRefused(str(error), reason=reason, device_code=code)


def _refused(error: Refused) -> bus.CambusError:
    kind = _REFUSALS.get(error.reason)
    if kind is None:
        return bus.Offline(str(error), reason="session-closed")
    return kind(str(error), reason=error.reason.replace("_", "-"))


def _code(error: DvripError) -> str | None:
    code = getattr(error, "code", None)
    return None if code is None else str(code)
