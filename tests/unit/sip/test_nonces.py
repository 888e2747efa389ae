"""Nonces that prove themselves (GB-033 to GB-035)."""

from __future__ import annotations

import base64

import pytest

from cambus.sip.nonces import NonceBook, NonceState

KEY = b"0123456789abcdef"
NOW = 1_700_000_000.0


@pytest.fixture
def book() -> NonceBook:
    return NonceBook(KEY)


def test_a_nonce_of_ours_is_good_for_its_device_for_a_minute(book: NonceBook) -> None:
    nonce = book.issue("device-1", NOW)

    assert book.check(nonce, "device-1", NOW) is NonceState.GOOD
    assert book.check(nonce, "device-1", NOW + 60.0) is NonceState.GOOD
    assert book.check(nonce, "device-1", NOW + 60.1) is NonceState.STALE
    assert book.check(nonce, "device-2", NOW) is NonceState.FOREIGN


def test_no_two_nonces_are_alike(book: NonceBook) -> None:
    assert len({book.issue("device-1", NOW) for _ in range(1000)}) == 1000


def test_every_process_with_the_key_knows_it_and_no_other(book: NonceBook) -> None:
    nonce = book.issue("device-1", NOW)

    assert NonceBook(KEY).check(nonce, "device-1", NOW - 4.0) is NonceState.GOOD
    assert NonceBook(b"another key 1234").check(nonce, "device-1", NOW) is NonceState.FOREIGN


def test_a_nonce_from_the_future_is_not_good(book: NonceBook) -> None:
    assert book.check(book.issue("device-1", NOW + 60), "device-1", NOW) is NonceState.STALE


@pytest.mark.parametrize("nonce", ["", "1715926053", "x", "=" * 40, "大门", "\udcff", "A" * 5000, "AAAA"])
def test_what_we_did_not_make_is_foreign(book: NonceBook, nonce: str) -> None:
    assert book.check(nonce, "device-1", NOW) is NonceState.FOREIGN


def test_a_nonce_spelled_otherwise_is_foreign(book: NonceBook) -> None:
    nonce = book.issue("device-1", NOW)

    for other in (f"{nonce}=", f"{nonce[:4]}!{nonce[4:]}", f" {nonce}", nonce.swapcase()):
        assert book.check(other, "device-1", NOW) is NonceState.FOREIGN
    raw = bytearray(base64.urlsafe_b64decode(nonce))
    for at in range(len(raw)):
        forged = bytes(raw[:at]) + bytes([raw[at] ^ 1]) + bytes(raw[at + 1 :])
        assert book.check(base64.urlsafe_b64encode(forged).decode(), "device-1", NOW) is NonceState.FOREIGN


def test_without_a_count_a_nonce_is_used_once(book: NonceBook) -> None:
    nonce = book.issue("device-1", NOW)

    assert book.use(nonce, None, NOW)
    assert not book.use(nonce, None, NOW)
    assert not book.use(nonce, 2, NOW)


def test_with_a_count_it_has_to_rise(book: NonceBook) -> None:
    nonce = book.issue("device-1", NOW)

    assert book.use(nonce, 1, NOW)
    assert not book.use(nonce, 1, NOW)
    assert book.use(nonce, 5, NOW + 1)
    assert not book.use(nonce, 4, NOW + 1)
    assert not book.use(nonce, None, NOW + 1)


def test_used_nonces_are_remembered_while_they_are_good_and_no_longer() -> None:
    book = NonceBook(KEY)
    nonce = book.issue("device-1", NOW)
    book.use(nonce, 1, NOW)

    assert not book.use(nonce, 1, NOW + 60)
    assert book.check(nonce, "device-1", NOW + 66) is NonceState.STALE
    book.use(book.issue("device-1", NOW + 66), 1, NOW + 66)
    assert len(book._used) == 1


def test_the_memory_of_used_nonces_is_bounded() -> None:
    book = NonceBook(KEY, max_used=10)

    for number in range(100):
        assert book.use(f"nonce-{number}", None, NOW)

    assert len(book._used) == 10
    assert not book.use("nonce-99", None, NOW)


def test_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        NonceBook(b"short")
