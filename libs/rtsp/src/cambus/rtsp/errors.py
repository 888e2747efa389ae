"""The errors of this library.

::

    RtspError
    ├── ProtocolError        the client's bytes break RFC 2326; carries the status to answer with
    │   └── FramingError     … and the end of the message cannot be known: answer, then close
    └── LocalProtocolError   our own caller answered a request that is not there, or twice

A server connection never lets a `ProtocolError` out: it becomes a reply, or a reply and a close.
"""

from __future__ import annotations

from cambus.rtsp.status import Status


class RtspError(Exception):
    """The root of every error this library raises on purpose."""


class ProtocolError(RtspError):
    """The client sent something RFC 2326 does not allow.

    Attributes:
        status: what to answer.
        text: what was wrong, without any of the client's bytes.
        offset: byte offset of the message in the stream, -1 where it is not known.
        context: the first few bytes of the spot, for a log line.
    """

    def __init__(
        self,
        text: str,
        *,
        status: Status = Status.BAD_REQUEST,
        offset: int = -1,
        context: bytes = b"",
    ) -> None:
        self.text = text
        self.status = status
        self.offset = offset
        self.context = context
        where = f" at byte {offset}" if offset >= 0 else ""
        spot = f" near {self.context.hex()}" if self.context else ""
        super().__init__(f"{text}{where}{spot}")


class FramingError(ProtocolError):
    """After this error the next message cannot be found: the connection has to close."""


class LocalProtocolError(RtspError):
    """The caller replied although no request waits for a reply of that kind."""
