"""The times between two instants at which a schedule applies: those at which it covers the clock on the wall."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from cambus.schemas.schedule import WEEKDAYS, TimeSpan, WeekSchedule

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai")
times = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from((0, 15, 30, 59)))
spans = st.builds(
    TimeSpan,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True),
    start=times,
    end=times | st.just("24:00"),
)
schedules = st.builds(
    WeekSchedule, time_zone=st.sampled_from(ZONES), spans=st.lists(spans, min_size=1, max_size=4)
)
starts = st.sampled_from(
    [
        datetime(2026, 3, 28, 12, tzinfo=UTC),  # the clocks of Europe go forward on the 29th
        datetime(2026, 10, 24, 12, tzinfo=UTC),  # and back on the 25th
        datetime(2026, 3, 7, 12, tzinfo=UTC),  # those of America forward on the 8th
        datetime(2026, 4, 4, 6, tzinfo=UTC),  # Lord Howe Island goes back by half an hour on the 5th
        datetime(2026, 6, 1, 0, 7, 13, tzinfo=UTC),
    ]
)
HALF_PAST_TWO = WeekSchedule(time_zone="Europe/Berlin", spans=[TimeSpan(start="01:30", end="02:30")])


@given(schedules, starts, st.integers(1, 80), st.lists(st.floats(0, 1), min_size=20, max_size=60))
@example(HALF_PAST_TWO, datetime(2026, 3, 28, 12, tzinfo=UTC), 24, [number / 288 for number in range(288)])
@example(HALF_PAST_TWO, datetime(2026, 10, 24, 12, tzinfo=UTC), 24, [number / 288 for number in range(288)])
def test_an_instant_lies_in_one_of_the_times_exactly_if_it_is_covered(
    schedule: WeekSchedule, start: datetime, hours: int, places: list[float]
) -> None:
    end = start + timedelta(hours=hours)
    found = schedule.between(start, end)
    for place in places:
        at = start + place * (end - start)
        if at < end:
            assert any(begin <= at < finish for begin, finish in found) == schedule.covers(at), at


@given(schedules, starts, st.integers(0, 80))
def test_the_times_are_in_order_apart_and_inside_what_was_asked(
    schedule: WeekSchedule, start: datetime, hours: int
) -> None:
    end = start + timedelta(hours=hours)
    instants = [instant for span in schedule.between(start, end) for instant in span]
    assert instants == sorted(set(instants))
    assert all(start <= instant <= end for instant in instants)


def test_a_night_over_the_change_of_the_clocks_is_an_hour_shorter_or_longer() -> None:
    nights = WeekSchedule(
        time_zone="Europe/Berlin", spans=[TimeSpan(days=["sat"], start="22:00", end="06:00")]
    )
    lengths = [
        [finish - begin for begin, finish in nights.between(day, day + timedelta(days=2))]
        for day in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC))
    ]
    assert lengths == [[timedelta(hours=7)], [timedelta(hours=9)]]
