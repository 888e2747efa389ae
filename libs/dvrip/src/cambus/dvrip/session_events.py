"""What a `cambus.dvrip.session.ClientSession` reports, in order of arrival."""

from dataclasses import dataclass

from cambus.dvrip.errors import DvripError
from cambus.dvrip.exchange import Exchange
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.wire import Header, Packet


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The session is online."""

    session_id: int
    reply: LoginReply


@dataclass(frozen=True, slots=True)
class Replied:
    """A request was answered; success or not is in the payload."""

    exchange: Exchange
    header: Header
    payload: bytes


@dataclass(frozen=True, slots=True)
class ExchangeFailed:
    """A request will not be answered any more."""

    exchange: Exchange
    error: DvripError


@dataclass(frozen=True, slots=True)
class PushReceived:
    """A message the device sent on its own account."""

    header: Header
    payload: bytes


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The last event: the connection must be closed. ``error`` is None after our own logout."""

    error: DvripError | None


#: A packet is one of media, stream data or serial bytes, as it was read; its payload is never looked into.
SessionEvent = Packet | LoggedIn | Replied | ExchangeFailed | PushReceived | SessionClosed
