"""What the protocol library raises, as what the bus is told (GB-026, GB-064, GB-152)."""

from collections.abc import Callable
from typing import Any, Final

from cambus.gb28181 import errors as gb
from cambus.schemas import errors as bus

_BY_STATUS: Final[dict[int, tuple[Callable[..., bus.CambusError], str]]] = {
    401: (bus.Unauthorized, "credentials-refused"),
    403: (bus.DeviceRefused, "forbidden"),
    404: (bus.NotFound, "no-such-channel"),
    407: (bus.Unauthorized, "credentials-refused"),
    480: (bus.Offline, "channel-offline"),
    486: (bus.Overloaded, "busy"),
    488: (bus.DeviceRefused, "media-not-acceptable"),
}
_MEDIA: Final[dict[str, Callable[..., bus.CambusError]]] = {
    "ssrc-exhausted": bus.Overloaded,
    "no-port": bus.Overloaded,
    "address-refused": bus.Forbidden,
    "unsupported-payload": bus.Unsupported,
    "no-connection": bus.DeadlineExceeded,
    "no-media": bus.DeadlineExceeded,
    "media-lost": bus.DeadlineExceeded,
    "device-offline": bus.Offline,
}


def command_error(error: gb.GbError) -> bus.CambusError:
    """What a caller is told."""
    if isinstance(error, gb.Refused):
        return _refused(error)
    if isinstance(error, gb.Unsupported) and error.status:
        return bus.Unsupported(error.text, reason="not-implemented", device_code=str(error.status))
    if isinstance(error, gb.MediaError):
        return _MEDIA.get(error.reason, bus.DeviceProtocolError)(error.text, reason=error.reason)
    for kind, make, more in _KINDS:
        if isinstance(error, kind):
            return make(str(error), **more)
    return bus.DeviceProtocolError(str(error), reason="malformed")


_KINDS: Final[tuple[tuple[type[gb.GbError], Callable[..., bus.CambusError], dict[str, Any]], ...]] = (
    (gb.OutOfRange, bus.BadRequest, {"reason": "out-of-range"}),
    (gb.DeviceOffline, bus.Offline, {"reason": "device-offline"}),
    (gb.Unreachable, bus.DeadlineExceeded, {"reason": "unreachable"}),
    (gb.Unconfirmed, bus.DeadlineExceeded, {"reason": "unconfirmed", "retryable": False}),
    (gb.Unsupported, bus.Unsupported, {"reason": "unsupported-version"}),
)


def _refused(error: gb.Refused) -> bus.CambusError:
    make, reason = _BY_STATUS.get(error.status, (bus.DeviceRefused, "refused"))
    return make(error.text, reason=reason, device_code=str(error.status) if error.status else None)
