"""What the doctor makes of the metrics of a service."""

import pytest

from cambus.cli.doctor import complaints
from cambus.cli.doctor.complaints import check_metrics
from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.probes import Probe, skew
from cambus.client.discovery import Instance

MIB = 1 << 20


def told(samples, skew_s=None):
    instance = Instance("connector-dvrip", "connector-dvrip-0", "0.1.0")
    return [
        (each.level, each.text) for each in check_metrics(Probe(instance, True, True, "", samples, skew_s))
    ]


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ({complaints.DATA_METRIC: 1.0 * MIB}, "1.0 MiB free on the disk of its data"),
        ({complaints.OUTBOX_METRIC: 2000.0}, "2000 events wait in its outbox"),
        ({complaints.OUTBOX_METRIC: 300.0, complaints.FAILED_METRIC: 4.0}, "300 events wait in its outbox"),
        (
            {complaints.DISK_METRIC: 56.0 * MIB, complaints.FULL_METRIC: 1.0},
            "it is full, and nothing is recorded",
        ),
    ],
)
def test_what_is_wrong_now_is_a_problem(samples, says):
    ((level, text),) = told(samples)
    assert level is Level.PROBLEM
    assert says in text


@pytest.mark.parametrize(
    "samples",
    [
        {complaints.DATA_METRIC: 900.0 * MIB},
        {complaints.OUTBOX_METRIC: 300.0},
        {complaints.OUTBOX_METRIC: 1.0, complaints.FAILED_METRIC: 4.0},
        {complaints.FAILED_METRIC: 4.0},
        {complaints.FULL_METRIC: 0.0},
    ],
)
def test_a_service_at_work_is_left_in_peace(samples):
    assert told(samples, skew_s=0.4) == []


def test_a_recorder_that_replaces_its_oldest_recordings_is_no_problem():
    samples = {complaints.DISK_METRIC: 256.0 * MIB, complaints.FULL_METRIC: 0.0, complaints.DATA_METRIC: 1.0}
    ((level, text),) = told(samples)
    assert (level, "the oldest recordings go" in text) == (Level.NOTE, True)


@pytest.mark.parametrize("metric", ["cambus_events_overflow_total", "cambus_events_rejected_total"])
def test_events_that_were_lost_are_noted(metric):
    ((level, text),) = told({metric: 12.0})
    assert (level, text[:14]) == (Level.NOTE, "12 events lost")


@pytest.mark.parametrize(("skew_s", "which"), [(93.0, "1 min 33 s ahead of"), (-93.0, "1 min 33 s behind")])
def test_the_clock_of_a_service_that_is_wrong_is_a_problem(skew_s, which):
    ((level, text),) = told({}, skew_s)
    assert (level, which in text) == (Level.PROBLEM, True)


@pytest.mark.parametrize(
    ("clock", "ahead"),
    [(None, None), (95.0, -5.0), (100.0, 0.0), (101.0, 0.0), (102.0, 0.0), (110.0, 8.0)],
)
def test_a_slow_answer_makes_no_clock_wrong(clock, ahead):
    assert skew(clock, asked=100.0, answered=102.0) == ahead
