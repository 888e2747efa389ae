"""Digest authentication (GB-030 to GB-032, GB-058); the values are worked examples of GB/T 28181 devices."""

from __future__ import annotations

import hashlib

import pytest

from cambus.sip.digest import Algorithm, Challenge, Credentials, answer, secret_hash

USER, REALM, PASSWORD = "34020000001320000002", "3402000000", "12345678"
NONCE, URI = "44010b73623249f6916a6acf7c316b8e", "sip:34020000002000000001@3402000000"
WITHOUT_QOP = "9047313a9e17f6f5ee57359a9d89994d"
WITH_QOP = {
    Algorithm.MD5: "1e2f66de4337039661a39b6608f4c0ec",
    Algorithm.SM3: "52c64daeda30398daad7e0cde089406543e049e51d3d40485c57d671ff8d22f0",
    Algorithm.SHA256: "a6e71718e96a1a6ad3c1c0a707d9e10541402f18056a75ff374092bd47add0f7",
}
needs_sm3 = pytest.mark.skipif(not Algorithm.SM3.available, reason="this OpenSSL has no SM3")


def test_the_hashes_of_the_worked_example() -> None:
    assert secret_hash(Algorithm.MD5, USER, REALM, PASSWORD) == "77c6636cc670829c8b25742ba816ee53"
    assert Algorithm.MD5.hex(f"REGISTER:{URI}") == "95fced343cf76247d3e2102931f17507"


def test_the_form_without_qop_matches_the_worked_example() -> None:
    given = answer(Challenge(REALM, NONCE), USER, PASSWORD, "REGISTER", URI)

    assert given.response == WITHOUT_QOP
    assert given.matches(secret_hash(Algorithm.MD5, USER, REALM, PASSWORD), "REGISTER")


@pytest.mark.parametrize(
    "algorithm", [Algorithm.MD5, Algorithm.SHA256, pytest.param(Algorithm.SM3, marks=needs_sm3)]
)
def test_the_form_with_qop_matches_the_worked_example(algorithm: Algorithm) -> None:
    challenge = Challenge(REALM, NONCE, algorithm, ("auth",))

    given = answer(challenge, USER, PASSWORD, "REGISTER", URI, cnonce="0a4f113b")

    assert given.response == WITH_QOP[algorithm]
    assert (given.nc, given.cnonce, given.qop) == ("00000001", "0a4f113b", "auth")
    read = Credentials.parse(str(given))
    assert read == given
    assert read.matches(secret_hash(algorithm, USER, REALM, PASSWORD), "REGISTER")


def test_a_client_may_keep_to_the_old_form() -> None:
    given = answer(Challenge(REALM, NONCE, qop=("auth",)), USER, PASSWORD, "REGISTER", URI, with_qop=False)

    assert (given.response, given.qop) == (WITHOUT_QOP, "")


@pytest.mark.parametrize(
    "value",
    [
        f'Digest username="{USER}",realm="{REALM}",nonce="{NONCE}",uri="{URI}",response="{WITHOUT_QOP}"',
        f"Digest username={USER}, realm={REALM}, nonce={NONCE}, uri={URI}, response={WITHOUT_QOP}, algorithm=md5",
        f'digest\tRESPONSE="{WITHOUT_QOP.upper()}" , uri="{URI}",nonce={NONCE},Realm="{REALM}",username="{USER}"',
        (
            f'Digest username="{USER}",username="x",realm="{REALM}",nonce="{NONCE}",uri="{URI}",'
            f'response="{WITHOUT_QOP}",algorithm="MD5",nc=00000001,qop=""'
        ),
    ],
    ids=["quoted", "bare", "any case and order", "repeated"],
)
def test_parameters_may_be_quoted_or_bare_and_in_any_order(value: str) -> None:
    read = Credentials.parse(value)

    assert read is not None
    assert read.matches(secret_hash(Algorithm.MD5, USER, REALM, PASSWORD), "REGISTER")


def test_the_uri_is_taken_as_it_is_written() -> None:
    uri = "sip:34020000002000000001@192.0.2.1:5060;x=%41"

    given = answer(Challenge(REALM, NONCE), USER, PASSWORD, "REGISTER", uri)
    read = Credentials.parse(str(given))

    assert read is not None
    assert read.uri == uri
    assert read.matches(secret_hash(Algorithm.MD5, USER, REALM, PASSWORD), "REGISTER")


def test_anything_else_does_not_match() -> None:
    ha1 = secret_hash(Algorithm.MD5, USER, REALM, PASSWORD)
    given = answer(Challenge(REALM, NONCE, qop=("auth",)), USER, PASSWORD, "REGISTER", URI)

    assert not given.matches(ha1, "MESSAGE")
    assert not given.matches(secret_hash(Algorithm.MD5, USER, REALM, "other"), "REGISTER")
    for changed in (
        str(given).replace("nc=00000001", "nc=00000002"),
        str(given).replace(NONCE, NONCE[::-1]),
        str(given).replace("qop=auth", "qop=auth-int"),
        str(given).replace("algorithm=MD5", "algorithm=MD5-sess"),
        str(given).replace("algorithm=MD5", "algorithm=SHA-256"),
        str(given).replace(given.response, "é" * 32),
    ):
        read = Credentials.parse(changed)
        assert read is not None
        assert not read.matches(ha1, "REGISTER")


@pytest.mark.parametrize(
    "value",
    ["", "Digest", "Digest ", "Basic dTpw", "Digest username=u", 'Digest username="', "Digest " + "x" * 5000],
)
def test_what_is_no_answer_is_none(value: str) -> None:
    assert Credentials.parse(value) is None
    assert Challenge.parse(value) is None


def test_a_challenge_says_all_that_was_asked() -> None:
    value = str(Challenge(REALM, NONCE, qop=("auth",)))

    assert value == f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
    assert Challenge.parse(value) == Challenge(REALM, NONCE, qop=("auth",))


def test_challenges_of_others_are_read() -> None:
    read = Challenge.parse(
        f'Digest realm="{REALM}",nonce="{NONCE}",qop="auth, auth-int",stale=TRUE,opaque="o",algorithm=SHA-256'
    )

    assert read == Challenge(REALM, NONCE, Algorithm.SHA256, ("auth", "auth-int"), True, "o")
    assert Challenge.parse(str(read)) == read
    assert answer(read, USER, PASSWORD, "REGISTER", URI).opaque == "o"
    assert Challenge.parse(f'Digest nonce="{NONCE}",algorithm=MD5-sess') is None


def test_an_algorithm_that_is_not_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "algorithms_available", {"md5"})
    given = Credentials(USER, REALM, NONCE, URI, "0" * 64, Algorithm.SM3)

    assert not Algorithm.SM3.available
    assert not given.matches("0" * 64, "REGISTER")


def test_no_answer_is_shown() -> None:
    given = answer(Challenge(REALM, NONCE), USER, PASSWORD, "REGISTER", URI)

    assert WITHOUT_QOP not in repr(given)
