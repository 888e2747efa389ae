"""What the flood gate promises, for any sequence of beginnings and ends."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cambus.alarm_router.flood import FloodGate

ALARM = ("rule", "gate-1", "motion:0")
STEPS = st.lists(st.tuples(st.integers(min_value=0, max_value=30), st.booleans()), max_size=60)
INTERVALS = st.integers(min_value=1, max_value=100)


@given(STEPS, INTERVALS)
def test_every_beginning_is_told_or_counted_and_never_two_within_the_interval(
    steps: list[tuple[int, bool]], interval_s: int
) -> None:
    gate, now = FloodGate(), 0
    passed: list[int] = []
    told = kept_back = 0
    for wait_s, is_end in steps:
        now += wait_s
        if is_end:
            gate.end(ALARM)
            continue
        suppressed = gate.beginning(ALARM, interval_s=interval_s, now=now)
        if suppressed is None:
            kept_back += 1
        else:
            told += suppressed
            passed.append(now)
    assert told <= kept_back
    assert all(later - earlier >= interval_s for earlier, later in pairwise(passed))
    rest = gate.beginning(ALARM, interval_s=interval_s, now=now + interval_s)
    assert rest is not None
    assert told + rest == kept_back


@given(STEPS, INTERVALS)
def test_a_receiver_is_told_of_an_end_exactly_once_for_what_it_believes_is_raised(
    steps: list[tuple[int, bool]], interval_s: int
) -> None:
    gate, now, believes = FloodGate(), 0, None
    for wait_s, is_end in steps:
        now += wait_s
        if is_end:
            assert gate.end(ALARM) is (believes is not False)
            believes = False if believes is not None else None
        elif gate.beginning(ALARM, interval_s=interval_s, now=now) is not None:
            believes = True
