"""Bounded concurrency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.bus.gate import Gate


def test_beyond_the_limit_calls_wait_in_order_and_then_are_refused():
    gate, started = Gate(limit=1, queue=2), []
    accepted = [gate.enter(lambda n=n: started.append(n)) for n in range(4)]
    assert accepted == [True, True, True, False]
    assert started == [0]
    gate.leave()
    gate.leave()
    assert started == [0, 1, 2]


def test_a_free_place_is_free_again():
    gate = Gate(limit=1, queue=0)
    assert gate.enter(lambda: None)
    assert not gate.enter(lambda: None)
    gate.leave()
    assert gate.enter(lambda: None)


def test_open_lets_everyone_start():
    gate, started = Gate(limit=1, queue=5), []
    for number in range(4):
        gate.enter(lambda number=number: started.append(number))
    gate.open()
    assert started == [0, 1, 2, 3]
    for _ in range(4):
        gate.leave()
    assert (gate.running, gate.waiting) == (0, 0)


@pytest.mark.parametrize(("limit", "queue"), [(0, 1), (1, -1)])
def test_nonsense_bounds_are_refused(limit, queue):
    with pytest.raises(ValueError, match="gate"):
        Gate(limit, queue)


@given(st.integers(1, 4), st.integers(0, 4), st.lists(st.booleans(), max_size=60))
def test_never_more_than_the_limit_and_nobody_forgotten(limit, queue, steps):
    gate, started, entered, left = Gate(limit, queue), [], 0, 0
    for enter in steps:
        if enter:
            entered += gate.enter(lambda: started.append(1))
        elif len(started) > left:
            left += 1
            gate.leave()
        assert gate.running == len(started) - left <= limit
        assert gate.waiting == entered - len(started) <= queue
