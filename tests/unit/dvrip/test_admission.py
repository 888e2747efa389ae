"""Session ids, caps and holds of listeners."""

import itertools

from cambus.dvrip.admission import (
    MAX_ADDRESSES,
    MAX_IDENTITIES,
    Admission,
    AdmissionLimits,
    FlapDetector,
    SessionIds,
)
from cambus.dvrip.alarm_centre import RateLimit


def test_session_ids_are_not_zero_and_not_given_twice_while_in_use():
    numbers = iter([0, 0, 0, 5, 0x7FFFFFFE])
    ids = SessionIds(lambda limit: next(numbers))
    assert [ids.allocate(0.0), ids.allocate(0.0), ids.allocate(0.0)] == [1, 6, 0x7FFFFFFF]


def test_a_released_session_id_is_given_again_only_after_an_hour():
    numbers = itertools.cycle([0, 1])
    ids = SessionIds(lambda limit: next(numbers))
    assert ids.allocate(0.0) == 1
    ids.release(1, 10.0)
    ids.release(1, 20.0)
    assert ids.allocate(100.0) == 2
    ids.release(2, 100.0)
    assert ids.allocate(3610.0) == 1


def test_random_session_ids_fit_31_bits():
    ids = SessionIds()
    drawn = {ids.allocate(0.0) for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(0 < session_id <= 0x7FFFFFFF for session_id in drawn)


def test_caps_in_all_and_by_address():
    admission = Admission(AdmissionLimits(total=3, per_address=2))
    assert [admission.admit("a", 0.0) for _ in range(3)] == [True, True, False]
    assert [admission.admit("b", 0.0) for _ in range(2)] == [True, False]
    admission.left("a")
    assert admission.admit("c", 0.0)
    assert admission.counters == {"refused_address": 1, "refused_total": 1}


def test_failures_hold_an_address_off_longer_and_longer():
    admission = Admission()
    now = 0.0
    for _ in range(4):
        admission.failed("a", now)
        assert admission.admit("a", now)
        admission.left("a")
    holds = []
    for _ in range(8):
        admission.failed("a", now)
        hold = next(s for s in itertools.count(0) if admission.admit("a", now + s))
        admission.left("a")
        holds.append(hold)
        now += hold
    assert holds == [1, 2, 4, 8, 16, 32, 60, 60]
    assert admission.admit("b", now)
    admission.succeeded("a")
    assert admission.admit("a", now)


def test_remembered_addresses_are_bounded():
    admission = Admission()
    for number in range(MAX_ADDRESSES + 100):
        admission.failed(f"a{number}", 0.0)
    assert len(admission._failures) == MAX_ADDRESSES


def test_flapping_is_more_than_five_replacements_in_a_minute_told_once():
    flaps = FlapDetector()
    assert [flaps.replaced("x", float(second)) for second in range(8)] == [False] * 5 + [True, False, False]
    assert [flaps.replaced("y", 20.0 * step) for step in range(8)] == [False] * 8
    assert [flaps.replaced("x", 66.0 + second) for second in range(7)].count(True) == 1
    flaps.forget("x")
    assert not flaps.replaced("x", 100.0)


def test_a_rate_is_refilled_by_time():
    rate = RateLimit(2.0)
    assert [rate.allows("a", 0.0) for _ in range(3)] == [True, True, False]
    assert rate.allows("b", 0.0)
    assert not rate.allows("a", 0.4)
    assert rate.allows("a", 0.6)
    assert [rate.allows("a", 100.0) for _ in range(3)] == [True, True, False]


def test_identities_that_flap_are_remembered_up_to_a_limit():
    flaps = FlapDetector()
    flaps.replaced("first", 0.0)
    for number in range(MAX_IDENTITIES):
        flaps.replaced(f"other-{number}", 1.0)
    assert len(flaps._times) == MAX_IDENTITIES
    assert "first" not in flaps._times
    assert len(flaps._alerted) <= MAX_IDENTITIES
