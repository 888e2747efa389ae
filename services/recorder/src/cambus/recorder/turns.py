"""Work on one thing, done in the order in which it was asked for, each piece to its end.

What was cut from a stream is a part of its file: whoever asked for it to be written may be cancelled, it is written
all the same, before whatever comes behind it. Or the file would lack what its row counts.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Turns:
    """One piece of work at a time; owns what was asked for until it is done."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()  # whoever waits longest is next
        self._asked: set[asyncio.Task[None]] = set()

    async def take(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it when everything before is done; to its end, though the caller be cancelled while it waits."""
        task = asyncio.get_running_loop().create_task(self._do(work))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        await asyncio.shield(task)

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._turn:
            await work

    async def finish(self) -> None:
        """Wait until all that was asked for is done."""
        while self._asked:
            await asyncio.wait(self._asked)
