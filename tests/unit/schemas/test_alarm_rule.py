"""Which alarms a rule matches, and which sinks it may name."""

from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.schedule import TimeSpan, WeekSchedule
from cambus.schemas.state.alarm_rule import AlarmMatch, AlarmRule
from cambus.schemas.state.alarm_sinks import BusSink, WebhookSink


def alarm(**fields: Any) -> AlarmRaised:
    given: dict[str, Any] = {
        "id": new_ulid(),
        "device": "gate-1",
        "protocol": "dvrip",
        "at": datetime(2026, 2, 7, 12, tzinfo=UTC),
        "channel": 0,
        "type": AlarmType.MOTION,
        "severity": Severity.MINOR,
        "key": "motion:0",
    }
    return AlarmRaised.model_validate(given | fields)


def covers(
    match: AlarmMatch,
    one: AlarmRaised,
    phase: Literal["raised", "cleared"] = "raised",
    tags: tuple[str, ...] = (),
) -> bool:
    return match.covers_alarm(one, phase=phase, tags=list(tags))


def test_an_empty_match_takes_every_alarm() -> None:
    assert covers(AlarmMatch(), alarm())
    assert covers(AlarmMatch(), alarm(channel=None, type="other", severity="info"), "cleared")


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({"devices": ["gate-*"]}, True),
        ({"devices": ["dock-*", "gate-?"]}, True),
        ({"devices": ["dock-*"]}, False),
        ({"devices": ["gate"]}, False),
        ({"tags": ["site:north"]}, True),
        ({"tags": ["site:north", "outdoor"]}, True),
        ({"tags": ["site:north", "indoor"]}, False),
        ({"protocols": ["dvrip"]}, True),
        ({"protocols": ["gb28181"]}, False),
        ({"channels": [0, 1]}, True),
        ({"channels": [1]}, False),
        ({"types": ["motion"]}, True),
        ({"types": ["m*"]}, True),
        ({"types": ["storage-*", "analytics.*"]}, False),
        ({"min_severity": "minor"}, True),
        ({"min_severity": "major"}, False),
        ({"phases": ["cleared"]}, False),
    ],
)
def test_each_condition_must_hold(match: dict[str, object], taken: bool) -> None:
    assert covers(AlarmMatch.model_validate(match), alarm(), tags=("site:north", "outdoor")) is taken


def test_dots_in_a_pattern_stand_for_dots() -> None:
    match = AlarmMatch(types=["analytics.*"])
    assert covers(match, alarm(type="analytics.human"))
    assert not covers(match, alarm(type="motion"))


def test_the_schedule_is_asked_for_the_time_we_heard_it() -> None:
    weekdays = WeekSchedule(spans=[TimeSpan(days=["mon", "tue", "wed", "thu", "fri"])])
    assert not covers(AlarmMatch(schedule=weekdays), alarm())
    assert covers(AlarmMatch(schedule=weekdays), alarm(at="2026-02-06T12:00:00Z"))


def test_an_alarm_of_the_whole_device_is_of_no_named_channel() -> None:
    assert not covers(AlarmMatch(channels=[0]), alarm(channel=None))


def test_severities_are_ordered() -> None:
    assert [severity.value for severity in sorted(Severity, key=lambda each: each.rank)] == [
        "info",
        "minor",
        "major",
        "critical",
    ]


def test_sinks_are_told_apart_by_kind() -> None:
    rule = AlarmRule.model_validate(
        {
            "id": "r",
            "sinks": [{"kind": "bus", "subject": "ops.alarms"}, {"kind": "webhook", "url": "https://a/b"}],
        }
    )
    assert [type(sink) for sink in rule.sinks] == [BusSink, WebhookSink]


@pytest.mark.parametrize(
    "sink", [{"kind": "carrier-pigeon"}, {"subject": "a"}, {"kind": "bus"}, {"kind": "webhook"}]
)
def test_a_sink_of_no_kind_is_refused(sink: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="sinks"):
        AlarmRule.model_validate({"id": "r", "sinks": [sink]})


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "file:///etc/passwd",
        "https://user:word@a/b",
        "https://a b",
        "https://a/#x",
        "a",
        "http://",
    ],
)
def test_a_webhook_goes_over_http_and_carries_no_credentials(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        WebhookSink(url=url)


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X\r\n": "a"}, {"": "a"}, {"X:": "a"}, {"X": "ä"}, {"X": "a\0"}]
)
def test_a_header_cannot_smuggle_another(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="headers"):
        WebhookSink(url="https://a/b", headers=headers)


@pytest.mark.parametrize("subject", ["ops.*", "ops.>", "", "a..b", "a b", ".a", "$SYS.a"])
def test_a_bus_sink_names_one_subject(subject: str) -> None:
    with pytest.raises(ValidationError, match="subject"):
        BusSink(subject=subject)


def test_a_webhook_address_is_not_in_its_repr() -> None:
    assert "hooks" not in repr(WebhookSink(url="https://a/hooks/token", headers={"X": "hooks"}))
