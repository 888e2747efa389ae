"""A date or a number that cannot be read is nothing, and said to be so; the rest of what was told is kept (GB-071)."""

from datetime import timedelta, timezone

import pytest

from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.mapping.alarms import heard_alarm
from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.envelope import Envelope

CAMERA = "34020000001310000001"
ZONE = timezone(timedelta(hours=8))


def heard(**fields):
    notice = AlarmNotice(priority=1, method=5, type=2, **fields)
    channels = ChannelTable("34020000001180000002", {}, ())
    return heard_alarm(Envelope.parse(notice.serialize(1, CAMERA)), channels, ZONE)


@pytest.mark.parametrize("time", ["soon", "2024-02-30T00:00:00", "2024-05-01"])
def test_a_date_that_is_none_is_flagged_and_the_alarm_kept(time):
    alarm = heard(time=time, description="gate")
    assert alarm.device_time is None
    assert "bad-time" in alarm.native.detail["flags"]
    assert alarm.text == "gate"
    assert heard(time="2024-05-01T08:00:00").device_time.isoformat() == "2024-05-01T08:00:00+08:00"


@pytest.mark.parametrize(
    "time",
    ["2024-05-01T08:00:00", "2024-05-01 08:00:00", "2024-05-01T00:00:00Z", "2024-05-01T02:00:00+02:00"],
)
def test_dates_in_every_form_are_the_same_instant(time):
    assert heard(time=time).device_time.timestamp() == 1_714_521_600
    assert "bad-time" not in heard(time=time).native.detail["flags"]


def test_a_place_that_is_none_is_flagged_and_the_alarm_kept():
    alarm = heard(time="2024-05-01T08:00:00", longitude=200.0, latitude=39.0)
    assert alarm.location is None
    assert "bad-coordinates" in alarm.native.detail["flags"]
