from cambus.connector_rtsp.publish.guests import FREE_FAILURES, MOST_ADDRESSES, MOST_HELD_OFF_S, Guests


def test_connections_that_have_not_logged_in_are_bounded():
    guests = Guests(total=3, per_address=2)
    assert [guests.admit(host, 0.0) for host in ("a", "a", "a", "b", "c")] == [
        None,
        None,
        "full",
        None,
        "full",
    ]
    guests.left("a")
    assert guests.admit("c", 0.0) is None


def test_an_address_whose_logins_fail_is_held_off_ever_longer():
    guests = Guests(total=100, per_address=100)
    for _ in range(FREE_FAILURES - 1):
        guests.failed("a", 0.0)
        assert guests.admit("a", 0.0) is None
    waits = []
    for _ in range(8):
        guests.failed("a", 0.0)
        waits.append(next(at for at in range(100) if guests.admit("a", float(at)) is None))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert guests.admit("b", 0.0) is None
    assert max(waits) == MOST_HELD_OFF_S


def test_a_right_login_forgives():
    guests = Guests(total=10, per_address=10)
    for _ in range(FREE_FAILURES + 3):
        guests.failed("a", 0.0)
    guests.succeeded("a")
    assert guests.admit("a", 0.0) is None


def test_the_addresses_that_are_remembered_are_bounded():
    guests = Guests(total=10, per_address=10)
    for _ in range(FREE_FAILURES):
        guests.failed("first", 0.0)
    for number in range(MOST_ADDRESSES):
        guests.failed(str(number), 0.0)
    assert guests.admit("first", 0.0) is None
