"""Everything this library raises.

::

    DvripError
    ├── TransportError            the connection failed or is gone
    │   ├── ConnectionLost        EOF, reset, forced logout, or closed by ourselves
    │   └── ConnectionLimit       the device has no connection left (122, 123, or closed right after connect)
    ├── RequestTimeout            a named timeout of §6 ran out
    ├── ProtocolError             the peer broke the protocol: where, and in what
    │   ├── FramingError          flag byte or length wrong: the byte stream is lost
    │   ├── MalformedPayload      the body of one message cannot be read
    │   ├── FragmentError         the parts of one message do not fit together
    │   └── WrongRecording        something else was played than what was asked for
    ├── AuthError                 credentials refused: why
    ├── DeviceError               the device answered with a failure code
    │   └── Unsupported           ... which means it does not have this function
    ├── SessionRenewed            the device had forgotten us; logged in again, the request was not repeated
    ├── Refused                   a rule of ours forbids the request; nothing was sent
    └── EncryptedUnsupported      the device insists on encrypted login
"""

from cambus.dvrip.codes import AUTH_REASONS, CONNECTION_LIMIT, UNSUPPORTED, AuthReason, code_text, is_success


class DvripError(Exception):
    """Base of all errors of this library."""


class TransportError(DvripError):
    """The connection could not be made, or is gone."""


class ConnectionLost(TransportError):
    """The connection ended: EOF, reset, forced logout, a failed keepalive, or our own close."""


class ConnectionLimit(TransportError):
    """The device has no connection left for us (DVRIP §5): 122, 123, or a close right after connect."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class RequestTimeout(DvripError):
    """A timeout of DVRIP §6 ran out.

    Attributes:
        name: which one: a field of :class:`cambus.dvrip.timeouts.Timeouts`.
        seconds: how long it was.
        request: the message that was not answered, in words.
    """

    def __init__(self, name: str, seconds: float, request: str = "") -> None:
        super().__init__(
            f"{name} timeout: nothing within {seconds:g} s" + (f" for {request}" if request else "")
        )
        self.name = name
        self.seconds = seconds
        self.request = request


class ProtocolError(DvripError):
    """The peer sent what the protocol does not allow.

    Attributes:
        offset: where in the byte stream (framing) or in the message (payload), bytes; None when it has no
            place.
        context: what was being read.
    """

    def __init__(self, text: str, *, offset: int | None = None, context: str = "") -> None:
        place = "" if offset is None else f" at offset {offset}"
        super().__init__(f"{context}{place}: {text}" if context or place else text)
        self.offset = offset
        self.context = context


class FramingError(ProtocolError):
    """Flag byte or length wrong: where the next packet starts is not known any more (DVRIP §2.2)."""


class MalformedPayload(ProtocolError):
    """The body of one message cannot be read; the byte stream is still in step (DVRIP §2.4)."""


class FragmentError(ProtocolError):
    """The parts of one message do not fit together (DVRIP §2.3).

    Attributes:
        message_id: the id of the message that is dropped.
        session_id: its session.
    """

    def __init__(self, text: str, *, message_id: int, session_id: int = 0) -> None:
        super().__init__(text, context=f"message {message_id}")
        self.message_id = message_id
        self.session_id = session_id


class WrongRecording(ProtocolError):
    """The device played something else than what was asked for (DVRIP §10.1: by time some play channel 0)."""


class AuthError(DvripError):
    """The device refused the credentials or the session."""

    def __init__(self, reason: AuthReason, code: int) -> None:
        super().__init__(f"{reason.value} (device code {code}: {code_text(code)})")
        self.reason = reason
        self.code = code


class DeviceError(DvripError):
    """The device answered a request with a failure code (DVRIP §16).

    Attributes:
        code: the device's number; None when its reply carried none.
        text: what the number means.
        request: what was asked, in words.
    """

    def __init__(self, code: int | None, request: str = "", text: str = "") -> None:
        self.code = code
        self.text = text or ("reply without a return code" if code is None else code_text(code))
        self.request = request
        super().__init__(f"{request or 'request'} failed with {code}: {self.text}")


class Unsupported(DeviceError):
    """The device does not have this function (102, 605, 607)."""


class SessionRenewed(DvripError):
    """The device had forgotten the session (105, 202): it is logged in again, and the request was not repeated.

    Only requests that may be sent twice are repeated by themselves (`cambus.dvrip.ids.IDEMPOTENT_IDS`).

    Attributes:
        request: what was asked, in words.
    """

    def __init__(self, request: str = "") -> None:
        super().__init__(
            f"{request or 'request'} was not done: the device had forgotten the session; try again"
        )
        self.request = request


class Refused(DvripError):
    """A rule on our side forbids the request; nothing was sent.

    Attributes:
        reason: a short slug: ``confirm_required``, ``budget``, ``busy``, ``out_of_range``, ``closed``,
            ``too_large``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class EncryptedUnsupported(DvripError):
    """The device answers only encrypted logins (DVRIP §5), which Cambus does not speak."""


def error_for_code(code: int | None, request: str = "") -> DvripError:
    """The error a failure code stands for."""
    if code is None:
        return DeviceError(None, request)
    if code in UNSUPPORTED:
        return Unsupported(code, request)
    if code in CONNECTION_LIMIT:
        return ConnectionLimit(f"{request or 'request'} failed with {code}: {code_text(code)}", code)
    if code in AUTH_REASONS:
        return AuthError(AUTH_REASONS[code], code)
    return DeviceError(code, request)


def require_success(code: int | None, request: str = "") -> int:
    """``code`` when it means success.

    Raises:
        DvripError: the error of :func:`error_for_code` otherwise.
    """
    if code is not None and is_success(code):
        return code
    raise error_for_code(code, request)
