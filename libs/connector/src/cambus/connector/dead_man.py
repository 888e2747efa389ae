"""Movements that always end: a device goes on moving until it is told to stop.

Whoever starts a movement and is never heard of again (a crashed operator's page) must not leave a camera turning. So
each movement has a time at which it is stopped, whatever becomes of its caller, and all of them are stopped with the
session. A stop that the device refuses, or that is cut short, counts for nothing: it is tried again until one is heard.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

CLOSE_S: Final = 1.0
AGAIN_S: Final = 5.0
"""Seconds from a stop nobody heard to the next."""

K = TypeVar("K", bound=Hashable)
Act = Callable[[], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Movement:
    """What is under way, how it is stopped, and when."""

    stop: Act
    timer: asyncio.TimerHandle | None = None

    def arm(self, after_s: float, then: Callable[[], None]) -> None:
        """Have it stopped later, and no earlier than that."""
        self.disarm()
        self.timer = asyncio.get_running_loop().call_later(after_s, then)

    def disarm(self) -> None:
        """It is not stopped by itself any more."""
        if self.timer is not None:
            self.timer.cancel()


class DeadMan(Generic[K]):
    """The movements under way on one device, by what moves.

    Args:
        device: for the log.
        failure: what a start or a stop raises when the device does not do it.
    """

    def __init__(self, device: str, failure: type[Exception]) -> None:
        self._device = device
        self._failure = failure
        self._moving: dict[K, _Movement] = {}
        self._stops: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def moving(self) -> frozenset[K]:
        """What moves."""
        return frozenset(self._moving)

    async def move(self, key: K, start: Act, stop: Act, duration_s: float) -> None:
        """Start a movement, or renew it, for so many seconds at most.

        Args:
            key: what moves; it does one thing at a time.
            start: starts it.
            stop: stops it.
            duration_s: after which it is stopped, unless it is renewed.

        Raises:
            Exception: what `start` raises; the movement is stopped then, for the device may have heard of it.
        """
        self.forget(key)
        movement = self._moving[key] = _Movement(stop)
        movement.arm(duration_s, lambda: self._stop_soon(key, movement))
        try:
            await start()
        except BaseException:
            self._stop_soon(key, movement)
            raise

    async def stop(self, key: K, stop: Act) -> None:
        """Stop what moves; also what moves without our having started it.

        Raises:
            Exception: what `stop` raises. It is tried again all the same, if we had started the movement.
        """
        movement = self._moving.get(key)
        try:
            await stop()
        except BaseException:
            if movement is not None and self._moving.get(key) is movement:
                self._stop_soon(key, movement)
            raise
        if movement is not None and self._moving.get(key) is movement:
            self.forget(key)

    def forget(self, key: K) -> None:
        """Something else moves it now, or nothing: there is nothing to be stopped."""
        movement = self._moving.pop(key, None)
        if movement is not None:
            movement.disarm()

    async def close(self) -> None:
        """Stop everything that moves, within `CLOSE_S`; never raises."""
        self._closing = True
        for key, movement in list(self._moving.items()):
            self._stop_soon(key, movement)
        if self._stops:
            await asyncio.wait(self._stops, timeout=CLOSE_S)
        for task in self._stops:
            task.cancel()
        await asyncio.gather(*self._stops, return_exceptions=True)
        for key in list(self._moving):
            self.forget(key)

    def _stop_soon(self, key: K, movement: _Movement) -> None:
        movement.disarm()
        task = asyncio.create_task(self._stop(key, movement), name=f"stop {self._device}")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop(self, key: K, movement: _Movement) -> None:
        """Stop a movement, unless something else moves by now; if it is not heard, later again."""
        if self._moving.get(key) is not movement:
            return
        try:
            await movement.stop()
        except self._failure as error:
            extra = {"device": self._device, "what": str(key), "reason": str(error)}
            logger.warning("movement not stopped", extra=extra)
            if self._moving.get(key) is movement and not self._closing:
                movement.arm(AGAIN_S, lambda: self._stop_soon(key, movement))
            return
        if self._moving.get(key) is movement:
            self.forget(key)
