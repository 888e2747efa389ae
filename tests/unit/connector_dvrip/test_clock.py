# ruff: noqa: DTZ001  # a device's local time has no zone
"""The device's clock and its zone."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

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
