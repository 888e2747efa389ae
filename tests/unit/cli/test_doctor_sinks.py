"""What the doctor says of receivers of alarms."""

from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.sinks import SHOWN, check_sinks
from cambus.schemas.commands.alarm_cases import SinksListReply, SinkStatus


def sink(route="night.0", **facts):
    return SinkStatus(route=route, kind="webhook", target="https://ops.example.org/a", **facts)


def reply(*sinks, on_duty=True):
    return SinksListReply(replica="alarm-router-0", on_duty=on_duty, sinks=list(sinks))


def test_a_receiver_that_is_away_is_a_problem_and_says_what_waits():
    away = sink(away=True, waiting=2, oldest_s=61.0, last_error="HTTP 503")
    (finding,) = check_sinks([reply(on_duty=False), reply(away, sink("day.0"))])
    assert finding.level is Level.PROBLEM
    assert finding.text == (
        "night.0 (webhook https://ops.example.org/a) takes none: HTTP 503; "
        "2 alarms waiting, the oldest for 1 min 1 s"
    )


def test_receivers_that_take_alarms_are_well():
    (finding,) = check_sinks([reply(sink(), sink("day.0"))])
    assert (finding.level, finding.text) == (Level.OK, "taken by all 2 receivers")


def test_without_rules_or_without_an_answer_nothing_is_said():
    assert check_sinks([reply()]) == []
    assert check_sinks([]) == []


def test_that_nobody_is_on_duty_is_noted():
    (finding,) = check_sinks([reply(sink(), on_duty=False)])
    assert finding.level is Level.NOTE


def test_many_that_are_away_do_not_fill_the_screen():
    found = check_sinks([reply(*(sink(f"r{n}.0", away=True) for n in range(SHOWN + 5)))])
    assert len(found) == SHOWN + 1
    assert found[-1].text.startswith("5 more receivers")
