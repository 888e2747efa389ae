"""When keepalives leave and when their silence means a dead connection (DVRIP §5)."""

from typing import Final

#: Keepalives leave this often within one AliveInterval.
KEEPALIVE_SHARE: Final = 0.75
#: Misses in a row that end a session we dialled.
MAX_MISSES: Final = 2
#: Keepalives to a device that registered with us, and the misses that mean it is gone (DVRIP §11).
REGISTERED_KEEPALIVE_S: Final = 20.0
REGISTERED_MISSES: Final = 3


class KeepaliveSchedule:
    """One keepalive per interval; ``max_misses`` in a row without an answer are a dead peer.

    A peer that is not ``heeded`` is never dead for that.

    Attributes:
        missed: keepalives that were not answered in time, all in all.
    """

    def __init__(self, answer_within_s: float, *, heeded: bool = True) -> None:
        self._heeded = heeded
        self.missed = 0
        self._answer_within_s = answer_within_s
        self._interval_s = 0.0
        self._max_misses = MAX_MISSES
        self._next: float | None = None
        self._deadline: float | None = None  # of the oldest one not answered
        self._sent_at = 0.0
        self._misses = 0

    def start(self, now: float, interval_s: float, max_misses: int = MAX_MISSES) -> None:
        """Begin at ``now``, right after the login."""
        self._interval_s = interval_s
        self._max_misses = max_misses
        self._next = now + self._interval_s
        self._deadline = None
        self._misses = 0

    def stop(self) -> None:
        """Nothing is due any more."""
        self._next = None
        self._deadline = None

    def is_due(self, now: float) -> bool:
        """Whether a keepalive must leave now."""
        return self._next is not None and now >= self._next

    def sent(self, now: float) -> None:
        """A keepalive has left; after a pause of the process the ones in between are not made up for."""
        if self._next is not None:
            self._next = max(self._next + self._interval_s, now)
        self._sent_at = now
        if self._deadline is None:
            self._deadline = now + self._answer_within_s

    def answered(self, now: float) -> float | None:
        """An answer came; return how long it took, or None if none was due."""
        waited = None if self._deadline is None else now - self._sent_at
        self._deadline = None
        self._misses = 0
        return waited

    def excuse(self) -> None:
        """We are not reading on purpose: what is missing is not the peer's fault."""
        self._deadline = None
        self._misses = 0

    def is_dead(self, now: float) -> bool:
        """Count a miss if one is due; return whether it was one too many."""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._misses += 1
            self.missed += 1
        return self._heeded and self._misses >= self._max_misses

    def next_timeout(self) -> float | None:
        """When to look again, or None."""
        return min([time for time in (self._next, self._deadline) if time is not None], default=None)
