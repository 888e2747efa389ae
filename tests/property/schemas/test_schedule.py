"""Properties of weekly schedules."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cambus.schemas.schedule import WEEKDAYS, TimeSpan, WeekSchedule

quarters = st.integers(0, 96)
times = quarters.map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
spans = st.builds(
    TimeSpan,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True),
    start=times,
    end=times,
)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # added


def length_s(span: TimeSpan) -> int:
    def second(time: str) -> int:
        return int(time[:2]) * 3600 + int(time[3:]) * 60

    start, end = second(span.start), second(span.end)
    return (end - start if start < end else 86400 - start + end) * len(span.days)


@given(span=spans)
def test_a_span_covers_as_much_of_a_week_as_it_is_long(span: TimeSpan) -> None:
    schedule = WeekSchedule(spans=[span])
    monday = datetime(2026, 2, 2, tzinfo=UTC)
    covered = sum(schedule.covers(monday + timedelta(minutes=15 * quarter)) for quarter in range(7 * 96))
    assert covered * 900 == length_s(span)


@given(spans=st.lists(spans, max_size=4), at=instants)
def test_a_schedule_covers_what_one_of_its_spans_covers(spans: list[TimeSpan], at: datetime) -> None:
    one_by_one = any(WeekSchedule(spans=[span]).covers(at) for span in spans)
    assert WeekSchedule(spans=spans).covers(at) is one_by_one


@given(spans=st.lists(spans, max_size=4), at=instants, weeks=st.integers(-50, 50))
def test_every_week_is_the_same_in_utc(spans: list[TimeSpan], at: datetime, weeks: int) -> None:
    schedule = WeekSchedule(spans=spans)
    assert schedule.covers(at) is schedule.covers(at + timedelta(weeks=weeks))
