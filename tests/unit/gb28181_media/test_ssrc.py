"""The numbers of sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.errors import MediaError
from cambus.gb28181.ssrc import MAX_SSRC, POOL, QUARANTINE_S, SsrcPool, read_y, write_y

DOMAIN = "3402000000"


def drained(pool, *, history=False, now=0.0):
    found = []
    while True:
        try:
            found.append(pool.take(now, history=history))
        except MediaError as error:
            if error.reason != "ssrc-exhausted":
                raise
            return found


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0200000001", 200_000_001),
        ("1", 1),
        (" 0100000001 ", 100_000_001),
        (str(MAX_SSRC), MAX_SSRC),
        (str(MAX_SSRC + 1), None),
        ("9999999999", None),
        ("12345123451234512345", None),
        ("0000000000", None),
        ("", None),
        (None, None),
        ("-1", None),
        ("12a", None),
        ("١٢", None),
    ],
)
def test_a_number_is_ten_digits_of_32_bits(text, number):
    assert read_y(text) == number


@given(st.integers(1, MAX_SSRC))
def test_what_is_written_is_read(number):
    assert len(write_y(number)) == 10
    assert read_y(write_y(number)) == number


@pytest.mark.parametrize(("domain", "digits"), [("3402000000", "20000"), ("1301000000", "10000")])
def test_a_number_names_the_kind_and_the_domain(domain, digits):
    pool = SsrcPool(domain)
    live, history = pool.take(0, history=False), pool.take(0, history=True)
    assert write_y(live)[:6] == f"0{digits}"
    assert write_y(history)[:6] == f"1{digits}"


def test_numbers_are_all_different_and_never_0_until_there_are_no_more():
    pool = SsrcPool("3400000000")
    live, history = drained(pool), drained(pool, history=True)
    assert len(live) == len(history) == POOL - 1
    assert len({*live, *history}) == 2 * (POOL - 1)
    assert min(live) > 0
    assert pool.in_use == 2 * (POOL - 1)


def test_a_number_rests_before_it_is_used_again():
    pool = SsrcPool(DOMAIN, share=(0, 4999))
    first, second = drained(pool)
    pool.give_back(first, 10.0)
    assert drained(pool, now=10.0 + QUARANTINE_S - 0.1) == []
    assert drained(pool, now=10.0 + QUARANTINE_S) == [first]
    assert QUARANTINE_S == 5.0
    pool.give_back(second, 20.0)
    pool.give_back(second, 20.0)  # twice is once
    assert drained(pool, now=30.0) == [second]


def test_what_was_never_taken_is_not_taken_back():
    pool = SsrcPool(DOMAIN, share=(0, 4999))
    drained(pool)
    pool.give_back(77, 0.0)
    assert drained(pool, now=100.0) == []


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_no_two_replicas_ever_use_the_same_number(of, wide):
    used = []
    for index in range(of):
        pool = SsrcPool(DOMAIN, share=(index, of), wide=wide)
        taken = [pool.take(0, history=False) for _ in range(1_000)]
        for number in taken[:500]:
            pool.give_back(number, 0)
        used.append({*taken, *(pool.take(60.0, history=False) for _ in range(500))})
    assert len(set().union(*used)) == sum(map(len, used))


def test_all_shares_together_are_the_whole():
    numbers = [number for index in range(4) for number in drained(SsrcPool(DOMAIN, share=(index, 4)))]
    assert sorted(numbers) == [200_000_000 + each for each in range(1, POOL)]


@pytest.mark.parametrize("share", [(1, 1), (-1, 2), (0, 0), (0, POOL + 1)])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        SsrcPool(DOMAIN, share=share)


def test_wide_numbers_are_more_than_the_standard_has():
    pool = SsrcPool(DOMAIN, wide=True)
    live = [pool.take(0, history=False) for _ in range(3 * POOL)]
    history = [pool.take(0, history=True) for _ in range(POOL)]
    assert len({*live, *history}) == 4 * POOL
    assert {write_y(each)[0] for each in live} == {"0"}
    assert {write_y(each)[0] for each in history} == {"1"}


def test_wide_numbers_that_rest_do_not_pile_up():
    pool = SsrcPool(DOMAIN, wide=True)
    for number in range(5 * POOL):
        pool.give_back(pool.take(float(number), history=False), float(number))
    assert len(pool._resting[False]) <= POOL
