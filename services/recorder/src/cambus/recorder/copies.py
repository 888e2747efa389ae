"""Which segments are still to be copied: marks beside the files, and the same in memory. Its methods block.

Whether a segment is copied is decided when it is complete, by what the policies say then, before it is announced: what
a crash leaves undecided is decided by the next start.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cambus.recorder.copy_marks import (
    Container,
    Copied,
    Pending,
    pending_marks,
    was_marked,
    write_copied,
    write_pending,
)
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import SegmentName

FIRST_RETRY_S: Final = 2.0
LONGEST_RETRY_S: Final = 600.0
MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Task:
    """A segment that is to be copied."""

    name: SegmentName
    pending: Pending


def retry_s(attempts: int, chance: float) -> float:
    """Seconds to wait after so many failures: doubled each time, and spread by `chance` (0 to 1)."""
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(max(attempts, 1) - 1, MOST_DOUBLINGS))
    return longest * (0.5 + chance / 2)


class Copies:
    """What is to be copied of one disk; safe to use from several threads.

    Args:
        root: the folder of the recordings.
        disk: where they are.
        now_us: the time, microseconds since 1970.
        chance: 0 to 1, another one each time.

    Attributes:
        lost: segments that were deleted before they were copied.
    """

    def __init__(
        self,
        root: Path,
        disk: Disk = DISK,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._root = root
        self._disk = disk
        self._now_us = now_us
        self._chance = chance
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._taken: set[str] = set()
        self.lost = 0

    def load(self, index: Index) -> list[Segment]:
        """Learn what is to be copied from the marks; the segments of which a lost index may not have been decided it.

        Raises:
            OSError: The disk cannot be read or written.
        """
        latest_us = self._now_us() + int(LONGEST_RETRY_S * 1e6)
        found = {
            name.id: Task(name, replace(pending, due_us=min(pending.due_us, latest_us)))
            for name, pending in pending_marks(self._root, self._disk)
        }
        with self._lock:
            self._tasks |= found
        return [last for key in index.streams() if (last := index.last_closed(key)) is not None]

    def add(self, segment: Segment, container: Container) -> None:
        """Note, durably, that a complete segment is to be copied; the same again changes nothing.

        Raises:
            OSError: The disk does not take it.
        """
        if was_marked(self._root, segment.name) or not (self._root / segment.name.path()).exists():
            return
        pending = Pending(container)
        write_pending(self._root, segment.name, pending, self._disk)
        with self._lock:
            self._tasks[segment.id] = Task(segment.name, pending)

    def is_pending(self, id_: str) -> bool:
        """Whether a segment is still to be copied."""
        with self._lock:
            return id_ in self._tasks

    def take(self) -> Task | None:
        """The oldest segment whose time has come, which nobody else gets until it is given back; None for none."""
        now_us = self._now_us()
        with self._lock:
            due = [
                task
                for id_, task in self._tasks.items()
                if id_ not in self._taken and task.pending.due_us <= now_us
            ]
            if not due:
                return None
            task = min(due, key=lambda each: (each.name.start_us, each.name.id))
            self._taken.add(task.name.id)
            return task

    def done(self, task: Task, copied: Copied) -> None:
        """Note, durably, that a segment was copied.

        Raises:
            OSError: The disk does not take it; it is copied again some time, and found to be there.
        """
        if (self._root / task.name.path()).exists():
            write_copied(self._root, task.name, copied, self._disk)
        self._forget(task.name.id)

    def failed(self, task: Task) -> None:
        """Note that a segment could not be copied, and try again later; it is still to be given back.

        Raises:
            OSError: The disk does not take it; it is tried again all the same.
        """
        attempts = task.pending.attempts + 1
        due_us = self._now_us() + int(retry_s(attempts, self._chance()) * 1e6)
        pending = replace(task.pending, attempts=attempts, due_us=due_us)
        with self._lock:
            if task.name.id not in self._tasks:
                return
            self._tasks[task.name.id] = Task(task.name, pending)
        write_pending(self._root, task.name, pending, self._disk)

    def give_back(self, task: Task) -> None:
        """Nobody is at it any more, and nothing is known of it."""
        with self._lock:
            self._taken.discard(task.name.id)

    def gone(self, task: Task) -> None:
        """Its file is not there any more."""
        self._forget(task.name.id)

    def note_lost(self, id_: str) -> None:
        """A segment was deleted before it was copied."""
        self._forget(id_)
        self.lost += 1

    def _forget(self, id_: str) -> None:
        with self._lock:
            self._tasks.pop(id_, None)
            self._taken.discard(id_)

    @property
    def pending(self) -> int:
        """How many are still to be copied."""
        with self._lock:
            return len(self._tasks)

    @property
    def oldest_us(self) -> int | None:
        """When the oldest of them begins."""
        with self._lock:
            return min((task.name.start_us for task in self._tasks.values()), default=None)
