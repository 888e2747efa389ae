"""Who holds a session."""

from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.media_input import Latch

HOME, FOREIGN = "192.0.2.7", "198.51.100.9"
AGREED, OTHER, THIRD = 1, 2, 3


def takes(latch, *packets):
    return [latch.takes(ssrc, host) for ssrc, host in packets]


def test_either_the_number_or_the_address_must_be_right():
    for packet, taken in (
        ((AGREED, HOME), True),
        ((OTHER, HOME), True),
        ((AGREED, FOREIGN), True),
        ((OTHER, FOREIGN), False),
    ):
        assert takes(Latch(AGREED, frozenset({HOME})), packet) == [taken]


def test_strictly_the_number_must_be_right():
    latch = Latch(AGREED, frozenset({HOME}), strict=True)
    assert takes(latch, (OTHER, HOME), (AGREED, HOME)) == [False, True]


def test_the_better_packet_takes_it_over_and_keeps_it():
    latch = Latch(AGREED, frozenset({HOME}))
    packets = [
        (AGREED, FOREIGN),
        (OTHER, HOME),
        (AGREED, FOREIGN),
        (THIRD, HOME),
        (AGREED, HOME),
        (OTHER, HOME),
    ]
    assert takes(latch, *packets) == [True, True, False, False, True, False]


def test_a_released_one_is_taken_by_the_next():
    latch = Latch(AGREED, frozenset({HOME}))
    assert takes(latch, (OTHER, HOME), (THIRD, HOME)) == [True, False]
    latch.release()
    assert takes(latch, (THIRD, HOME)) == [True]


@given(
    st.lists(
        st.tuples(st.sampled_from([AGREED, OTHER, THIRD]), st.sampled_from([HOME, FOREIGN])), max_size=30
    )
)
def test_once_the_device_holds_it_no_stranger_is_heard(packets):
    latch = Latch(AGREED, frozenset({HOME}))
    held = False
    for ssrc, host in packets:
        taken = latch.takes(ssrc, host)
        assert not (held and taken and host == FOREIGN)
        held = held or (taken and host == HOME)
