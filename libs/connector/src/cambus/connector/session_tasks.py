"""What goes on in a device session under names of its own: playbacks, downloads. It ends with the session."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from cambus.connector.ending import end

CLOSE_S: Final = 1.0


class SessionTasks:
    """The running tasks of one kind, by name."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, kind: str, name: str, work: Coroutine[Any, Any, None], ended: Callable[[], None]) -> None:
        """Run something until it returns or is stopped; `ended` is called either way."""
        task = asyncio.create_task(work, name=f"{kind} {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._forget(name, ended))

    async def stop(self, name: str) -> None:
        """End one; one that is over is no error."""
        task = self._tasks.get(name)
        if task is not None:
            await _first_step()
            await end(task)

    async def close(self) -> None:
        """End all of them, bounded in time."""
        await _first_step()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    def _forget(self, name: str, ended: Callable[[], None]) -> None:
        self._tasks.pop(name, None)
        ended()


async def _first_step() -> None:
    """Let what was only just started begin: a task cancelled before never enters its `try`, nor its `finally`."""
    await asyncio.sleep(0)
