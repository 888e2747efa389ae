# ruff: noqa: DTZ001  # a device's local time has no zone
"""The device's clock and its zone."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_dvrip.clock import DeviceZone, guess_zone, zone_of_minutes

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "offset_s"), [(-480, 28800), (0, 0), (300, -18000), (-330, 19800)])
def test_a_stated_zone_is_minutes_to_utc(minutes, offset_s):
    zone = zone_of_minutes(minutes)
    assert zone.offset_s(NOW) == offset_s
    assert not zone.guessed


@pytest.mark.parametrize("minutes", [901, -901, 10**9])
def test_a_zone_that_can_not_be_is_none(minutes):
    assert zone_of_minutes(minutes) is None


@pytest.mark.parametrize("hours", [-11, -5, -3.5, 0, 1, 5.75, 8, 14])
@pytest.mark.parametrize("drift_s", [-400, -7, 0, 93])
def test_the_nearest_quarter_of_an_hour_is_the_zone_and_the_rest_is_drift(hours, drift_s):
    local = NOW.replace(tzinfo=None) + timedelta(hours=hours, seconds=drift_s)
    zone = guess_zone(local, NOW)
    assert zone.guessed
    assert zone.offset_s(NOW) == hours * 3600
    assert zone.drift_s(local, NOW) == drift_s


def test_a_clock_that_is_wrong_by_years_says_nothing_of_its_zone():
    zone = guess_zone(datetime(2000, 1, 1), NOW)
    assert zone.offset_s(NOW) == 0
    assert zone.drift_s(datetime(2000, 1, 1), NOW) < -8e8


def test_a_zone_with_daylight_saving_follows_it():
    zone = DeviceZone(ZoneInfo("Europe/Berlin"))
    assert zone.to_utc(datetime(2026, 1, 15, 12)) == datetime(2026, 1, 15, 11, tzinfo=UTC)
    assert zone.to_utc(datetime(2026, 7, 15, 12)) == datetime(2026, 7, 15, 10, tzinfo=UTC)


def test_there_and_back():
    for zone in (zone_of_minutes(-480), DeviceZone(ZoneInfo("America/New_York")), DeviceZone(UTC)):
        assert zone.to_utc(zone.to_local(NOW)) == NOW


@pytest.mark.parametrize("hours", [-10, 0, 8])
def test_the_first_and_last_year_stay_in_the_calendar(hours):
    zone = DeviceZone(timezone(timedelta(hours=hours)))
    for local in (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)):
        instant = zone.to_utc(local)
        assert abs(instant.replace(tzinfo=None) - local) <= timedelta(hours=abs(hours))
        assert zone.to_local(instant).year == local.year


BERLIN = DeviceZone(ZoneInfo("Europe/Berlin"))
#: 2026-10-25, 03:00 becomes 02:00: the hour from 00:00 to 01:00 UTC and the one after it look the same.
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
#: 2026-03-29, 02:00 becomes 03:00.
FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone", [BERLIN, DeviceZone(ZoneInfo("Australia/Lord_Howe")), DeviceZone(UTC)])
@given(start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 30)), minutes=st.integers(1, 600))
def test_everything_the_clock_shows_in_a_span_is_in_the_local_span(zone, start, minutes):
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(minutes=minutes)
    first, last = zone.span_to_local(start, end)
    assert first <= last
    for minute in range(minutes + 1):
        assert first <= zone.to_local(start + timedelta(minutes=minute)) <= last
    assert last - first <= timedelta(minutes=minutes) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("start_min", "end_min", "first", "last"),
    [
        (-15, 15, (2, 0), (2, 59, 59)),  # its ends alone would be 02:45 and 02:15
        (-90, -70, (1, 30), (1, 50)),
        (-30, 90, (2, 0), (3, 30)),
        (10, 20, (2, 10), (2, 20)),
        (-120, 0, (1, 0), (2, 59, 59)),
    ],
)
def test_a_span_over_the_hour_that_comes_twice_has_both(start_min, end_min, first, last):
    span = BERLIN.span_to_local(BACK + timedelta(minutes=start_min), BACK + timedelta(minutes=end_min))
    assert span == (datetime(2026, 10, 25, *first), datetime(2026, 10, 25, *last))


def test_a_span_over_the_hour_that_is_left_out_is_longer_on_the_clock():
    span = BERLIN.span_to_local(FORWARD - timedelta(minutes=10), FORWARD + timedelta(minutes=10))
    assert span == (datetime(2026, 3, 29, 1, 50), datetime(2026, 3, 29, 3, 10))


@pytest.mark.parametrize(
    ("begin", "end", "minutes"),
    [
        (
            datetime(2026, 10, 25, 2, 50),
            datetime(2026, 10, 25, 2, 10),
            20,
        ),  # the end is in the second such hour
        (datetime(2026, 10, 25, 2, 10), datetime(2026, 10, 25, 2, 50), 40),
        (datetime(2026, 10, 25, 1, 50), datetime(2026, 10, 25, 3, 10), 140),
        (datetime(2026, 3, 29, 1, 50), datetime(2026, 3, 29, 3, 10), 20),
        (
            datetime(2026, 3, 29, 2, 10),
            datetime(2026, 3, 29, 2, 30),
            20,
        ),  # a clock that knows no daylight saving
        (datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 11), 0),
        (datetime(2026, 7, 1, 12), datetime(2000, 1, 1), 0),
    ],
)
def test_recordings_over_a_change_of_the_clock_have_a_length(begin, end, minutes):
    start, stop = BERLIN.span_to_utc(begin, end)
    assert stop - start == timedelta(minutes=minutes)


@given(
    begin=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    end=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
)
def test_no_recording_ends_before_it_begins(begin, end):
    start, stop = BERLIN.span_to_utc(begin, end)
    assert start <= stop
    first, last = BERLIN.span_to_local(start, stop)
    assert first <= last
