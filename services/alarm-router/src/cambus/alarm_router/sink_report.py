"""How the sinks are, for people."""

from collections.abc import Iterator

from cambus.alarm_router.outlets import Outlets
from cambus.alarm_router.rules import Route, RuleBook, routes_of
from cambus.alarm_router.sinks import target_of
from cambus.schemas.commands.alarm_cases import SinkStatus


def statuses(rules: RuleBook, outlets: Outlets) -> list[SinkStatus]:
    """Every sink of every rule that applies, in the order of the rules."""
    return [
        _status(route, rules, outlets)
        for rule in rules.in_order
        if rule.enabled
        for route in _routes(rule.id, rules)
    ]


def _routes(rule_id: str, rules: RuleBook) -> Iterator[Route]:
    rule = rules.rule(rule_id)
    if rule is not None:
        yield from routes_of(rule)
        for step in range(len(rule.escalation)):
            yield from routes_of(rule, step)


def _status(route: Route, rules: RuleBook, outlets: Outlets) -> SinkStatus:
    sink, outlet = rules.sink(route), outlets.of(route)
    kind, target = (sink.kind, target_of(sink)) if sink is not None else ("gone", "")
    if outlet is None:
        return SinkStatus(route=route.id, kind=kind, target=target)
    waiting, oldest_s = outlet.waiting()
    record = outlet.record
    return SinkStatus(
        route=route.id,
        kind=kind,
        target=target,
        waiting=waiting,
        oldest_s=oldest_s,
        delivered=record.delivered,
        failed=record.failed,
        away=outlet.away,
        last_error=record.last_error,
        last_error_at=record.last_error_at,
        last_delivered_at=record.last_delivered_at,
    )
