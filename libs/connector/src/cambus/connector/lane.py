"""Work done one piece after the other, by a task that is there only while there is some.

A queue with a task that waits at it takes some five KiB, which is too much for what a device at rest may need one day:
there are thousands of them.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cambus.connector.ending import end

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Lane(Generic[T]):
    """A bounded row of pieces of work.

    Nothing is worked at before `begin`, so pieces that come early wait.

    Args:
        name: of the task, for whoever looks at the tasks.
        most: how many pieces may wait.
        work: deals with at least the first of those that wait, and takes away all it deals with.
    """

    __slots__ = ("_begun", "_most", "_name", "_task", "_waiting", "_work")

    def __init__(self, name: str, most: int, work: Callable[[deque[T]], Awaitable[None]]) -> None:
        self._name = name
        self._most = most
        self._work = work
        self._begun = False
        self._waiting: deque[T] | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, piece: T) -> bool:
        """Add a piece at the end; False if there is no room for it."""
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= self._most:
            return False
        self._waiting.append(piece)
        self._go_on()
        return True

    def begin(self) -> None:
        """Work at what waits, and at what comes."""
        self._begun = True
        self._go_on()

    async def close(self) -> list[T]:
        """End, in the middle of a piece as well; return those that were not begun."""
        self._begun = False
        if self._task is not None:
            await end(self._task)
        left, self._waiting = list(self._waiting or ()), None
        return left

    def _go_on(self) -> None:
        if self._begun and self._waiting and self._task is None:
            self._task = asyncio.create_task(self._run(self._waiting), name=self._name)

    async def _run(self, waiting: deque[T]) -> None:
        try:
            while waiting:
                before = len(waiting)
                try:
                    await self._work(waiting)
                except Exception:
                    logger.exception("%s failed", self._name)
                    if len(waiting) >= before:
                        waiting.popleft()  # it would fail again and again
            self._waiting = None
        finally:
            self._task = None
