from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.ranges import ClockRange, NptRange, parse_range
from cambus.rtsp.status import Status

NOON = datetime(2025, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("npt=0.000-", NptRange(0.0)),
        ("npt=10.5-20", NptRange(10.5, 20.0)),
        ("npt=now-", NptRange(None)),
        ("npt=-20", NptRange(0.0, 20.0)),
        ("NPT = 1:02:03.25 - ", NptRange(3723.25)),
        ("npt=5-;time=19970123T143720Z", NptRange(5.0)),
        ("clock=20250131T120000Z-", ClockRange(NOON)),
        (
            "clock=20250131T120000.25Z-20250131T120001Z",
            ClockRange(NOON + timedelta(seconds=0.25), NOON + timedelta(seconds=1)),
        ),
    ],
)
def test_ranges_are_understood(header, expected):
    assert parse_range(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "npt=",
        "npt=5",
        "npt=x-",
        "npt=20-10",
        "npt=1e5-",
        "npt=1:99:00-",
        "npt=٣-",
        "smpte=10:07:00-",
        "clock=-",
        "clock=20250131T120000-",
        "clock=20251331T120000Z-",
        "clock=20250131T120000Z-now",
    ],
)
def test_other_ranges_are_457(header):
    with pytest.raises(ProtocolError) as caught:
        parse_range(header)
    assert caught.value.status is Status.INVALID_RANGE


@pytest.mark.parametrize(
    "header",
    [
        "npt=10.500-20.000",
        "npt=now-",
        "npt=0.000-",
        "clock=20250131T120000Z-",
        "clock=20250131T120000.250000Z-20250131T120001Z",
    ],
)
def test_ranges_go_back_to_the_same_header(header):
    assert parse_range(header).serialize() == header


def test_instants_are_written_in_utc():
    china = timezone(timedelta(hours=8))
    assert ClockRange(NOON.astimezone(china)).serialize() == "clock=20250131T120000Z-"
