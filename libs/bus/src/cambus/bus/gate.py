"""Bounded concurrency: so many run, so many wait in order, the rest is refused at once."""

from collections.abc import Callable

Start = Callable[[], None]


class Gate:
    """Lets at most `limit` calls run; at most `queue` more wait for their turn.

    Args:
        limit: how many may run at the same time.
        queue: how many may wait.
    """

    __slots__ = ("_waiting", "limit", "queue", "running")

    def __init__(self, limit: int, queue: int) -> None:
        if limit < 1 or queue < 0:
            raise ValueError(
                f"gate: wanted a limit of 1 or more and a queue of 0 or more, got {limit}, {queue}"
            )
        self.limit = limit
        self.queue = queue
        self.running = 0
        self._waiting: list[Start] = []  # few wait, and an empty deque is ten times as large

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enter(self, start: Start) -> bool:
        """Call `start` now or when its turn comes; False if there is no room even to wait.

        Whoever was started calls `leave()` once when done.
        """
        if self.running < self.limit:
            self.running += 1
            start()
            return True
        if len(self._waiting) < self.queue:
            self._waiting.append(start)
            return True
        return False

    def leave(self) -> None:
        """One is done: the next in line takes its place."""
        if self._waiting:
            self._waiting.pop(0)()
        else:
            self.running -= 1

    def open(self) -> None:
        """Let everyone who waits start: for an end at which each start refuses itself."""
        while self._waiting:
            self.running += 1
            self._waiting.pop(0)()
