"""Movements of a camera, each of which ends: a device goes on moving until it is told to stop (DVRIP §7.3).

Each has a time at which it is stopped, 30 s at the latest, and all of them are stopped with the session
(`cambus.connector.dead_man`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cambus.connector.dead_man import DeadMan
from cambus.dvrip.errors import DvripError
from cambus.dvrip.messages.ptz import MAX_SPEED, Move


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
        self._control = control
        self._under_way: dict[int, list[Movement]] = {}
        self._running: DeadMan[int] = DeadMan(device, DvripError)

    @property
    def channels(self) -> frozenset[int]:
        """The channels that move."""
        return self._running.moving

    async def move(self, channel: int, movements: Sequence[Movement], duration_s: float) -> None:
        """Move a channel from now on, for so many seconds at most; what it did before and does no longer is stopped.

        Raises:
            DvripError: the device refused; nothing moves any more then.
        """
        before, going = self._under_way.get(channel, []), [each.move for each in movements]
        over = [each for each in before if each.move not in going]
        under_way = self._under_way[channel] = list(before)

        async def start() -> None:
            for each in over:
                await self._control.stop(channel, each.move, each.speed)
                under_way.remove(each)
            for each in movements:
                if each not in under_way:
                    under_way.append(each)
                await self._control.start(channel, each.move, each.speed)

        async def stop() -> None:
            try:
                await self._stop(channel, under_way)
            except DvripError:  # it turns: what was lost once is sent again at once
                await self._stop(channel, under_way)

        await self._running.move(channel, start, stop, duration_s)

    async def stop(self, channel: int) -> None:
        """Stop a channel; also one that moves without our having started it.

        Raises:
            DvripError: the device refused.
        """
        under_way = self._under_way.get(channel) or [Movement(Move.UP, 1)]
        await self._running.stop(channel, lambda: self._stop(channel, under_way))

    async def close(self) -> None:
        """Stop everything that moves; never raises."""
        await self._running.close()

    async def _stop(self, channel: int, under_way: list[Movement]) -> None:
        """Stop movements; those that were stopped are not under way any more. Raises DvripError."""
        while under_way:
            each = under_way[0]
            await self._control.stop(channel, each.move, each.speed)
            if each in under_way:
                under_way.remove(each)


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
