"""Flood suppression: a rule's least interval between two beginnings of the same alarm.

The beginnings in between are counted and kept back, and so are their ends. The count travels with the next
one that passes, so that a receiver learns that and how much it was spared.
"""

from collections import OrderedDict
from dataclasses import dataclass

MAX_KEYS = 100_000

AlarmOfRule = tuple[str, str, str]
"""Rule, device and pairing key."""


@dataclass(slots=True)
class _History:
    passed_at: float
    suppressed: int = 0


class FloodGate:
    """Remembers, on a clock that is passed in, when a rule last let an alarm through.

    Holds at most `MAX_KEYS`, the least recently used go first. It lives in memory: after a restart the first
    beginning of each alarm passes.
    """

    def __init__(self) -> None:
        self._passed: OrderedDict[AlarmOfRule, _History] = OrderedDict()

    def admit(self, alarm: AlarmOfRule, *, interval_s: float, now: float) -> int | None:
        """Let one beginning through, or not.

        Returns:
            How many were kept back since the last one that passed; None when this one is kept back too.
        """
        history = self._passed.get(alarm)
        if history is not None and now - history.passed_at < interval_s:
            history.suppressed += 1
            self._passed.move_to_end(alarm)
            return None
        self._passed[alarm] = _History(now)
        self._passed.move_to_end(alarm)
        if len(self._passed) > MAX_KEYS:
            self._passed.popitem(last=False)
        return history.suppressed if history is not None else 0


class RecentKeys:
    """A set that holds at most `MAX_KEYS`; the oldest go first."""

    def __init__(self) -> None:
        self._keys: OrderedDict[AlarmOfRule, None] = OrderedDict()

    def add(self, key: AlarmOfRule) -> None:
        """Hold a key."""
        self._keys[key] = None
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)

    def __contains__(self, key: AlarmOfRule) -> bool:
        return key in self._keys

    def discard(self, key: AlarmOfRule) -> bool:
        """Let a key go; whether it was held."""
        return key in self._keys and self._keys.pop(key) is None
