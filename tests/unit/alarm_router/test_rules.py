from datetime import UTC, datetime, timedelta

import pytest

from cambus.alarm_router.rules import Route, RuleBook, phase_of, routes_of
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.alarm_sinks import BusSink

AT = datetime(2026, 2, 2, 12, 0, tzinfo=UTC)  # a Monday
SINK = {"kind": "bus", "subject": "ops.alarms"}


@pytest.fixture
def book() -> RuleBook:
    return RuleBook(Bus(BusSettings(), name="test"))


def raised(device: str = "gate-1", **fields: object) -> AlarmRaised:
    facts = {"type": "motion", "severity": "info", "key": "motion:0", "at": AT} | fields
    return AlarmRaised(id=new_ulid(), device=device, protocol="dvrip", **facts)


def cleared(device: str = "gate-1", **fields: object) -> AlarmCleared:
    facts = {"type": "motion", "severity": "info", "key": "motion:0", "at": AT} | fields
    return AlarmCleared(id=new_ulid(), device=device, protocol="dvrip", **facts)


def rule(rule_id: str = "all", **fields: object) -> AlarmRule:
    return AlarmRule(**({"id": rule_id, "sinks": [SINK]} | fields))


def ids(book: RuleBook, alarm: AlarmRaised | AlarmCleared, began: AlarmRaised | None = None) -> list[str]:
    return [each.id for each in book.matching(began or alarm, phase_of(alarm))]


def test_every_rule_that_fits_applies(book: RuleBook) -> None:
    book.learn(rule("a"), 1)
    book.learn(rule("b", match={"devices": ["gate-*"]}), 2)
    book.learn(rule("c", match={"devices": ["yard-*"]}), 3)
    assert ids(book, raised()) == ["a", "b"]


def test_a_disabled_rule_does_not_apply_and_leads_nowhere(book: RuleBook) -> None:
    book.learn(rule(enabled=False), 1)
    assert ids(book, raised()) == []
    assert book.sink(Route("all", 0)) is None


def test_an_older_revision_does_not_replace_a_newer_one(book: RuleBook) -> None:
    book.learn(rule(name="new"), 7)
    book.learn(rule(name="old"), 6)
    assert book.rule("all").name == "new"


def test_a_deletion_does_not_remove_what_was_written_after_it(book: RuleBook) -> None:
    book.learn(rule(), 7)
    book.forget("all", before=6)
    assert len(book) == 1
    book.forget("all", before=7)
    assert len(book) == 0


def test_whoever_follows_the_rules_is_told_of_changes_only(book: RuleBook) -> None:
    told: list[int] = []
    book.on_change = lambda: told.append(len(book))
    book.learn(rule(), 1)
    book.learn(rule(), 1)
    book.forget("another")
    book.forget("all")
    assert told == [1, 0]


def test_a_route_leads_to_what_the_rule_says_at_present(book: RuleBook) -> None:
    book.learn(rule(), 1)
    assert book.sink(Route("all", 0)) == BusSink(subject="ops.alarms")
    assert book.sink(Route("all", 1)) is None
    book.learn(rule(sinks=[{"kind": "bus", "subject": "ops.others"}]), 2)
    assert book.sink(Route("all", 0)) == BusSink(subject="ops.others")


def test_an_end_belongs_to_the_rules_of_its_beginning(book: RuleBook) -> None:
    noon = {"spans": [{"start": "12:00", "end": "13:00"}]}
    book.learn(rule(match={"schedule": noon}), 1)
    late = cleared(at=AT + timedelta(hours=3))
    assert ids(book, late) == []
    assert ids(book, late, began=raised()) == ["all"]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"channels": [0, 2]}, False),
        ({"channels": [1]}, True),
        ({"protocols": ["dvrip"]}, True),
        ({"protocols": ["onvif"]}, False),
        ({"types": ["analytics.*", "mo*"]}, True),
        ({"min_severity": "minor"}, False),
        ({"tags": ["site:north"]}, False),
        ({"phases": ["cleared"]}, False),
        ({"schedule": {"spans": [{"days": ["mon"]}]}}, True),
        ({"schedule": {"spans": [{"days": ["tue"]}]}}, False),
        ({"schedule": {"time_zone": "Asia/Shanghai", "spans": [{"start": "20:00", "end": "21:00"}]}}, True),
    ],
)
def test_each_part_of_a_match_must_fit(book: RuleBook, match: dict, fits: bool) -> None:
    book.learn(rule(match=match), 1)
    assert bool(ids(book, raised(channel=1))) is fits


def test_routes_are_numbered_and_read_back() -> None:
    routes = routes_of(rule(sinks=[SINK, {"kind": "bus", "subject": "b"}]))
    assert [route.id for route in routes] == ["all.0", "all.1"]
    assert [Route.parse(route.id) for route in routes] == routes


def test_the_phase_of_an_alarm() -> None:
    assert (phase_of(raised()), phase_of(cleared())) == ("raised", "cleared")
