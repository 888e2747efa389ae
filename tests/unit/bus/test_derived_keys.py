from cambus.bus.sealing import KeyRing

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))


def test_who_has_the_first_key_derives_the_same_for_a_purpose_and_another_for_another():
    ring = KeyRing(FIRST, SECOND)
    assert ring.derive("nonces") == KeyRing(FIRST).derive("nonces")
    assert len({ring.derive("nonces"), ring.derive("links"), KeyRing(SECOND).derive("nonces"), FIRST}) == 4
