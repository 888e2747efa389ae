"""Credentials at rest."""

import pytest

from cambus.bus.sealing import KEY_BYTES, KeyRing, SealError
from cambus.schemas.state.credentials import Credentials

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
PLAIN = Credentials(username="admin", password="c4nary-secret")


def opened(ring, sealed, name="gate-1"):
    credentials = ring.open(sealed, name)
    return credentials.username, credentials.password.get_secret_value()


def test_what_was_sealed_opens_again():
    ring = KeyRing(OLD)
    assert opened(ring, ring.seal(PLAIN, "gate-1")) == ("admin", "c4nary-secret")


def test_the_secret_is_in_no_part_of_what_is_stored():
    sealed = KeyRing(OLD).seal(PLAIN, "gate-1")
    assert b"c4nary" not in sealed.ciphertext
    assert "c4nary" not in sealed.model_dump_json()


def test_no_two_seals_are_alike():
    ring = KeyRing(OLD)
    first, second = ring.seal(PLAIN, "gate-1"), ring.seal(PLAIN, "gate-1")
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


def test_a_seal_moved_to_another_name_does_not_open():
    ring = KeyRing(OLD)
    with pytest.raises(SealError, match="another name"):
        ring.open(ring.seal(PLAIN, "gate-1"), "gate-2")


def test_a_damaged_seal_does_not_open():
    ring = KeyRing(OLD)
    sealed = ring.seal(PLAIN, "gate-1")
    damaged = sealed.model_copy(update={"ciphertext": sealed.ciphertext[:-1] + b"\0"})
    with pytest.raises(SealError):
        ring.open(damaged, "gate-1")
    with pytest.raises(SealError):
        ring.open(sealed.model_copy(update={"nonce": b""}), "gate-1")


def test_a_new_key_in_front_seals_and_the_old_one_still_opens():
    sealed_before = KeyRing(OLD).seal(PLAIN, "gate-1")
    both = KeyRing(NEW, OLD)
    assert opened(both, sealed_before)[0] == "admin"
    sealed_after = both.seal(PLAIN, "gate-1")
    assert opened(KeyRing(NEW), sealed_after)[0] == "admin"
    with pytest.raises(SealError, match="not in the key file"):
        KeyRing(OLD).open(sealed_after, "gate-1")


@pytest.mark.parametrize("keys", [(), (b"short",), (b"\0" * KEY_BYTES,), (OLD, b"")])
def test_weak_keys_are_refused(keys):
    with pytest.raises(SealError):
        KeyRing(*keys)


def test_a_missing_key_file_is_made_for_this_user_only(tmp_path):
    path = tmp_path / "keys" / "credentials.key"
    ring = KeyRing.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == KEY_BYTES
    assert opened(KeyRing.load_or_create(path), ring.seal(PLAIN, "gate-1"))[0] == "admin"


def test_a_key_file_everybody_may_read_is_warned_of(tmp_path, caplog):
    path = tmp_path / "credentials.key"
    path.write_bytes(OLD)
    path.chmod(0o644)
    KeyRing.load(path)
    assert "chmod 600" in caplog.text
    path.chmod(0o600)
    caplog.clear()
    KeyRing.load(path)
    assert caplog.text == ""


@pytest.mark.parametrize("content", [b"", b"password", OLD + b"x"])
def test_a_file_that_holds_no_keys_is_refused(tmp_path, content):
    path = tmp_path / "credentials.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SealError, match=r"credentials\.key"):
        KeyRing.load(path)


def test_a_key_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SealError, match="No such file"):
        KeyRing.load(tmp_path / "none")


def test_a_key_file_that_changed_is_read_again_when_a_key_is_missing(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(OLD)
    service = KeyRing.load(file)
    sealed_before = service.seal(PLAIN, "gate-1")
    (tmp_path / "new").write_bytes(NEW + OLD)
    (tmp_path / "new").rename(file)
    sealed = KeyRing.load(file).seal(PLAIN, "gate-1")
    assert opened(service, sealed) == opened(service, sealed_before) == ("admin", "c4nary-secret")


def test_nothing_is_sealed_with_a_key_that_was_replaced(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(OLD)
    service = KeyRing.load(file)
    (tmp_path / "new").write_bytes(NEW)
    (tmp_path / "new").rename(file)
    assert opened(KeyRing(NEW), service.seal(PLAIN, "gate-1")) == ("admin", "c4nary-secret")


@pytest.mark.parametrize("broken", [b"", b"short", None], ids=["empty", "short", "gone"])
def test_a_key_file_that_broke_changes_nothing(tmp_path, broken):
    file = tmp_path / "key"
    file.write_bytes(OLD)
    service = KeyRing.load(file)
    file.unlink()
    if broken is not None:
        file.write_bytes(broken)
    assert opened(KeyRing(OLD), service.seal(PLAIN, "gate-1")) == ("admin", "c4nary-secret")
