"""Whatever a device reports, beginnings and ends of each alarm alternate and no two events share an id."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_dvrip.alarms import DeviceAlarms, Moment
from cambus.connector_dvrip.clock import UTC_ZONE
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus

AT = datetime(2026, 2, 1, tzinfo=UTC)

reports = st.tuples(
    st.sampled_from(["motion", "tamper", "input", "other", "disk_low"]),
    st.integers(0, 3),
    st.sampled_from(["Start", "Stop"]),
    st.integers(0, 5),
)
steps = st.lists(st.tuples(st.floats(0, 40), reports), max_size=60)


@given(steps)
def test_beginnings_and_ends_alternate(sequence):
    tracker = DeviceAlarms("gate-1", hold_s=30.0)
    now, state, ids = 0.0, {}, []
    for pause, (event, channel, status, second) in sequence:
        now += pause
        at = AT + timedelta(seconds=now)
        local = (AT + timedelta(seconds=second)).replace(tzinfo=None)
        report = AlarmReport(event, event, channel, AlarmStatus(status), local)
        moment = Moment(at, now, UTC_ZONE, 4)
        events = [*tracker.expire(moment), *tracker.report(report, moment)]
        for each in events:
            key = each.fields["key"]
            if each.spec.name == "alarm.raised":
                assert key not in state
                state[key] = each.event_id
            elif key in state:
                assert each.fields["raised"] == state.pop(key)
            else:
                assert "raised" not in each.fields
            ids.append(each.event_id)
    assert set(state) == tracker.active
    assert len(ids) == len(set(ids))


@given(steps)
def test_every_alarm_is_over_in_the_end(sequence):
    tracker = DeviceAlarms("gate-1", hold_s=30.0)
    now = 0.0
    for pause, (event, channel, status, _) in sequence:
        now += pause
        report = AlarmReport(event, event, channel, AlarmStatus(status), None)
        tracker.report(report, Moment(AT + timedelta(seconds=now), now, UTC_ZONE, 4))
    tracker.expire(Moment(AT + timedelta(seconds=now + 30), now + 30, UTC_ZONE, 4))
    assert not tracker.active
    assert tracker.next_timeout() is None
