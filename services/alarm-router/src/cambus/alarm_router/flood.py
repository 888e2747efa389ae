"""Flood suppression: a rule's least interval between two beginnings of the same alarm.

The beginnings in between are counted and kept back. The count travels with the next one that passes, so that
a receiver learns that and how much it was spared. An end passes if the last beginning its receiver was told
of has not ended for it yet.
"""

from collections import OrderedDict
from dataclasses import dataclass

MAX_KEYS = 100_000
NEVER = float("-inf")

AlarmOfRule = tuple[str, str, str]
"""Rule, device and pairing key."""


@dataclass(slots=True)
class _History:
    """What a rule's receivers know of an alarm."""

    passed_at: float
    suppressed: int = 0
    told: bool = True


class FloodGate:
    """Remembers, on a clock that is passed in, when a rule last let an alarm through.

    Holds at most `MAX_KEYS`, the least recently used go first. It lives in memory: after a restart the first
    beginning of each alarm passes, and so does its end.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[AlarmOfRule, _History] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def beginning(self, alarm: AlarmOfRule, *, interval_s: float, now: float) -> int | None:
        """Let one beginning through, or not.

        Returns:
            How many were kept back since the last one that passed; None when this one is kept back too.
        """
        known = self._known.get(alarm)
        if known is not None and now - known.passed_at < interval_s:
            known.suppressed += 1
            self._known.move_to_end(alarm)
            return None
        self._remember(alarm, _History(now))
        return known.suppressed if known is not None else 0

    def _remember(self, alarm: AlarmOfRule, history: _History) -> None:
        self._known[alarm] = history
        self._known.move_to_end(alarm)
        if len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)

    def passed_at(self, alarm: AlarmOfRule) -> float | None:
        """When the rule last let the alarm through; None if that is not known."""
        known = self._known.get(alarm)
        return known.passed_at if known is not None and known.passed_at > NEVER else None

    def kept_back(self, alarm: AlarmOfRule) -> None:
        """A beginning was kept back for another reason: its end is, unless it belongs to one that passed."""
        if alarm not in self._known:
            self._remember(alarm, _History(NEVER, told=False))

    def end(self, alarm: AlarmOfRule) -> bool:
        """Whether to let an end through: unless it belongs to a beginning that was kept back."""
        known = self._known.get(alarm)
        if known is None:
            return True
        told, known.told = known.told, False
        return told
