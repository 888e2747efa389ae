"""The timers of transactions (RFC 3261 §17.1.1.1 and table 4)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timers:
    """The three numbers all others follow from, in seconds.

    Attributes:
        t1: estimate of a round trip; the first interval of resending.
        t2: the longest interval of resending, but for an INVITE.
        t4: how long the network may hold a message back.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def timeout_s(self) -> float:
        """Timers B, F, H, J, L and M: 64 x T1."""
        return 64 * self.t1


class Timed(Protocol):
    """What has a deadline."""

    wakes_at: float
    """When it will be looked at next, infinity for never; the schedule's own."""

    @property
    def deadline(self) -> float | None:
        """The next instant at which it wants to be woken, None for none."""


class Schedule:
    """Wakes what has deadlines, earliest first; one that moved away is found when the old one comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._count = 0

    def put(self, timed: Timed) -> None:
        """Wake it at its deadline; to be called again whenever that has come nearer."""
        deadline = timed.deadline
        if deadline is not None and deadline < timed.wakes_at:
            timed.wakes_at = deadline
            self._count += 1
            heapq.heappush(self._heap, (deadline, self._count, timed))

    def __len__(self) -> int:
        return len(self._heap)

    def next(self) -> float | None:
        """The next instant at which `due` has something to do; perhaps earlier than needed."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Timed | None:
        """Something whose deadline has come, None if there is nothing."""
        while self._heap and self._heap[0][0] <= now:
            at, _, timed = heapq.heappop(self._heap)
            if at != timed.wakes_at:
                continue  # it was put again for an earlier instant since
            timed.wakes_at = float("inf")
            deadline = timed.deadline
            if deadline is None:
                continue
            if deadline <= now:
                return timed
            self.put(timed)
        return None
