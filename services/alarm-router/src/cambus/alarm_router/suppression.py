"""What a rule keeps back of a flood of alarms, and that the count of it is told afterwards.

An interval and a limit keep beginnings back. How many travels with the next one that passes; where none does until
the interval or the window is over, it is told by an event of its own (`alarm.suppressed`). It lives in memory: a router
that is killed forgets the counts, one that is stopped tells them.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from cambus.alarm_router.flood import MAX_KEYS, AlarmOfRule, FloodGate
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmSuppressed
from cambus.schemas.ids import derived_event_id
from cambus.schemas.state.alarm_rule import AlarmRule

Scope = tuple[str, ...]
"""Rule, what is counted together, and which of it."""


@dataclass(slots=True)
class _Window:
    """What passed of a limit's scope since the first that did."""

    began_at: float
    passed: int


@dataclass(slots=True)
class _KeptBack:
    """What was kept back and is not told yet."""

    count: int
    since: datetime
    last: AlarmRaised
    due_at: float


class Suppression:
    """Decides what passes, on a clock that is passed in.

    Holds at most `MAX_KEYS` of each, the least recently used go first.
    """

    def __init__(self) -> None:
        self._flood = FloodGate()
        self._windows: OrderedDict[Scope, _Window] = OrderedDict()
        self._kept: OrderedDict[Scope, _KeptBack] = OrderedDict()

    def beginning(self, rule: AlarmRule, alarm: AlarmRaised, now: float) -> int | None:
        """How many beginnings were kept back before this one and not told; None if it is kept back too."""
        if rule.min_interval_s <= 0 and rule.limit is None:
            return 0
        key = _alarm_of(rule, alarm)
        window = self._full_window(rule, alarm, now)
        if window is not None:
            self._flood.kept_back(key)
            self._keep_back(_scope(rule, alarm), alarm, window)
            return None
        if self._flood.beginning(key, interval_s=rule.min_interval_s, now=now) is None:
            passed_at = self._flood.passed_at(key)
            self._keep_back(
                ("alarm", *key), alarm, (now if passed_at is None else passed_at) + rule.min_interval_s
            )
            return None
        told: set[Scope] = {("alarm", *key)}
        if rule.limit is not None:
            told.add(_scope(rule, alarm))
            self._windows[_scope(rule, alarm)].passed += 1
        return sum(kept.count for scope in told if (kept := self._kept.pop(scope, None)) is not None)

    def end(self, rule: AlarmRule, alarm: AlarmCleared) -> bool:
        """Whether to let an end through: unless it belongs to a beginning that was kept back."""
        if rule.min_interval_s <= 0 and rule.limit is None:
            return True
        return self._flood.end(_alarm_of(rule, alarm))

    def due(self, now: float) -> list[AlarmSuppressed]:
        """What is to be told by events of their own at this moment; with infinity, all there is."""
        over = [scope for scope, kept in self._kept.items() if kept.due_at <= now]
        return [_told(scope, self._kept.pop(scope)) for scope in over]

    def _full_window(self, rule: AlarmRule, alarm: AlarmRaised, now: float) -> float | None:
        """When the window of a rule's limit is over that lets no more through; None if there is room."""
        limit = rule.limit
        if limit is None:
            return None
        scope = _scope(rule, alarm)
        window = self._windows.get(scope)
        if window is None or now - window.began_at >= limit.within_s:
            self._windows[scope] = window = _Window(now, 0)
        self._windows.move_to_end(scope)
        if len(self._windows) > MAX_KEYS:
            self._windows.popitem(last=False)
        return window.began_at + limit.within_s if window.passed >= limit.most else None

    def _keep_back(self, scope: Scope, alarm: AlarmRaised, due_at: float) -> None:
        kept = self._kept.get(scope)
        if kept is None:
            self._kept[scope] = _KeptBack(1, alarm.at, alarm, due_at)
            if len(self._kept) > MAX_KEYS:
                self._kept.popitem(last=False)
        else:
            kept.count, kept.last, kept.due_at = kept.count + 1, alarm, due_at


def _alarm_of(rule: AlarmRule, alarm: AlarmRaised | AlarmCleared) -> AlarmOfRule:
    return rule.id, alarm.device, alarm.key


def _scope(rule: AlarmRule, alarm: AlarmRaised) -> Scope:
    """What an alarm is counted with under a rule's limit."""
    match rule.limit.per if rule.limit is not None else "alarm":
        case "alarm":
            return "alarm", rule.id, alarm.device, alarm.key
        case "type":
            return "type", rule.id, alarm.device, alarm.type.value
        case "device":
            return "device", rule.id, alarm.device
        case _:
            return "rule", rule.id


def _told(scope: Scope, kept: _KeptBack) -> AlarmSuppressed:
    last = kept.last
    return AlarmSuppressed.model_validate(
        {
            "id": derived_event_id(kept.since, "suppressed", last.id, *scope),
            "device": last.device,
            "protocol": "cambus",
            "at": datetime.now(UTC),
            "channel": last.channel,
            "type": last.type,
            "severity": last.severity,
            "key": last.key,
            "rule": scope[1],
            "per": scope[0],
            "count": kept.count,
            "since": kept.since,
        }
    )
