"""Output times: rising, whatever a device writes."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.media_clock import JUMP, MediaClock, TimeBase, TrackClock

STEP = 3600


def clock():
    return TrackClock(TimeBase(MediaClock()))


def times(units):
    track = clock()
    return [track(*each) for each in units]


def test_times_of_the_stream_are_kept():
    assert times((900_000 + n * STEP, n * STEP, n / 25) for n in range(5)) == [
        900_000 + n * STEP for n in range(5)
    ]


def test_without_times_those_of_rtp_count():
    assert times((None, 77 + n * STEP, n / 10) for n in range(4)) == [77 + n * STEP for n in range(4)]


def test_a_time_that_never_changes_counts_for_nothing():
    assert times((5, 1000 + n * STEP, n / 10) for n in range(4)) == [5 + n * STEP for n in range(4)]


def test_with_neither_it_is_when_they_came():
    assert times((None, 0, n / 10) for n in range(4)) == [n * 9000 for n in range(4)]


def test_after_a_jump_it_goes_on_from_where_it_was():
    units = [(n * STEP + (n >= 3) * 50 * JUMP, n * STEP, n / 25) for n in range(6)]
    assert times(units) == [n * STEP for n in range(6)]


def test_after_a_jump_of_both_it_goes_on_by_when_they_came():
    far = 50 * JUMP
    units = [(n * STEP + (n >= 3) * far, n * STEP + (n >= 3) * far, n / 25) for n in range(6)]
    assert times(units) == [n * STEP for n in range(6)]


def test_a_seek_within_ten_seconds_is_seen():
    units = [(0, 0, 0.0), (STEP, STEP, 0.04), (6 * 90_000, 2 * STEP, 0.08)]
    assert times(units) == [0, STEP, 6 * 90_000]


def test_pictures_out_of_order_shift_nothing():
    """B pictures are sent after what they are shown before."""
    order = [0, 3, 1, 2, 6, 4, 5, 9]
    found = times((n * STEP, n * STEP, at / 25) for at, n in enumerate(order))
    assert found == sorted(set(found))
    assert [found[0], found[1], found[4], found[7]] == [0, 3 * STEP, 6 * STEP, 9 * STEP]


def test_backwards_is_forwards_by_when_they_came():
    found = times((10 * 90_000 - n * 90_000, 0, float(n)) for n in range(5))
    assert [b - a for a, b in itertools.pairwise(found)] == [90_000] * 4


def test_tracks_with_another_zero_are_put_in_step():
    session = MediaClock()
    pictures, sound = TrackClock(TimeBase(session)), TrackClock(TimeBase(session))
    assert pictures(1_000_000, 0, 10.0) == 1_000_000
    assert sound(None, 77, 10.5) == 1_000_000 + 45_000
    assert sound(None, 77 + 3600, 10.9) == 1_000_000 + 45_000 + 3600  # then by its own count


def test_tracks_with_the_same_zero_keep_their_distance():
    base = TimeBase(MediaClock())
    pictures, sound = TrackClock(base), TrackClock(base)
    assert sound(500, 0, 1.0) == 500
    assert pictures(800, 0, 9.0) == 800


def test_the_span_is_that_of_the_device():
    session = MediaClock()
    assert session.span_s == 0.0
    for time in (900_000, 990_000, 450_000):
        session.saw(time)
    assert session.span_s == 6.0


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**33), 2**33)),
            st.integers(-(2**32), 2**32),
            st.floats(0, 100, allow_nan=False),
        ),
        max_size=60,
    )
)
def test_they_always_rise(units):
    arrival, track, last = 0.0, clock(), None
    for pts, rtp, passed in units:
        arrival += passed
        out = track(pts, rtp, arrival)
        assert last is None or out > last
        last = out
