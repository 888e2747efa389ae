"""Holding off who fails to prove itself (GB-038, GB-045), without locking the device out that is meant."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from cambus.sip.peer import Peer

FAILURES: Final = 5
WINDOW_S: Final = 300.0
BLOCK_S: Final = 60.0
MAX_PAIRS: Final = 100_000


class FailureBook:
    """Counts failures by device and source address, in bounded memory.

    Args:
        failures: so many within the window block the pair.
        window_s: seconds in which they count.
        block_s: seconds the pair is blocked for.
        most: pairs remembered; beyond that the oldest are forgotten.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        window_s: float = WINDOW_S,
        block_s: float = BLOCK_S,
        most: int = MAX_PAIRS,
    ) -> None:
        self._failures = failures
        self._window_s = window_s
        self._block_s = block_s
        self._most = most
        self._pairs: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._blocked: OrderedDict[tuple[str, str], float] = OrderedDict()

    def blocked(self, code: str, host: str, now: float) -> bool:
        """Whether nothing of this device from this address is looked at now."""
        until = self._blocked.get((code, host))
        if until is None:
            return False
        if now >= until:
            del self._blocked[code, host]
            return False
        return True

    def failed(self, code: str, host: str, now: float) -> bool:
        """It failed; whether that blocks the pair."""
        pair = (code, host)
        times = [at for at in self._pairs.pop(pair, []) if now - at < self._window_s]
        times.append(now)
        if len(times) >= self._failures:
            self._blocked[pair] = now + self._block_s
            self._bound(self._blocked)
            return True
        self._pairs[pair] = times
        self._bound(self._pairs)
        return False

    def succeeded(self, code: str, host: str) -> None:
        """It proved itself."""
        self._pairs.pop((code, host), None)

    def _bound(self, table: OrderedDict[tuple[str, str], Any]) -> None:
        while len(table) > self._most:
            table.popitem(last=False)


class Refusals:
    """How often messages of a device from elsewhere were refused, in bounded memory (§3.3)."""

    def __init__(self, most: int = MAX_PAIRS) -> None:
        self._most = most
        self._times: OrderedDict[tuple[str, Peer], int] = OrderedDict()
        self._peers: dict[str, set[Peer]] = {}

    def __len__(self) -> int:
        return len(self._times)

    def add(self, code: str, peer: Peer) -> int:
        """One more; how many there were."""
        times = self._times.pop((code, peer), 0) + 1
        self._times[code, peer] = times
        self._peers.setdefault(code, set()).add(peer)
        if len(self._times) > self._most:
            (oldest, its), _ = self._times.popitem(last=False)
            self._peers[oldest].discard(its)
            if not self._peers[oldest]:
                del self._peers[oldest]
        return times

    def forget(self, code: str) -> None:
        """It has registered: all begins anew."""
        for peer in self._peers.pop(code, ()):
            del self._times[code, peer]
