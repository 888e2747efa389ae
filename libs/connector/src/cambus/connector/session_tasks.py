"""What goes on in a device session under names of its own: playbacks, downloads. It ends with the session."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from cambus.bus.transfer_sender import TransferSender
from cambus.connector.ending import end
from cambus.schemas.errors import NotFound

T = TypeVar("T")

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


class Playbacks(Generic[T]):
    """The playbacks that run, by name."""

    def __init__(self) -> None:
        self._running: dict[str, T] = {}
        self._tasks = SessionTasks()

    def run(self, name: str, playback: T, work: Coroutine[Any, Any, None], ended: Callable[[], None]) -> None:
        """Let one play until it returns or is stopped; `ended` is called either way."""
        self._running[name] = playback

        def forget() -> None:
            self._running.pop(name, None)
            ended()

        self._tasks.start("playback session", name, work, forget)

    def get(self, name: str) -> T:
        """Return a playback by its session.

        Raises:
            NotFound: there is none, or it is over.
        """
        running = self._running.get(name)
        if running is None:
            raise NotFound("there is no such playback, or it is over", reason="no-such-session")
        return running

    async def stop(self, name: str) -> None:
        """End a playback; one that is over is no error."""
        await self._tasks.stop(name)

    async def close(self) -> None:
        """End all of them, bounded in time."""
        await self._tasks.close()


class Downloads:
    """The downloads of a session: one that is fetched, and those whose end may still be asked for."""

    def __init__(self) -> None:
        self._tasks = SessionTasks()

    def run(
        self,
        name: str,
        sender: TransferSender,
        fetch: Callable[[], Awaitable[None]],
        fetched: Callable[[], None],
    ) -> None:
        """Fetch, and answer whoever reads until nobody does; `fetched` is called as soon as nothing more comes."""

        async def work() -> None:
            try:
                try:
                    await fetch()
                finally:
                    fetched()
                await sender.wait_over()
            finally:
                await sender.close()

        self._tasks.start("download", name, work(), fetched)

    async def stop(self, name: str) -> None:
        """End a download; one that is over is no error."""
        await self._tasks.stop(name)

    async def close(self) -> None:
        """End all of them, bounded in time."""
        await self._tasks.close()


async def _first_step() -> None:
    """Let what was only just started begin: a task cancelled before never enters its `try`, nor its `finally`."""
    await asyncio.sleep(0)
