"""What the doctor makes of the settings of NATS, and of those who handle events."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.cli.doctor.consumers import BEHIND, check_consumers
from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.safety import judge

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
SITE = "192.0.2.1"
SAFE = {"auth_required": True, "tls_required": True}


def consumer(
    name="alarm-router",
    *,
    pending=0,
    waiting=1,
    taken=0,
    acked=timedelta(0),
    given=timedelta(hours=1),
    again=0,
):
    return {
        "name": name,
        "config": {"durable_name": name},
        "num_pending": pending,
        "num_waiting": waiting,
        "num_ack_pending": taken,
        "num_redelivered": again,
        "delivered": {"last_active": (NOW - given).isoformat()},
        "ack_floor": {"last_active": (NOW - acked).isoformat()},
    }


def levels(findings):
    return [each.level for each in findings]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"pending": 3, "waiting": 0}, "3 events waiting for alarm-router, and nobody takes them"),
        ({"pending": 3, "taken": 2, "acked": timedelta(hours=1)}, "has finished none for"),
        ({"waiting": 0, "taken": 2, "acked": timedelta(hours=1)}, "2 events waiting"),
        (
            {"pending": 3, "taken": 2, "acked": timedelta(hours=1), "given": timedelta(0), "again": 1},
            "finished",
        ),
        ({"pending": BEHIND + 1}, "events behind"),
    ],
)
def test_events_that_nobody_handles_are_a_problem(facts, says):
    (finding,) = check_consumers([consumer(**facts), consumer("upgrade-manager")], NOW)
    assert finding.level is Level.PROBLEM
    assert says in finding.text
    assert finding.todo


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"pending": 3},
        {"pending": 3, "waiting": 0, "taken": 3},
        {"taken": 1, "acked": timedelta(hours=1)},
        {"pending": 3, "taken": 2, "acked": timedelta(hours=9), "given": timedelta(0)},
        {"waiting": 0},
    ],
)
def test_those_at_work_and_those_without_work_are_well(facts):
    (finding,) = check_consumers([consumer(**facts)], NOW)
    assert finding.level is Level.OK
    assert "alarm-router" in finding.text


def test_without_consumers_nothing_is_said():
    assert check_consumers([], NOW) == []


def test_a_server_that_lets_anybody_in_is_a_problem_where_others_reach_it():
    open_to_all, in_clear = judge(SITE, {}, {})
    assert (open_to_all.level, in_clear.level) == (Level.PROBLEM, Level.NOTE)
    assert "cambusctl nats users" in open_to_all.todo
    assert levels(judge(SITE, SAFE, {})) == [Level.OK]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_server_on_this_machine_alone_may_be_open(host):
    assert levels(judge(host, {}, {})) == [Level.OK]


@pytest.mark.parametrize(
    ("cluster", "copies", "level"), [("c", 1, Level.PROBLEM), ("c", 3, Level.OK), (None, 1, Level.OK)]
)
def test_one_copy_in_a_cluster_is_a_problem(cluster, copies, level):
    streams = {"CAMBUS_EVENTS": {"config": {"num_replicas": copies}}}
    (finding,) = judge(SITE, {**SAFE, "cluster": cluster}, streams)
    assert finding.level is level
