"""Time lines under arbitrary arrivals."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.timeline import Timeline

waits = st.one_of(st.integers(0, 100_000), st.integers(-(10**10), 10**10))
rates = st.one_of(st.sampled_from([25.0, 0.0, 12.5, 30.0]), st.floats(allow_nan=True, allow_infinity=True))
dates = st.one_of(st.none(), st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001 - device dates are naive
pictures = st.tuples(st.just("video"), waits, st.booleans(), rates, dates)
packets = st.tuples(st.just("audio"), waits, st.integers(-1, 100_000), st.integers(-1, 200_000), st.none())
START_US = 1_700_000_000_000_000


def stamps(frames):
    timeline = Timeline()
    arrival = START_US
    result = {"video": [], "audio": []}
    for medium, wait, one, two, date in frames:
        arrival += wait
        if medium == "video":
            stamp = timeline.video(keyframe=one, fps=two, arrival_us=arrival, device_time=date)
        else:
            stamp = timeline.audio(samples=one, sample_rate=two, arrival_us=arrival)
        result[medium].append(stamp)
    return result


@given(st.lists(st.one_of(pictures, packets), max_size=60))
def test_pts_always_grow_and_fit_the_frame(frames):
    for medium in stamps(frames).values():
        pts = [stamp.pts for stamp in medium]
        assert pts == sorted(set(pts))
        assert all(-(1 << 63) <= each < 1 << 63 for each in pts)
        assert not medium or medium[0].discontinuity


@given(st.lists(st.one_of(pictures, packets), max_size=30))
def test_the_same_arrivals_give_the_same_stamps(frames):
    assert stamps(frames) == stamps(frames)


@given(st.lists(st.integers(0, 400_000), min_size=60, max_size=200), st.integers(0, 2**40))
def test_whatever_delays_below_400_ms_do_the_error_is_bounded_by_them(delays, start):
    timeline = Timeline()
    arrival = start
    for number, delay in enumerate(delays):
        taken = start + number * 40_000
        # One connection: nothing overtakes.
        arrival = max(arrival, taken + delay)
        stamp = timeline.video(keyframe=number % 50 == 0, fps=25, arrival_us=arrival)
        assert -10_000 <= stamp.pts / 0.09 - taken <= 410_000
    assert timedelta(microseconds=arrival - start) < timedelta(seconds=10)
