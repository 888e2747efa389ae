"""Who keeps a live stream up."""

import pytest

from cambus.connector.claims import ClaimTable, TooManyClaimsError


@pytest.fixture
def table():
    return ClaimTable(linger_s=10.0)


def test_nobody_wants_a_stream_without_claims(table):
    assert not table.wanted(0.0)
    assert table.next_timeout() is None


def test_the_first_claim_makes_it_wanted_the_second_does_not(table):
    assert table.claim("relay", 30.0, 0.0)
    assert not table.claim("recorder", 30.0, 1.0)
    assert table.claimants == ("relay", "recorder")


def test_the_last_stop_keeps_it_for_the_linger(table):
    table.claim("relay", 30.0, 0.0)
    table.claim("recorder", 30.0, 0.0)
    table.release("relay", 5.0)
    assert table.wanted(5.0)
    table.release("recorder", 6.0)
    assert table.wanted(15.9)
    assert table.next_timeout() == 16.0
    assert not table.wanted(16.0)


def test_a_crashed_viewer_is_forgotten_after_its_time_and_the_linger(table):
    table.claim("relay", 30.0, 0.0)
    assert table.next_timeout() == 30.0
    assert table.wanted(39.9)
    assert not table.wanted(40.0)
    assert len(table) == 0


def test_the_linger_runs_from_the_lapse_even_if_nobody_looked(table):
    table.claim("relay", 30.0, 0.0)
    assert not table.wanted(1000.0)


def test_touching_keeps_a_claim_alive(table):
    table.claim("relay", 30.0, 0.0)
    for now in range(10, 300, 10):
        assert table.touch("relay", 30.0, float(now))
    assert table.wanted(310.0)


def test_touching_a_lapsed_claim_says_so(table):
    table.claim("relay", 30.0, 0.0)
    assert not table.touch("relay", 30.0, 30.0)
    assert not table.touch("nobody", 30.0, 0.0)


def test_a_claim_inside_the_linger_finds_the_stream_running(table):
    table.claim("relay", 30.0, 0.0)
    table.release("relay", 1.0)
    assert not table.claim("relay", 30.0, 5.0)
    assert table.wanted(30.0)


def test_a_stream_that_never_opened_does_not_linger(table):
    table.claim("relay", 30.0, 0.0)
    table.release("relay", 1.0, linger=False)
    assert not table.wanted(1.0)


def test_claims_are_bounded():
    table = ClaimTable(linger_s=0.0, max_claims=2)
    table.claim("a", 30.0, 0.0)
    table.claim("b", 30.0, 0.0)
    with pytest.raises(TooManyClaimsError):
        table.claim("c", 30.0, 0.0)
    assert not table.claim("a", 30.0, 1.0)  # renewing needs no room
    table.claim("c", 30.0, 30.5)  # b lapsed
