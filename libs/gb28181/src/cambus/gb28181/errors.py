"""The errors of this library.

::

    GbError
    ├── ProtocolError         the peer says what GB/T 28181 does not allow
    ├── OutOfRange            our caller wants what the protocol cannot say; nothing was sent
    ├── Unreachable           the device does not answer, or its connection is gone
    ├── DeviceOffline         the device has no binding, or lost it meanwhile
    ├── Refused               the device answered with an error
    │   └── Busy              … with 486: no more sessions
    ├── Unconfirmed           the device took the command and never told the result
    ├── Unsupported           the device, or its edition of the standard, can not do this
    └── MediaError            a media session came to nothing, or to an end
"""

from __future__ import annotations


class GbError(Exception):
    """The root of every error this library raises on purpose.

    Attributes:
        text: what happened, for people; without any secret.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class ProtocolError(GbError):
    """The peer says what GB/T 28181 does not allow.

    Attributes:
        offset: byte offset of the spot, -1 where it is not known.
        context: the first few bytes of it, for a log line.
    """

    def __init__(self, text: str, *, offset: int = -1, context: bytes = b"") -> None:
        self.offset = offset
        self.context = context[:32]
        where = f" at byte {offset}" if offset >= 0 else ""
        spot = f" near {self.context.hex()}" if self.context else ""
        super().__init__(f"{text}{where}{spot}")


class OutOfRange(GbError):
    """A value the protocol cannot say; nothing was sent.

    Attributes:
        field: which value.
    """

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        super().__init__(f"{field}: {text}")


class Unreachable(GbError):
    """The device did not answer at all."""


class DeviceOffline(GbError):
    """The device is not registered, or stopped being so."""


class Refused(GbError):
    """The device answered with an error.

    Attributes:
        status: its SIP status; 0 where it said so in the body of a 200.
    """

    def __init__(self, text: str, *, status: int = 0) -> None:
        self.status = status
        super().__init__(text)


class Busy(Refused):
    """486: the device takes no further session."""


class Unconfirmed(GbError):
    """The device took the command, and its result never came: it may have been carried out."""


class Unsupported(GbError):
    """The device, or the edition of the standard it speaks, can not do this.

    Attributes:
        status: its SIP status; 0 where it was not asked, being of an older edition.
    """

    def __init__(self, text: str, *, status: int = 0) -> None:
        self.status = status
        super().__init__(text)


class MediaError(GbError):
    """A media session came to nothing, or to an end nobody wanted.

    Attributes:
        reason: from a closed list, such as `no-media` or `bye`.
    """

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)
