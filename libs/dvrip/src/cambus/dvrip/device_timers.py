"""Timers of the device role: a heap of calls to make, driven by whoever has a clock."""

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """A call to make at ``due``; `cancel` forgets it."""

    __slots__ = ("_call", "due")

    def __init__(self, due: float, call: Callable[[float], None]) -> None:
        self.due = due
        self._call: Callable[[float], None] | None = call

    def cancel(self) -> None:
        """Do not call any more; harmless when it was called already."""
        self._call = None

    @property
    def active(self) -> bool:
        """Whether the call is still to come."""
        return self._call is not None

    def fire(self, now: float) -> None:
        """Call once."""
        call, self._call = self._call, None
        if call is not None:
            call(now)


class Timers:
    """Calls ordered by time; times are seconds of any monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def at(self, due: float, call: Callable[[float], None]) -> Timer:
        """Have ``call(now)`` made at ``due`` or as soon after it as `run` is called."""
        timer = Timer(due, call)
        heapq.heappush(self._heap, (due, next(self._order), timer))
        return timer

    def next_timeout(self) -> float | None:
        """When `run` has something to do, or None."""
        heap = self._heap
        while heap and not heap[0][2].active:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run(self, now: float) -> None:
        """Make the calls that are due; calls added meanwhile wait for the next run, even if due at once."""
        due: list[Timer] = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[2])
        for timer in due:
            timer.fire(now)
