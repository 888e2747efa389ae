"""How many connections a port has, in all and of one address."""

import pytest

from cambus.bus.crowd import Crowd


def test_there_is_room_for_so_many_in_all():
    crowd = Crowd(2, 0)
    assert [crowd.enter(f"192.0.2.{n}") for n in range(3)] == [True, True, False]
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.9")


def test_one_address_does_not_take_it_all():
    crowd = Crowd(10, 2)
    assert [crowd.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert crowd.enter("192.0.2.2")
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.1")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(first, second, same):
    crowd = Crowd(10, 1)
    assert crowd.enter(first)
    assert crowd.enter(second) is not same


def test_nothing_is_remembered_of_those_who_have_gone_or_were_refused():
    crowd = Crowd(1, 1)
    crowd.enter("192.0.2.1")
    for number in range(100):
        assert not crowd.enter(f"198.51.100.{number}")
    crowd.leave("192.0.2.1")
    assert not crowd._here
