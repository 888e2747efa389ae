"""Where an event goes: the rules that tell it, and the routes of each."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.rules import Route, RuleBook, Told
from cambus.alarm_router.suppression import Suppression
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmAcknowledged, AlarmEscalated, AlarmSuppressed
from cambus.schemas.state.alarm_rule import AlarmRule


@dataclass(frozen=True, slots=True)
class Addressed:
    """What one rule does with an event.

    Attributes:
        rule: the rule; None if it is no more.
        routes: where it goes.
        notice: what is told.
    """

    rule: AlarmRule | None
    routes: list[Route]
    notice: Notice


class Routing:
    """Asks the rules, and keeps back what floods.

    Args:
        rules: the rules.
        suppression: keeps back.
        metrics: counts what is.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        rules: RuleBook,
        suppression: Suppression,
        metrics: RouterMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._suppression = suppression
        self._metrics = metrics
        self._clock = clock

    def beginning(self, alarm: AlarmRaised, *, again: bool) -> list[Addressed]:
        """Where a beginning goes; one that comes again is kept back no more."""
        found = []
        for rule in self._rules.matching(alarm, "raised"):
            kept = 0 if again else self._suppression.beginning(rule, alarm, self._clock())
            if kept is None:
                self._metrics.suppressed()
            else:
                found.append(self._addressed(rule, self._rules.routes(rule), alarm, kept))
        return found

    def end(self, alarm: AlarmCleared, began: AlarmRaised | None) -> list[Addressed]:
        """Where an end goes: to whoever was told of its beginning; it says how long the alarm lasted."""
        told = _with_duration(alarm, began)
        return [
            self._addressed(rule, self._rules.routes(rule), told)
            for rule in self._rules.matching(began or _as_it_began(alarm), "cleared")
            if self._suppression.end(rule, alarm)
        ]

    def of_our_own(self, event: AlarmAcknowledged | AlarmEscalated | AlarmSuppressed) -> list[Addressed]:
        """Where an event goes that came about here."""
        if isinstance(event, AlarmAcknowledged):
            rules = self._rules.matching(event.alarm, "acknowledged")
            return [self._addressed(rule, self._rules.routes(rule), event) for rule in rules]
        rule = self._rules.rule(event.rule)
        if rule is None:
            return []
        step = event.step if isinstance(event, AlarmEscalated) else None
        return [self._addressed(rule, self._rules.routes(rule, step), event)]

    def acting(self, alarm: AlarmRaised) -> list[Addressed]:
        """The rules that want something done about a beginning that was told before."""
        rules = self._rules.matching(alarm, "raised")
        return [self._addressed(rule, [], alarm) for rule in rules if rule.actions]

    def owed(self, event: Told, routes: Iterable[Route]) -> list[Addressed]:
        """Where an event still goes, as it is written down; what was kept back before is not."""
        by_rule: dict[str, list[Route]] = {}
        for route in routes:
            by_rule.setdefault(route.rule, []).append(route)
        return [
            Addressed(self._rules.rule(rule), owed, self._notice(event, rule, 0))
            for rule, owed in by_rule.items()
        ]

    def _addressed(self, rule: AlarmRule, routes: list[Route], event: Told, kept: int = 0) -> Addressed:
        return Addressed(rule, routes, self._notice(event, rule.id, kept))

    def _notice(self, event: Told, rule_id: str, kept: int) -> Notice:
        rule = self._rules.rule(rule_id)
        return Notice(
            alarm=event,
            rule=rule_id,
            rule_name=rule.name if rule is not None else "",
            device_name=self._rules.name(event.device),
            suppressed=kept,
        )


def _as_it_began(alarm: AlarmCleared) -> AlarmCleared:
    """The end, put at the time of its beginning, where the device says how long the alarm lasted."""
    if alarm.duration_s is None:
        return alarm
    return alarm.model_copy(update={"at": alarm.at - timedelta(seconds=alarm.duration_s)})


def _with_duration(alarm: AlarmCleared, began: AlarmRaised | None) -> AlarmCleared:
    """The end, with what is known of its beginning where the device did not say it."""
    if began is None:
        return alarm
    lasted = alarm.duration_s
    if lasted is None:
        lasted = max(0.0, (alarm.at - began.at).total_seconds())
    return alarm.model_copy(update={"raised": alarm.raised or began.id, "duration_s": lasted})
