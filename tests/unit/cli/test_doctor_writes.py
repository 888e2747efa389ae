"""Whether the doctor sees that JetStream answers and stores nothing, as on a full disk."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.writes import LEASES, SILENT_S, check_writes
from cambus.client.discovery import Instance

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
CONNECTOR = Instance("connector-dvrip", "connector-dvrip-0", "0.1.0")


def leases(last):
    return {LEASES: {"ts": NOW.isoformat(), "state": {"last_ts": last}}}


def silent_for(seconds):
    return leases((NOW - timedelta(seconds=seconds)).isoformat())


def test_a_lease_nobody_could_renew_is_a_problem():
    (finding,) = check_writes(silent_for(SILENT_S + 1), [CONNECTOR])
    assert (finding.level, "no lease was renewed for 1 min 16 s" in finding.text) == (Level.PROBLEM, True)
    assert "restart nats-server" in finding.todo


@pytest.mark.parametrize(
    ("streams", "running"),
    [
        (silent_for(60), [CONNECTOR]),
        (silent_for(86400), []),
        (silent_for(86400), [Instance("media-relay", "media-relay-0", "0.1.0")]),
        (leases("0001-01-01T00:00:00Z"), [CONNECTOR]),
        (leases(None), [CONNECTOR]),
        ({}, [CONNECTOR]),
    ],
    ids=["renewed", "nobody there", "nobody who has leases", "new", "not told", "no bucket"],
)
def test_as_long_as_somebody_writes_or_nobody_wants_to_all_is_well(streams, running):
    assert check_writes(streams, running) == []
