"""What can go wrong with a command: a closed list of codes, an exception for each, and the reply.

CambusError(code, reason, text, device_code, retryable)
├── BadRequest          400  the request is malformed; `text` names the field and what was wanted
├── Unauthorized        401  the device refused the stored credentials
├── Forbidden           403  the account on the device, or the caller, may not do this
├── NotFound            404  no such channel, file, preset, user, campaign
├── Conflict            409  busy: something that excludes this is under way
├── TooLarge            413  the request or its answer does not fit one message
├── DeviceRefused       422  the device understood and said no; its own code is in `device_code`
├── Overloaded          429  the queue for this device or endpoint is full
├── Internal            500  a defect on our side; says nothing more
├── Unsupported         501  this device or protocol cannot do this
├── DeviceProtocolError 502  the device answered something that makes no sense
├── Offline             503  nobody holds a session with the device
└── DeadlineExceeded    504  no answer in time; whether it was executed is unknown
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from cambus.schemas.model import Message, example

MAX_TEXT = 1000
"""Longest `text` of an error, in characters; more is cut."""

_MAX_REASON = 64
_NO_SLUG = re.compile(r"[^a-z0-9]+")
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class ErrorCode(IntEnum):
    """The closed list of error codes, in the manner of HTTP."""

    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    TOO_LARGE = 413
    DEVICE_REFUSED = 422
    OVERLOADED = 429
    INTERNAL = 500
    UNSUPPORTED = 501
    DEVICE_PROTOCOL = 502
    OFFLINE = 503
    DEADLINE = 504


class ErrorReply(Message):
    """The body of every failed reply; code and text are repeated in the NATS service headers (ADR-32)."""

    model_config = example(
        code=422,
        reason="no-ptz-protocol",
        text="ptz.move: the device has no PTZ protocol set for channel 0",
        device_code="118",
        retryable=False,
    )

    code: Annotated[ErrorCode, Field(strict=False)] = Field(
        description="The kind of failure, of the closed list."
    )
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=_MAX_REASON)] = (
        Field(
            description="A short slug for programs, finer than the code: `wrong-password`, `no-such-channel`."
        )
    )
    text: str = Field(
        description="One sentence for a human; names the field or the operation, never a secret."
    )
    device_code: str | None = Field(
        default=None,
        description="The device's own result code, as its protocol writes it (`118`, `403`, `0x17`).",
    )
    retryable: bool = Field(
        default=False, description="True if nothing was done and the same request may succeed a little later."
    )


class CambusError(Exception):
    """A command failed in a way the caller can be told about."""

    def __init__(
        self,
        code: ErrorCode,
        reason: str,
        text: str,
        device_code: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        """Take the parts of an `ErrorReply`; `retryable` None means what is usual for the code.

        Whatever would break a header line or a log line is replaced, so that a text of a device may be passed on.
        """
        text = _NOT_SHOWN.sub(" ", text)
        super().__init__(text)
        self.code = code
        self.reason = _NO_SLUG.sub("-", reason.lower())[:_MAX_REASON].strip("-") or "unspecified"
        self.text = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
        self.device_code = None if device_code is None else _NOT_SHOWN.sub(" ", str(device_code))
        self.retryable = code in _TEMPORARY if retryable is None else retryable

    def __str__(self) -> str:
        """The code, the slug and the sentence, with the device's code when there is one."""
        native = f" (device code {self.device_code})" if self.device_code is not None else ""
        return f"{int(self.code)} {self.reason}: {self.text}{native}"

    def reply(self) -> ErrorReply:
        """Return the wire form."""
        return ErrorReply(
            code=self.code,
            reason=self.reason,
            text=self.text,
            device_code=self.device_code,
            retryable=self.retryable,
        )


_TEMPORARY = frozenset({ErrorCode.CONFLICT, ErrorCode.OVERLOADED, ErrorCode.OFFLINE})


class _CodedError(CambusError):
    """A `CambusError` whose class fixes the code and the usual slug."""

    CODE: ClassVar[ErrorCode]
    REASON: ClassVar[str]

    def __init__(
        self,
        text: str,
        *,
        reason: str | None = None,
        device_code: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        """Say in one sentence what failed; `reason` is a finer slug than the usual one."""
        super().__init__(self.CODE, reason or self.REASON, text, device_code, retryable)


class BadRequest(_CodedError):
    """The request is malformed."""

    CODE, REASON = ErrorCode.BAD_REQUEST, "bad-request"


class Unauthorized(_CodedError):
    """The device refused the stored credentials."""

    CODE, REASON = ErrorCode.UNAUTHORIZED, "credentials-refused"


class Forbidden(_CodedError):
    """The account on the device, or the caller, may not do this."""

    CODE, REASON = ErrorCode.FORBIDDEN, "not-allowed"


class NotFound(_CodedError):
    """There is no such channel, file, preset, user or campaign."""

    CODE, REASON = ErrorCode.NOT_FOUND, "not-found"


class Conflict(_CodedError):
    """Something that excludes this is under way."""

    CODE, REASON = ErrorCode.CONFLICT, "busy"


class TooLarge(_CodedError):
    """The request or its answer does not fit one message."""

    CODE, REASON = ErrorCode.TOO_LARGE, "too-large"


class DeviceRefused(_CodedError):
    """The device understood and said no."""

    CODE, REASON = ErrorCode.DEVICE_REFUSED, "device-refused"


class Overloaded(_CodedError):
    """The queue for this device or endpoint is full."""

    CODE, REASON = ErrorCode.OVERLOADED, "overloaded"


class Internal(_CodedError):
    """A defect on our side."""

    CODE, REASON = ErrorCode.INTERNAL, "internal"

    def __init__(
        self,
        text: str = "internal error",
        *,
        reason: str | None = None,
        device_code: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        """Say nothing more than "internal error" unless the sentence is known to leak nothing."""
        super().__init__(text, reason=reason, device_code=device_code, retryable=retryable)


class Unsupported(_CodedError):
    """This device or protocol cannot do this."""

    CODE, REASON = ErrorCode.UNSUPPORTED, "unsupported"


class DeviceProtocolError(_CodedError):
    """The device answered something that makes no sense."""

    CODE, REASON = ErrorCode.DEVICE_PROTOCOL, "device-protocol"


class Offline(_CodedError):
    """Nobody holds a session with the device."""

    CODE, REASON = ErrorCode.OFFLINE, "offline"


class DeadlineExceeded(_CodedError):
    """No answer came in time; whether the command was executed is unknown."""

    CODE, REASON = ErrorCode.DEADLINE, "deadline"


ERRORS: Mapping[ErrorCode, type[_CodedError]] = MappingProxyType(
    {
        error.CODE: error
        for error in (
            BadRequest,
            Unauthorized,
            Forbidden,
            NotFound,
            Conflict,
            TooLarge,
            DeviceRefused,
            Overloaded,
            Internal,
            Unsupported,
            DeviceProtocolError,
            Offline,
            DeadlineExceeded,
        )
    }
)
"""The exception of each code."""


def from_reply(reply: ErrorReply) -> CambusError:
    """Return the exception that an error reply stands for, ready to be raised."""
    error = ERRORS[reply.code]
    return error(reply.text, reason=reply.reason, device_code=reply.device_code, retryable=reply.retryable)
