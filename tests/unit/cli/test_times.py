"""Times as people type them."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from cambus.cli.failures import UsageError
from cambus.cli.times import parse_instant, parse_range, parse_span

NOW = datetime(2026, 2, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    """This machine is in Berlin, an hour ahead of UTC in winter."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("-15m", NOW - timedelta(minutes=15)),
        ("-90", NOW - timedelta(seconds=90)),
        ("-1.5h", NOW - timedelta(minutes=90)),
        ("-2w", NOW - timedelta(weeks=2)),
        ("2026-02-01T12:00:00Z", NOW - timedelta(minutes=30)),
        ("2026-02-01T13:00:00+01:00", NOW - timedelta(minutes=30)),
        ("2026-02-01 13:00", NOW - timedelta(minutes=30)),  # this machine's zone
        ("13:00", NOW - timedelta(minutes=30)),
        ("13:30:00", NOW),
        ("13:31", NOW + timedelta(minutes=1) - timedelta(days=1)),  # still to come, so yesterday's
        (" 0:05 ", datetime(2026, 1, 31, 23, 5, tzinfo=UTC)),
    ],
)
def test_a_time_is_understood(text, expected):
    found = parse_instant(text, now=NOW)
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "25:00",
        "12:60",
        "-15x",
        "-",
        "2026-13-01",
        "--5m",
        "-99999999999w",
        "-999999999w",
        "-999999d",
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_there_are(text):
    with pytest.raises(UsageError, match="wanted"):
        parse_instant(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1w", 604800)]
)
def test_a_span_is_understood(text, seconds):
    assert parse_span(text) == timedelta(seconds=seconds)


def test_a_range_must_end_after_it_begins():
    assert parse_range("-1h", "now", now=NOW) == (NOW - timedelta(hours=1), NOW)
    with pytest.raises(UsageError, match="must be later"):
        parse_range("now", "-1h", now=NOW)
