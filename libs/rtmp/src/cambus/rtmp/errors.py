"""The errors of this library.

::

    RtmpError
    ├── ProtocolError        the peer's bytes break the protocol; the connection can not go on
    └── LocalProtocolError   our own caller answered a request that is not there

A server connection never lets a `ProtocolError` out: it becomes `Closed`.
"""

from __future__ import annotations


class RtmpError(Exception):
    """The root of every error this library raises on purpose."""


class ProtocolError(RtmpError):
    """The peer sent something that RTMP does not allow, or more than we hold.

    Attributes:
        text: what was wrong, without any of the peer's bytes.
        offset: byte offset in the stream or the message, -1 where it is not known.
    """

    def __init__(self, text: str, *, offset: int = -1) -> None:
        self.text = text
        self.offset = offset
        super().__init__(f"{text} at byte {offset}" if offset >= 0 else text)


class LocalProtocolError(RtmpError):
    """The caller replied although no request waits for a reply."""
