"""One timer wheel per event loop, shared by every device in the process.

Two hundred devices with four streams each would otherwise cost thousands of event-loop timers a second. The wheel
wakes up at most once per tick and makes all the calls of that tick.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

#: Resolution, seconds.
TICK_S: Final = 0.005


class WheelEntry:
    """A call on the wheel."""

    __slots__ = ("call", "tick")

    def __init__(self, tick: int, call: Callable[[], None]) -> None:
        self.tick = tick
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Do not call."""
        self.call = None


class TimerWheel:
    """Calls by tick of `TICK_S`; a call is never early and at most a tick late."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[WheelEntry]] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._armed_tick = 0

    def at(self, due: float, call: Callable[[], None]) -> WheelEntry:
        """Make a call at ``due``, a time of the event loop's clock."""
        tick = int(due / TICK_S) + 1
        entry = WheelEntry(tick, call)
        self._slots.setdefault(tick, []).append(entry)
        if self._handle is None or tick < self._armed_tick:
            self._arm(tick)
        return entry

    def _arm(self, tick: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_tick = tick
        self._handle = self._loop.call_at(tick * TICK_S, self._turn)

    def _turn(self) -> None:
        self._handle = None
        current = int(self._loop.time() / TICK_S) + 1
        due = sorted(tick for tick in self._slots if tick <= current)
        entries = [entry for tick in due for entry in self._slots.pop(tick)]
        for entry in entries:
            if entry.call is not None:
                entry.call()
        pending = [tick for tick, slot in self._slots.items() if any(entry.call for entry in slot)]
        if not pending:
            self._slots.clear()
            return
        self._arm(min(pending))


_wheels: WeakKeyDictionary[asyncio.AbstractEventLoop, TimerWheel] = WeakKeyDictionary()


def shared_wheel() -> TimerWheel:
    """The wheel of the running event loop."""
    loop = asyncio.get_running_loop()
    wheel = _wheels.get(loop)
    if wheel is None:
        wheel = _wheels[loop] = TimerWheel(loop)
    return wheel
