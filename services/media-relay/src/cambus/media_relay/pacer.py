"""How fast a viewer by datagrams is sent to: a keyframe at wire speed would overrun the player's socket."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

_TICK_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Pacing:
    """The rate of one viewer.

    Attributes:
        bytes_per_s: on average.
        burst_bytes: at once, after a pause.
        clock: seconds, monotonic.
    """

    bytes_per_s: float = 50_000_000 / 8
    burst_bytes: int = 32 * 1024
    clock: Callable[[], float] = time.monotonic

    def budget(self) -> "Budget":
        """A full one for a new viewer."""
        return Budget(self)


class Budget:
    """A token bucket: it may be overdrawn by what is sent at one go, and is paid back first.

    Attributes:
        pacing: may be changed at any time.
    """

    __slots__ = ("_at", "_left", "pacing")

    def __init__(self, pacing: Pacing) -> None:
        self.pacing = pacing
        self._left = float(pacing.burst_bytes)
        self._at = pacing.clock()

    def left(self) -> bool:
        """Whether something may be sent now."""
        pacing = self.pacing
        now = pacing.clock()
        self._left = min(self._left + (now - self._at) * pacing.bytes_per_s, float(pacing.burst_bytes))
        self._at = now
        return self._left > 0

    def take(self, size: int) -> bool:
        """So much has been sent; whether more may be at once."""
        self._left -= size
        return self._left > 0


class Pacer:
    """Calls back those who wait for their budget: one timer for all of them, and none while nobody waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._tick: asyncio.TimerHandle | None = None

    def add(self, who: Hashable, callback: Callable[[], None]) -> None:
        """Call back every few milliseconds from now on."""
        self._waiting[who] = callback
        self._arm()

    def discard(self, who: Hashable) -> None:
        """Call back no more."""
        self._waiting.pop(who, None)

    def close(self) -> None:
        """Call nobody back any more."""
        self._waiting.clear()
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def _arm(self) -> None:
        if self._tick is None and self._waiting:
            self._tick = self._loop.call_later(_TICK_S, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        for callback in tuple(self._waiting.values()):
            callback()
        self._arm()
