"""What is let in, in which order, and what is turned away, without sockets (GB-260 to GB-262, GB-272, GB-275).

A source may register, and before it has, say little else. What is let in waits in one line, in which signs of life
overtake registrations, and both all other work; a line that is too long is closed, first to those who have yet to
prove themselves. Those it is closed to hear 503 and when to come back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cambus.sip.connections import MAX_CONNECTIONS_PER_HOST, MESSAGE_TIMEOUT_S, Limits
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request
from cambus.sip.peer import Peer

UNBOUND_BODY_BYTES: Final = 65_536
BOUND_BODY_BYTES: Final = 16 * 1024 * 1024
ANSWER_FACTOR: Final = 2
"""Who has not registered may not be the address it names: what goes there is hardly longer than what came (GB-272)."""
_MAX_SOURCES: Final = 100_000
_SHORT_BODY: Final = 1024
_OVERLOADED: Final = 503


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """How much at a time.

    Attributes:
        registers_per_s: REGISTER requests of one address: whole sites stand behind one NAT.
        others_per_s: all other requests of one address that come from where no device is registered.
        waiting: requests of each rank that may wait; for registrations that prove themselves, and for signs of life,
            there is room for twice as many.
        waiting_bytes: bodies of those of the last rank.
        slice_s: how long requests are worked on before sockets are read again.
        connections_per_source: TCP connections of one address.
        message_timeout_s: how long a TCP peer may take for a head.
    """

    registers_per_s: float = 500.0
    others_per_s: float = 50.0
    waiting: int = 2_000
    waiting_bytes: int = 64 * 1024 * 1024
    slice_s: float = 0.005
    connections_per_source: int = MAX_CONNECTIONS_PER_HOST
    message_timeout_s: float = MESSAGE_TIMEOUT_S


class RateLimiter:
    """So many a second for each source, and a second's worth at once.

    Args:
        per_s: how many.
        most: sources remembered; beyond that the one that was quiet longest is forgotten.
    """

    def __init__(self, per_s: float, *, most: int = _MAX_SOURCES) -> None:
        self._per_s = per_s
        self._room = max(per_s, 1.0)
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def allows(self, source: str, now: float) -> bool:
        """Whether one more of this source is within the limit; it counts if so."""
        left, at = self._left.pop(source, (self._room, now))
        left = min(left + (now - at) * self._per_s, self._room)
        allowed = left >= 1.0
        self._left[source] = (left - 1.0 if allowed else left, now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return allowed


class Rank(IntEnum):
    """What goes first."""

    ALIVE = 0
    """A sign of life: it costs next to nothing, and a device that waits for its answer in vain goes away."""
    REGISTER = 1
    OTHER = 2

    @classmethod
    def of(cls, request: Request) -> Rank:
        """The rank of a request."""
        if request.method == "REGISTER":
            return cls.REGISTER
        short = len(request.body) <= _SHORT_BODY
        return cls.ALIVE if short and b"keepalive" in request.body.lower() else cls.OTHER


class Backlog:
    """Requests that wait for their turn, by rank, and each rank in the order it came.

    Args:
        settings: how many.
    """

    def __init__(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self._lines: tuple[deque[RequestReceived], ...] = tuple(deque() for _ in Rank)
        self._bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    def has_room(self, request: Request) -> bool:
        """Whether one more may wait."""
        rank = Rank.of(request)
        waiting, most = len(self._lines[rank]), self._settings.waiting
        if rank is Rank.OTHER:
            return waiting < most and self._bytes + len(request.body) <= self._settings.waiting_bytes
        is_new = rank is Rank.REGISTER and "Authorization" not in request.headers
        return waiting < (most if is_new else 2 * most)

    def put(self, event: RequestReceived) -> None:
        """Have a request wait."""
        rank = Rank.of(event.request)
        self._lines[rank].append(event)
        if rank is Rank.OTHER:
            self._bytes += len(event.request.body)

    def take(self) -> RequestReceived | None:
        """The next one; None if nothing waits."""
        line = next((each for each in self._lines if each), None)
        if line is None:
            return None
        event = line.popleft()
        if line is self._lines[Rank.OTHER]:
            self._bytes -= len(event.request.body)
        return event


class Admission:
    """Judges requests by where they come from and by what already waits.

    Args:
        settings: how much at a time.
        is_bound: whether a device is registered at a source.
        now: a clock that only rises.
        counts: where it is counted what was turned away, by reason.

    Attributes:
        backlog: what has been let in and waits.
    """

    def __init__(
        self,
        settings: AdmissionSettings,
        is_bound: Callable[[Peer], bool],
        now: Callable[[], float],
        counts: Counter[str],
    ) -> None:
        self.settings = settings
        self.backlog = Backlog(settings)
        self._is_bound = is_bound
        self._now = now
        self._counts = counts
        self._registers = RateLimiter(settings.registers_per_s)
        self._others = RateLimiter(settings.others_per_s)

    @property
    def limits(self) -> Limits:
        """The same for an endpoint."""
        return Limits(
            body_bytes=self.body_bytes,
            connections_per_host=self.settings.connections_per_source,
            message_timeout_s=self.settings.message_timeout_s,
            admits=self.admits,
            screen=self.screen,
            answer_bytes=self.answer_bytes,
        )

    def admits(self, request: Request, peer: Peer) -> bool:
        """Whether a request is looked at."""
        if request.method == "REGISTER":
            admitted = self._registers.allows(peer.host, self._now())
        else:
            admitted = self._is_bound(peer) or self._others.allows(peer.host, self._now())
        if not admitted:
            self._counts["rate-limited"] += 1
        return admitted

    def screen(self, request: Request, peer: Peer) -> int | None:
        """The status a new request is refused with at once.

        An INVITE from nowhere is: what refuses it otherwise is sent until somebody acknowledges it.
        """
        if request.method == "INVITE" and not self._is_bound(peer):
            self._counts["unbound-invite"] += 1
            return 403
        if self.backlog.has_room(request):
            return None
        self._counts["overload"] += 1
        return _OVERLOADED

    def answer_bytes(self, request: Request, peer: Peer) -> int | None:
        """How long the answer to a request may be."""
        return None if self._is_bound(peer) else ANSWER_FACTOR * request.wire_bytes

    def body_bytes(self, peer: Peer) -> int:
        """How long a body may be (GB-011)."""
        return BOUND_BODY_BYTES if self._is_bound(peer) else UNBOUND_BODY_BYTES
