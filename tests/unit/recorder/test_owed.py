"""What should have been recorded while no recorder had a stream: the times of its policies, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cambus.recorder.alarm_board import AlarmBoard
from cambus.recorder.demand import Demand
from cambus.recorder.layout import StreamKey, to_us
from cambus.recorder.ledger import GapLedger
from cambus.recorder.owed import missed, owed, resumed
from cambus.recorder.policies import Order, PolicyBook, StreamPolicy, combine
from cambus.schemas.schedule import TimeSpan, WeekSchedule
from cambus.schemas.spans import GapReason
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import RecordingPolicy

KEY = StreamKey("gate-1", 0, "main")
DAY = datetime(2026, 2, 2, tzinfo=UTC)
OFFICE = WeekSchedule(time_zone="UTC", spans=[TimeSpan(start="08:00", end="18:00")])
NOBODY: Any = None


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def hours(spans: list[tuple[int, int]]) -> list[tuple[float, float]]:
    return [((a - to_us(DAY)) / 3.6e9, (b - to_us(DAY)) / 3.6e9) for a, b in spans]


class Book(PolicyBook):
    """Policies without a bus."""

    def __init__(self, *policies: RecordingPolicy) -> None:
        self.policies = {policy.id: policy for policy in policies}
        self.devices = {"gate-1": DeviceRecord(id="gate-1", protocol="dvrip", address="127.0.0.1")}
        self.presence = {}
        self.orders = {}


def owed_of(policy: RecordingPolicy, start: float, now: float, *orders: Order) -> list[tuple[float, float]]:
    match = policy.match.model_copy(update={"channels": [0]})
    book = Book(policy.model_copy(update={"match": match}))
    stream = StreamPolicy(300, None, None, False, standing=None, orders=orders)
    return hours(owed(KEY, book, Demand(KEY, AlarmBoard(), stream), at(start), at(now)))


def test_around_the_clock_all_of_it_is_owed_and_by_a_schedule_its_times_alone() -> None:
    assert owed_of(RecordingPolicy(id="c"), 17, 33) == [(17, 33)]
    weekly = RecordingPolicy(id="s", mode="schedule", schedule=OFFICE)
    assert owed_of(weekly, 17, 33) == [(17, 18), (32, 33)]
    assert owed_of(weekly, 19, 31) == []


def test_alarm_policies_owe_nothing_without_an_alarm_and_orders_their_time() -> None:
    alarms = RecordingPolicy(id="a", mode="alarm")
    assert owed_of(alarms, 1, 20) == []
    order = Order("guard", to_us(at(0)), to_us(at(3)))
    assert owed_of(alarms, 2, 20, order) == [(2, 3)]
    assert owed_of(RecordingPolicy(id="d", enabled=False), 1, 20) == []


def test_what_is_over_is_parted_from_what_goes_on() -> None:
    spans = [(to_us(at(17)), to_us(at(18))), (to_us(at(32)), to_us(at(33)))]
    over, since_us = resumed(spans, at(17), at(33))
    assert hours(over) == [(17, 18)]
    assert since_us == to_us(at(32))
    assert resumed(spans, at(17), at(34)) == (spans, None)
    assert [gap.reason for gap in missed(KEY, over, GapReason.NO_OWNER)] == ["no-owner"]
    assert missed(KEY, [(0, 1_000)], GapReason.NO_OWNER) == []


def test_a_ledger_that_rests_knows_no_gaps_and_goes_on_from_where_it_is_told() -> None:
    gaps: list[tuple[int, int, str]] = []
    second = 1_000_000

    def write(gap: Any, *_: object) -> None:
        gaps.append((gap.start_us // second, gap.end_us // second, gap.reason))

    ledger = GapLedger(KEY, 0, GapReason.RESTART, write)
    ledger.recorded(0, 10 * second)
    ledger.rest(10 * second)
    ledger.look(60 * second)
    ledger.recorded(90 * second, 100 * second)  # the pre-roll of an alarm at 100 s
    ledger.resume(100 * second, GapReason.STREAM_LOST)
    ledger.look(101 * second)
    assert gaps == []
    ledger.interrupted(GapReason.DEVICE_OFFLINE)
    ledger.look(110 * second)
    assert gaps == [(100, 110, "device-offline")]


def test_a_stream_that_no_policy_names_any_more_keeps_no_bounds() -> None:
    assert combine([], DAY).max_age_s is None
