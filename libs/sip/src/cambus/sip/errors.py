"""The errors of this library.

::

    SipError
    ├── ProtocolError          the peer's bytes break RFC 3261; carries the status to answer with
    ├── LocalProtocolError     our own caller asked for what the protocol does not allow now
    ├── TransportError         the peer cannot be reached, or went away
    └── TransactionTimeout     no final answer within Timer B or F (RFC 3261 §17.1)
"""

from __future__ import annotations


class SipError(Exception):
    """The root of every error this library raises on purpose."""


class ProtocolError(SipError):
    """A message cannot be understood.

    Attributes:
        text: what was wrong, without any of the peer's bytes.
        status: the answer for a request like this; 0 where nothing can or should be answered.
        offset: byte offset of the spot in the message, -1 where it is not known.
        context: the first few bytes of the spot, for a log line.
    """

    def __init__(self, text: str, *, status: int = 400, offset: int = -1, context: bytes = b"") -> None:
        self.text = text
        self.status = status
        self.offset = offset
        self.context = context[:32]
        where = f" at byte {offset}" if offset >= 0 else ""
        spot = f" near {self.context.hex()}" if self.context else ""
        super().__init__(f"{text}{where}{spot}")


class LocalProtocolError(SipError):
    """The caller answered twice, cancelled what was answered, or built a message that cannot be sent."""


class TransportError(SipError):
    """The message could not be sent: no connection, a refused one, or a peer that does not read."""


class TransactionTimeout(SipError):
    """The peer did not answer in time."""
