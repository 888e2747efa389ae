"""Which device calls itself what, and whose names clash."""

from cambus.connector.identities import Identities


def test_an_identity_leads_to_its_device() -> None:
    known = Identities()
    assert list(known.put("van", "123456")) == []
    assert known.device("123456") == "van"
    assert known.device("654321") is None
    assert known.shared_with("van") == []


def test_a_shared_identity_leads_to_nobody_and_touches_both() -> None:
    known = Identities()
    known.put("van", "123456")
    assert list(known.put("bus", "123456")) == ["van"]
    assert known.device("123456") is None
    assert (known.shared_with("van"), known.shared_with("bus")) == (["bus"], ["van"])


def test_a_clash_ends_when_one_changes_or_goes() -> None:
    known = Identities()
    known.put("van", "1")
    known.put("bus", "1")
    assert list(known.put("bus", "2")) == ["van"]
    assert (known.device("1"), known.device("2")) == ("van", "bus")
    known.put("bus", "1")
    assert list(known.put("bus", None)) == ["van"]
    assert known.device("1") == "van"


def test_what_does_not_change_touches_nobody() -> None:
    known = Identities()
    known.put("van", "1")
    known.put("bus", "1")
    assert list(known.put("bus", "1")) == []
    assert list(known.put("car", None)) == []
