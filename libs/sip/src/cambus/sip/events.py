"""What a `SipLayer` tells its owner."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.transactions import ClientTransaction, ServerTransaction


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request; it has to be answered through its transaction."""

    transaction: ServerTransaction
    request: Request
    peer: Peer


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of a 2xx of ours: the session is set up on both sides."""

    transaction: ServerTransaction
    request: Request
    peer: Peer


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The peer no longer wants an answer to its INVITE; 487 has been given already."""

    transaction: ServerTransaction


class Arrival(Enum):
    """How a response came."""

    EXPECTED = "expected"
    REPEATED = "repeated"
    """A 2xx that was heard before; where there is an ACK, it has been sent again."""
    LATE = "late"
    """A 2xx after the owner gave up: it needs an ACK and a BYE."""


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to a request of ours."""

    transaction: ClientTransaction
    response: Response
    peer: Peer
    arrival: Arrival = Arrival.EXPECTED


class Failure(Enum):
    """Why there will be no answer."""

    TIMEOUT = "timeout"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True)
class TransactionFailed:
    """A request of ours will not be answered, or a 2xx of ours not be acknowledged."""

    transaction: ClientTransaction | ServerTransaction
    failure: Failure


Event = RequestReceived | AckReceived | Cancelled | ResponseReceived | TransactionFailed
