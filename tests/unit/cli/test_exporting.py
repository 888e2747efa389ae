"""What is told of an export."""

from datetime import UTC, datetime, timedelta

from cambus.cli.exporting import missing, seconds
from cambus.schemas.commands.recorder import RecordingExportRequest
from cambus.schemas.spans import TimeRange

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def test_what_an_export_lacks_is_told_beyond_a_few_seconds():
    asked = RecordingExportRequest(device="gate", channel=0, start=at(0), end=at(100))
    held = [TimeRange(start=at(2), end=at(40)), TimeRange(start=at(60), end=at(99))]
    assert missing(asked, held) == [(at(40), at(60))]
    assert missing(asked, []) == [(at(0), at(100))]
    assert seconds(held) == 77
