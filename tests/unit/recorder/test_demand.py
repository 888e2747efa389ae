"""What is wanted of a stream: by policies, alarms and people, instant by instant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cambus.recorder.alarm_board import MAX_PER_DEVICE, AlarmBoard
from cambus.recorder.demand import NOTHING, Demand
from cambus.recorder.layout import StreamKey, to_us
from cambus.recorder.policies import AlarmWish, Order, StreamPolicy, combine
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.schedule import TimeSpan, WeekSchedule
from cambus.schemas.spans import RecordingTrigger
from cambus.schemas.state.recorders import ManualRecording
from cambus.schemas.state.recording_policy import AlarmRecording, RecordingPolicy, Retention

START = datetime(2026, 2, 2, 12, tzinfo=UTC)  # a Monday
KEY = StreamKey("gate-1", 1, "main")
SECOND = 1_000_000


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def us(seconds: float) -> int:
    return to_us(at(seconds))


def raised(seconds: float, **fields: Any) -> AlarmRaised:
    facts: dict[str, Any] = {
        "id": new_ulid(),
        "device": "gate-1",
        "protocol": "dvrip",
        "at": at(seconds),
        "channel": 1,
        "type": "motion",
        "severity": "info",
        "key": "motion:1",
    }
    return AlarmRaised(**{**facts, **fields})


def cleared(seconds: float, key: str = "motion:1") -> AlarmCleared:
    return AlarmCleared(
        id=new_ulid(),
        device="gate-1",
        protocol="dvrip",
        at=at(seconds),
        channel=1,
        type="motion",  # type: ignore[arg-type]
        severity="info",  # type: ignore[arg-type]
        key=key,
    )


def demand(*alarms: Any, whole_device: bool = False, **recording: Any) -> Demand:
    board = AlarmBoard()
    for alarm in alarms:
        board.note(alarm)
    facts = {"pre_roll_s": 10, "post_roll_s": 20, "max_s": 60, **recording}
    wish = AlarmWish(AlarmRecording(**facts), whole_device)
    return Demand(KEY, board, StreamPolicy(300, None, None, False, standing=None, alarms=(wish,)))


def wanted(of: Demand, *seconds: float) -> list[bool]:
    return [of.at(us(each)).trigger is not None for each in seconds]


def test_an_alarm_is_wanted_from_its_start_to_the_post_roll_behind_its_end() -> None:
    motion = demand(raised(0), cleared(7))
    assert wanted(motion, -11, 0, 26.9, 27) == [False, True, True, False]
    want = motion.at(us(5))
    assert (want.trigger, want.from_us, want.since_us) == (RecordingTrigger.ALARM, us(-10), us(0))


def test_an_alarm_that_is_never_over_counts_for_the_longest_time_only() -> None:
    assert wanted(demand(raised(0)), 79.9, 80) == [True, False]


def test_a_momentary_alarm_is_over_at_once() -> None:
    assert wanted(demand(raised(0, momentary=True)), 19.9, 20) == [True, False]


def test_another_alarm_meanwhile_prolongs() -> None:
    both = demand(raised(0), cleared(5), raised(15), cleared(30))
    assert wanted(both, 26, 49.9, 50) == [True, True, False]
    again = demand(raised(0), raised(50))  # the device says it again, and never that it is over
    assert wanted(again, 85, 129.9, 130) == [True, True, False]


@pytest.mark.parametrize(
    ("alarm", "recording", "fits"),
    [
        ({"type": "io", "key": "io:1"}, {"types": ["motion"]}, False),
        ({"type": "analytics.face", "key": "f"}, {"types": ["analytics.*"]}, True),
        ({"severity": "minor"}, {"min_severity": "major"}, False),
        ({"severity": "critical"}, {"min_severity": "major"}, True),
        ({"channel": 2}, {}, False),
        ({"channel": None}, {}, False),
        ({"device": "gate-2"}, {}, False),
    ],
)
def test_only_alarms_that_fit_count(alarm: dict[str, Any], recording: dict[str, Any], fits: bool) -> None:
    assert wanted(demand(raised(0, **alarm), **recording), 1) == [fits]


def test_an_alarm_of_the_whole_device_counts_where_no_channel_is_named() -> None:
    assert wanted(demand(raised(0, channel=None), whole_device=True), 1) == [True]


def test_what_is_learnt_later_counts_at_once() -> None:
    board = AlarmBoard()
    wish = AlarmWish(AlarmRecording(), False)
    late = Demand(KEY, board, StreamPolicy(300, None, None, False, standing=None, alarms=(wish,)))
    assert late.at(us(5)) == NOTHING
    board.note(raised(0))
    assert late.at(us(5)).trigger is RecordingTrigger.ALARM
    late.policy = StreamPolicy(300, None, None, False, standing=None)
    assert late.at(us(5)) == NOTHING


def test_the_same_alarm_twice_is_one_and_a_flood_is_bounded() -> None:
    board = AlarmBoard()
    board.note(raised(0))
    version = board.version
    board.note(raised(0))
    assert board.version == version
    for number in range(2 * MAX_PER_DEVICE):
        board.note(raised(number, key=f"motion:{number}"))
    assert len(list(board.of("gate-1"))) == MAX_PER_DEVICE


def test_an_order_may_reach_back_and_what_is_missing_before_it_is_no_gap() -> None:
    order = Order("rule", us(10), us(30), pre_roll_us=us(5) - us(0))
    policy = StreamPolicy(300, None, None, False, standing=None, orders=(order,))
    want = Demand(KEY, AlarmBoard(), policy).at(us(10))
    assert (want.trigger, want.from_us, want.since_us) == (RecordingTrigger.MANUAL, us(5), us(10))


def test_orders_are_wanted_for_their_time_and_alarms_count_more() -> None:
    order = Order("guard", us(0), us(30))
    board = AlarmBoard()
    wish = AlarmWish(AlarmRecording(post_roll_s=1), False)
    policy = StreamPolicy(300, None, None, False, standing=None, alarms=(wish,), orders=(order,))
    both = Demand(KEY, board, policy)
    assert both.at(us(1)).trigger is RecordingTrigger.MANUAL
    board.note(raised(5, momentary=True))
    assert [both.at(us(each)).trigger for each in (5.5, 6.5, 31)] == [
        RecordingTrigger.ALARM,
        RecordingTrigger.MANUAL,
        None,
    ]


@pytest.mark.parametrize(("pre_roll_s", "before"), [(0.0, False), (5.0, True)])
def test_a_stream_has_to_come_while_it_is_recorded_or_kept_for_what_came_before(
    pre_roll_s: float, before: bool
) -> None:
    alarms = demand(raised(10), cleared(20), pre_roll_s=pre_roll_s, post_roll_s=5)
    assert [alarms.follows(us(second)) for second in (0, 10, 24, 26)] == [before, True, True, before]
    assert demand_of(RecordingPolicy(id="c")).follows(us(0))


def demand_of(policy: RecordingPolicy) -> Demand:
    return Demand(KEY, AlarmBoard(), combine([policy], at(0)))


# --- what policies say together ---------------------------------------------------------------------------

NIGHTS = WeekSchedule(time_zone="UTC", spans=[TimeSpan(start="20:00", end="06:00")])


def test_a_schedule_and_alarms_apply_inside_their_times_and_keep_what_is_kept_outside_of_them() -> None:
    nights = RecordingPolicy(id="n", mode="schedule", schedule=NIGHTS, retention=Retention(max_age_s=100))
    alarms = RecordingPolicy(id="a", mode="alarm", schedule=NIGHTS, retention=Retention(max_age_s=50))
    noon, night = combine([nights, alarms], at(0)), combine([nights, alarms], at(9 * 3600))
    assert (noon.wanted, noon.standing, noon.alarms, noon.max_age_s) == (False, None, (), 100)
    assert night.standing is RecordingTrigger.SCHEDULE
    assert len(night.alarms) == 1


def test_around_the_clock_is_the_reason_where_both_apply() -> None:
    both = [RecordingPolicy(id="c"), RecordingPolicy(id="n", mode="schedule", schedule=NIGHTS)]
    assert combine(both, at(9 * 3600)).standing is RecordingTrigger.CONTINUOUS


def test_orders_that_are_over_are_forgotten_and_alone_keep_nothing_for_ever() -> None:
    order = ManualRecording(
        device="gate-1", channel=1, stream="main", claimant="guard", since=at(0), until=at(60)
    )
    assert combine([], at(59), [order]).orders == (Order("guard", us(0), us(60)),)
    assert not combine([], at(60), [order]).wanted
    assert combine([], at(0), [order]).standing is None
