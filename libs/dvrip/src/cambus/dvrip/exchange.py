"""Requests and the replies they wait for (DVRIP §6)."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from cambus.dvrip.errors import Refused
from cambus.dvrip.wire import Header, Packet

#: Requests that may wait for their turn on one connection.
MAX_WAITING: Final = 64
#: Replies in a row at one distance from their requests that make a habit of it.
ECHOES: Final = 3
_U32: Final = 0xFFFFFFFF


class Collector(Protocol):
    """Gathers a reply that comes in several packets of the reply id."""

    def add(self, packet: Packet) -> bytes | None:
        """Take one packet; return the whole reply when this was its last, else None."""


class SinglePacket:
    """The usual reply: one message."""

    def add(self, packet: Packet) -> bytes | None:
        """The payload of the only packet."""
        return packet.payload


@dataclass(eq=False, slots=True, kw_only=True)
class Exchange:
    """A request as the session sees it. Identity is the object itself.

    Attributes:
        message_id: id of the request.
        payload: its bytes.
        reply_id: id that answers it.
        timeout_name: which timeout this is, for the error.
        timeout_s: silence after which it fails.
        label: what it is, in words, for errors.
        collector: how its reply is gathered.
        soft: the reply may be missing: its timeout fails this request alone and keeps the connection, and it
            keeps no other request waiting.
        end: EndFlag on media ids.
        sequence: header sequence; None until it is sent, if the session's own counter is to be used.
        deadline: when it times out; None while it waits for its turn.
        abandoned: its caller has gone; the reply is awaited (so that nobody else gets it) and dropped.
    """

    message_id: int
    payload: bytes = field(repr=False)  # may hold a password hash
    reply_id: int
    timeout_name: str
    timeout_s: float
    label: str = ""
    collector: Collector
    soft: bool = False
    end: bool = False
    sequence: int | None = None
    deadline: float | None = None
    abandoned: bool = False


class _EchoWatch:
    """Knows a reply that comes a second time, where the device's Sequence tells (DVRIP §6).

    Most devices give the Sequence of the request back, or that and one more. One that has done so `ECHOES` times in
    a row is believed to do it again: the Sequence of the reply before, instead of the one that is due, is a reply
    to the request before. Of any other device nothing is assumed.
    """

    def __init__(self) -> None:
        self._distance = 0
        self._run = 0
        self._last: dict[int, int] = {}

    def is_repeated(self, header: Header, sequence: int) -> bool:
        """Whether ``header`` is that of the reply before, and not the one to the request ``sequence``."""
        if self._run < ECHOES or self._last.get(header.message_id) != header.sequence:
            return False
        return header.sequence != (sequence + self._distance) & _U32

    def answered(self, header: Header, sequence: int) -> None:
        """A reply came to the request ``sequence``."""
        distance = (header.sequence - sequence) & _U32
        if distance == self._distance:
            self._run += 1
            self._last[header.message_id] = header.sequence
        else:
            self._run = 1
            # What is numbered in another way than the rest may well repeat itself.
            self._last.pop(header.message_id, None)
        self._distance = distance


class ExchangeTable:
    """The requests of one connection: those that wait for their turn, and those in flight.

    At most one per reply id is in flight; without ``parallel`` at most one at all, soft ones not counted.
    Turns go by order of arrival.
    """

    def __init__(self, *, parallel: bool = False) -> None:
        self._parallel = parallel
        self._waiting: deque[Exchange] = deque()
        self._in_flight: dict[int, Exchange] = {}
        self._echoes = _EchoWatch()

    def __contains__(self, reply_id: int) -> bool:
        return reply_id in self._in_flight

    def __bool__(self) -> bool:
        return bool(self._in_flight or self._waiting)

    def enqueue(self, exchange: Exchange) -> None:
        """Let a request wait for its turn.

        Raises:
            Refused: `MAX_WAITING` wait already.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Refused("busy", f"{MAX_WAITING} requests are waiting on this connection")
        self._waiting.append(exchange)

    def begin(self, exchange: Exchange, now: float) -> None:
        """``exchange`` is being sent."""
        exchange.deadline = now + exchange.timeout_s
        self._in_flight[exchange.reply_id] = exchange

    def next_ready(self) -> Exchange | None:
        """Take the request whose turn it is, or None."""
        if not self._waiting:
            return None
        busy = not self._parallel and any(not exchange.soft for exchange in self._in_flight.values())
        for exchange in self._waiting:
            if not busy and exchange.reply_id not in self._in_flight:
                self._waiting.remove(exchange)
                return exchange
            if not self._parallel:
                break
        return None

    def of(self, reply_id: int) -> Exchange:
        """The request in flight that ``reply_id`` answers."""
        return self._in_flight[reply_id]

    def is_repeated(self, exchange: Exchange, header: Header) -> bool:
        """Whether what came is once more the reply before the one ``exchange`` waits for."""
        if exchange.sequence is None or not isinstance(exchange.collector, SinglePacket):
            return False  # packets of one reply are numbered in ways of their own
        if self._echoes.is_repeated(header, exchange.sequence):
            return True
        self._echoes.answered(header, exchange.sequence)
        return False

    def end(self, reply_id: int) -> Exchange | None:
        """Take the request ``reply_id`` answers out of flight, or None."""
        return self._in_flight.pop(reply_id, None)

    def cancel(self, exchange: Exchange) -> None:
        """The caller has gone: a waiting request vanishes, one in flight is answered to nobody."""
        exchange.abandoned = True
        if exchange in self._waiting:
            self._waiting.remove(exchange)

    def settle(self, exchange: Exchange) -> None:
        """Its reply is not needed any more and nothing else may take its place: forget the request."""
        self.cancel(exchange)
        if self._in_flight.get(exchange.reply_id) is exchange:
            del self._in_flight[exchange.reply_id]

    def expired(self, now: float) -> list[Exchange]:
        """The requests in flight whose deadline has come."""
        return [e for e in self._in_flight.values() if e.deadline is not None and now >= e.deadline]

    def next_deadline(self) -> float | None:
        """The earliest deadline, or None."""
        return min([e.deadline for e in self._in_flight.values() if e.deadline is not None], default=None)

    def drain(self) -> list[Exchange]:
        """Take out everything somebody still waits for."""
        left = [e for e in (*self._in_flight.values(), *self._waiting) if not e.abandoned]
        self._in_flight.clear()
        self._waiting.clear()
        return left
