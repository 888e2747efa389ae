"""What a rule keeps back, and that its count is told."""

import math
from datetime import UTC, datetime

from cambus.alarm_router.suppression import Suppression
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.alarm_rule import AlarmRule

AT = datetime(2026, 2, 2, 12, 0, tzinfo=UTC)


def raised(device: str = "gate-1", **fields: object) -> AlarmRaised:
    facts = {"type": "motion", "severity": "info", "key": "motion:0", "at": AT} | fields
    return AlarmRaised(id=new_ulid(), device=device, protocol="dvrip", **facts)


def cleared(device: str = "gate-1", key: str = "motion:0") -> AlarmCleared:
    return AlarmCleared(id=new_ulid(), device=device, type="motion", severity="info", key=key, at=AT)


def limited(per: str = "type", most: int = 2, within_s: float = 10.0, **fields: object) -> AlarmRule:
    return AlarmRule(id="rule", limit={"per": per, "most": most, "within_s": within_s}, **fields)


def test_a_limit_counts_together_what_it_says() -> None:
    for per, passed in (("alarm", 4), ("type", 3), ("device", 2), ("rule", 1)):
        suppression = Suppression()
        alarms = [
            raised(),
            raised(key="motion:1"),
            raised(type="tamper", key="tamper:0"),
            raised("gate-2"),
            raised(),
        ]
        verdicts = [suppression.beginning(limited(per, most=1), each, 0.0) for each in alarms]
        assert [each is not None for each in verdicts].count(True) == passed, per


def test_the_count_travels_with_the_next_that_passes_and_is_told_once() -> None:
    suppression, rule = Suppression(), limited(most=1)
    assert [suppression.beginning(rule, raised(), now) for now in (0.0, 1.0, 2.0)] == [0, None, None]
    assert suppression.beginning(rule, raised(), 10.0) == 2
    assert suppression.due(math.inf) == []


def test_where_none_passes_the_count_is_told_when_the_time_is_over() -> None:
    suppression, rule = Suppression(), limited(most=1)
    for now in (0.0, 1.0, 2.0):
        suppression.beginning(rule, raised(channel=3), now)
    assert suppression.due(9.9) == []
    [told] = suppression.due(10.0)
    assert (told.rule, told.per, told.count, told.since, told.device, told.channel) == (
        "rule",
        "type",
        2,
        AT,
        "gate-1",
        3,
    )
    assert suppression.due(math.inf) == []
    assert suppression.beginning(rule, raised(), 11.0) == 0


def test_an_interval_tells_its_count_as_well() -> None:
    suppression, rule = Suppression(), AlarmRule(id="rule", min_interval_s=5.0)
    assert [suppression.beginning(rule, raised(), now) for now in (0.0, 1.0)] == [0, None]
    assert suppression.due(4.9) == []
    assert [(each.per, each.count) for each in suppression.due(5.0)] == [("alarm", 1)]


def test_the_end_of_what_was_kept_back_is_kept_back_and_no_other() -> None:
    suppression, rule = Suppression(), limited(most=1)
    suppression.beginning(rule, raised(), 0.0)
    suppression.beginning(rule, raised(key="motion:1"), 0.0)
    suppression.beginning(rule, raised(), 1.0)
    assert suppression.end(rule, cleared())
    assert not suppression.end(rule, cleared(key="motion:1"))


def test_a_rule_without_either_lets_everything_through() -> None:
    suppression, rule = Suppression(), AlarmRule(id="rule")
    assert [suppression.beginning(rule, raised(), 0.0) for _ in range(3)] == [0, 0, 0]
    assert suppression.end(rule, cleared())
