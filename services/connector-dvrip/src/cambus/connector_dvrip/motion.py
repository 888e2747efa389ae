"""Movements of a camera, each of which ends: a device goes on moving until it is told to stop (DVRIP §7.3).

Whoever starts a movement and is never heard of again (a crashed operator's page) must not leave a camera turning. So
each movement has a time at which it is stopped, 30 s at the latest, and all of them are stopped with the session.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cambus.dvrip.errors import DvripError
from cambus.dvrip.messages.ptz import MAX_SPEED, Move

logger = logging.getLogger(__name__)

STOP_ATTEMPTS: Final = 2
CLOSE_S: Final = 1.0


class MotionControl(Protocol):
    """What starts and stops movements; `cambus.dvrip.operations.ptz.PtzOperations` is one."""

    async def start(self, channel: int, move: Move, speed: int = 5) -> None:
        """Start a movement."""

    async def stop(self, channel: int, move: Move, speed: int = 5) -> None:
        """Stop it."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement: a command of the device and a speed of 1 to 8."""

    move: Move
    speed: int


class Motions:
    """The movements under way on one device.

    Args:
        device: for the log.
        control: starts and stops them.
    """

    def __init__(self, device: str, control: MotionControl) -> None:
        self._device = device
        self._control = control
        self._running: dict[int, list[Movement]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._stops: set[asyncio.Task[None]] = set()

    @property
    def channels(self) -> frozenset[int]:
        """The channels that move."""
        return frozenset(self._running)

    async def move(self, channel: int, movements: Sequence[Movement], duration_s: float) -> None:
        """Move a channel from now on, for so many seconds at most; what it did before and does no longer is stopped.

        Raises:
            DvripError: the device refused; nothing moves any more then.
        """
        self._disarm(channel)
        going = [running.move for running in movements]
        before = self._running.pop(channel, [])
        await self._halt(channel, [running for running in before if running.move not in going])
        self._running[channel] = list(movements)
        self._timers[channel] = asyncio.get_running_loop().call_later(duration_s, self._time_is_up, channel)
        try:
            for movement in movements:
                await self._control.start(channel, movement.move, movement.speed)
        except BaseException:
            self._stop_running(channel)  # a start that was cut off may have been heard
            raise

    async def stop(self, channel: int) -> None:
        """Stop a channel; also one that moves without our having started it.

        Raises:
            DvripError: the device refused.
        """
        self._disarm(channel)
        if channel in self._running:
            await self._halt(channel, self._running.pop(channel))
        else:
            await self._control.stop(channel, Move.UP, 1)

    async def close(self) -> None:
        """Stop everything that moves; never raises."""
        for channel in list(self._running):
            self._stop_running(channel)
        if self._stops:
            await asyncio.wait(self._stops, timeout=CLOSE_S)
        for task in self._stops:
            task.cancel()
        await asyncio.gather(*self._stops, return_exceptions=True)

    def _time_is_up(self, channel: int) -> None:
        self._stop_running(channel)

    async def _halt(self, channel: int, movements: Sequence[Movement]) -> None:
        """Stop movements in their callers' time; if it is cut short or refused, they are stopped all the same."""
        waiting = list(movements)
        try:
            while waiting:
                await self._control.stop(channel, waiting[0].move, waiting[0].speed)
                del waiting[0]
        except BaseException:
            self._stop_soon(channel, waiting)
            raise

    def _stop_running(self, channel: int) -> None:
        self._disarm(channel)
        self._stop_soon(channel, self._running.pop(channel, []))

    def _stop_soon(self, channel: int, movements: Sequence[Movement]) -> None:
        if movements:
            task = asyncio.create_task(self._stop_all(channel, movements), name=f"ptz stop {self._device}")
            self._stops.add(task)
            task.add_done_callback(self._stops.discard)

    async def _stop_all(self, channel: int, running: Sequence[Movement]) -> None:
        for movement in running:
            for _ in range(STOP_ATTEMPTS):
                try:
                    await self._control.stop(channel, movement.move, movement.speed)
                    break
                except DvripError as error:
                    logger.warning(
                        "movement not stopped",
                        extra={"device": self._device, "channel": channel, "reason": str(error)},
                    )

    def _disarm(self, channel: int) -> None:
        timer = self._timers.pop(channel, None)
        if timer is not None:
            timer.cancel()


def movements_of(pan: float, tilt: float, zoom: float) -> list[Movement]:
    """Return the device's movements for speeds of -1 to 1: right, up and in are positive.

    The device has eight directions with one speed, and zoom beside them.
    """
    found = []
    direction = _DIRECTIONS[_sign(pan), _sign(tilt)]
    if direction is not None:
        found.append(Movement(direction, speed_of(max(abs(pan), abs(tilt)))))
    if zoom:
        found.append(Movement(Move.ZOOM_IN if zoom > 0 else Move.ZOOM_OUT, speed_of(zoom)))
    return found


def speed_of(speed: float) -> int:
    """Return a speed of -1 to 1 as one of the device's steps, 1 to 8."""
    return min(max(round(abs(speed) * MAX_SPEED), 1), MAX_SPEED)


def _sign(speed: float) -> int:
    return (speed > 0) - (speed < 0)


_DIRECTIONS: Final = {
    (0, 0): None,
    (1, 0): Move.RIGHT,
    (-1, 0): Move.LEFT,
    (0, 1): Move.UP,
    (0, -1): Move.DOWN,
    (1, 1): Move.RIGHT_UP,
    (1, -1): Move.RIGHT_DOWN,
    (-1, 1): Move.LEFT_UP,
    (-1, -1): Move.LEFT_DOWN,
}
