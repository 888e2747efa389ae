"""Waiting for a device to reach a state, without sleeping and hoping."""

import asyncio
from collections.abc import Callable


class Watch:
    """Wakes up whoever waits for a condition whenever something changed."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def changed(self) -> None:
        """Something may have become true."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def until(
        self,
        predicate: Callable[[], bool],
        timeout_s: float,
        what: str = "",
        *,
        look_s: float | None = None,
    ) -> None:
        """Return as soon as ``predicate()`` is true; look at least every ``look_s`` where nobody tells.

        Raises:
            TimeoutError: it was not within ``timeout_s``.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not predicate():
            remaining = deadline - loop.time()
            if remaining <= 0:
                raise TimeoutError(what or f"not within {timeout_s:g} s")
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait({waiter}, timeout=min(remaining, look_s or remaining))
            finally:
                self._waiters.discard(waiter)
