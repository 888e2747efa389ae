"""Which alarms a subscription asked for (A.2.4.6, GB-247, GB-248)."""

from types import SimpleNamespace

import pytest

from cambus.connector_gb28181.cascade.alarms import wants
from cambus.gb28181.manscdp.alarms import AlarmDetails, AlarmNotice, AlarmQuery

NOTICE = AlarmNotice(priority=2, method=5, time="2026-02-01T20:17:22", details=AlarmDetails(6, None))


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (AlarmQuery(), True),
        (AlarmQuery(start_priority=0, end_priority=0, method="0", type="0"), True),
        (AlarmQuery(start_priority=2, end_priority=2), True),
        (AlarmQuery(start_priority=3), False),
        (AlarmQuery(start_priority=3, end_priority=4), False),
        (AlarmQuery(end_priority=1), False),
        (AlarmQuery(method="5"), True),
        (AlarmQuery(method="2/5"), True),
        (AlarmQuery(method="2/ 5 /"), True),
        (AlarmQuery(method="2/6"), False),
        (AlarmQuery(type="6"), True),
        (AlarmQuery(type="1/6"), True),
        (AlarmQuery(type="16"), False),
        (AlarmQuery(start="2026-02-01T20:17:22", end="2026-02-01T20:17:22"), True),
        (AlarmQuery(start="2026-02-01T20:17:23"), False),
        (AlarmQuery(end="2026-02-01T20:17:21"), False),
        (AlarmQuery(start="yesterday", end="tomorrow"), True),
    ],
    ids=str,
)
def test_an_alarm_is_told_to_who_asked_for_such(asked, wanted):
    assert wants(SimpleNamespace(alarms=asked), NOTICE) is wanted
