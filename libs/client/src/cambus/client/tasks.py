"""Short tasks with an owner: bounded in number, their failures logged, cancelled at the end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)

CANCEL_AGAIN_S = 0.5


class TaskSet:
    """Tasks started from synchronous code, where nobody can await them.

    Args:
        limit: how many may be under way; further ones are not started.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> bool:
        """Start a task; False, and nothing started, if there are too many."""
        if len(self._tasks) >= self._limit:
            coroutine.close()
            return False
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return True

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a background task failed", exc_info=error)

    async def wait(self, timeout_s: float) -> None:
        """Wait until all are done, at most `timeout_s` seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def cancel(self) -> None:
        """Cancel all; `wait()` for their end."""
        for task in list(self._tasks):
            task.cancel()


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until they have ended, whatever they ended with.

    Once is not enough: nats-py swallows a cancellation that meets it while it waits for a full buffer.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
