"""Ending tasks for certain.

A cancellation can get lost: a task group whose child fails in the same turn reports the child and forgets that it was
cancelled (Python 3.11). A task that went on regardless would hold a session nobody knows of, so it is told again.
"""

import asyncio
from typing import Any, Final

REPEAT_S: Final = 5.0
"""Longer than an orderly end takes: what is being closed is not to be torn down."""


async def end(*tasks: asyncio.Task[Any]) -> list[Exception]:
    """Cancel tasks until they have ended; return what they failed with.

    If the caller is cancelled meanwhile the tasks are left cancelled, but are not waited for.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=REPEAT_S)
    failures = (task.exception() for task in tasks if not task.cancelled())
    return [failure for failure in failures if isinstance(failure, Exception)]
