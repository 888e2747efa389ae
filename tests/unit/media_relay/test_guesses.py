"""Wrong tokens are counted by address, for a minute."""

import pytest

from cambus.media_relay.guesses import WINDOW_S, Guesses


def shown(guesses, address, count):
    for _ in range(count):
        guesses.wrong(address)


def test_an_address_may_show_so_many_and_no_more(clock):
    guesses = Guesses(3, clock=clock)
    shown(guesses, "192.0.2.1", 2)
    assert not guesses.exceeded("192.0.2.1")
    shown(guesses, "192.0.2.1", 1)
    assert guesses.exceeded("192.0.2.1")
    assert not guesses.exceeded("192.0.2.2")


def test_after_a_minute_it_may_again(clock):
    guesses = Guesses(3, clock=clock)
    shown(guesses, "192.0.2.1", 3)
    clock.advance(WINDOW_S)
    assert not guesses.exceeded("192.0.2.1")
    shown(guesses, "192.0.2.1", 1)
    assert not guesses.exceeded("192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "somewhere", True),
    ],
)
def test_whose_address_it_is(clock, one, other, same):
    guesses = Guesses(1, clock=clock)
    guesses.wrong(one)
    assert guesses.exceeded(other) is same


def test_zero_is_no_bound(clock):
    guesses = Guesses(0, clock=clock)
    shown(guesses, "192.0.2.1", 1000)
    assert not guesses.exceeded("192.0.2.1")


def test_many_addresses_cost_little_memory(clock):
    guesses = Guesses(1, clock=clock)
    for number in range(10_000):
        guesses.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(guesses._counts) <= 4096
