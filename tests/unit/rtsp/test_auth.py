from __future__ import annotations

from base64 import b64encode

import pytest

from cambus.rtsp.auth import ALGORITHMS, SHA_256, Authenticator, Verdict, digest_response
from cambus.rtsp.message import Request

URL = "rtsp://127.0.0.1/live/a"
PASSWORDS = {"joe": "p w:1", "zoë": "ü"}


def make(**how) -> Authenticator:
    return Authenticator("Cambus", PASSWORDS.get, **how)


def nonce_of(auth: Authenticator, now: float = 0.0) -> str:
    value = auth.challenges(now)[-1][1]
    return value.split('nonce="')[1].split('"')[0]


def digest(
    auth, *, user="joe", password="p w:1", method="DESCRIBE", uri=URL, url=URL, realm="Cambus", **changes
):
    nonce = changes.pop("nonce", None) or nonce_of(auth)
    response = changes.pop("response", digest_response(user, realm, password, method, uri, nonce))
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": uri, "response": response} | changes
    header = "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items())
    return Request(method, url, headers={"authorization": header})


def test_the_published_example_comes_out():
    # RFC 2617 §3.5, whose example uses qop=auth
    assert (
        digest_response(
            "Mufasa",
            "testrealm@host.com",
            "Circle Of Life",
            "GET",
            "/dir/index.html",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            qop=("00000001", "0a4f113b"),
        )
        == "6629fae49393a05397450978507c4ef1"
    )


def test_the_published_examples_of_both_algorithms_come_out():
    # RFC 7616 §3.9.1
    responses = [
        digest_response(
            "Mufasa",
            "http-auth@example.org",
            "Circle of Life",
            "GET",
            "/dir/index.html",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            qop=("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
            algorithm=algorithm,
        )
        for algorithm in ALGORITHMS
    ]
    assert responses == [
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        "8ca523f5e9506fed4657c9700eebdbec",
    ]


def test_both_algorithms_are_offered_the_one_every_player_knows_last():
    challenges = [value for _, value in make().challenges(0.0)]
    assert [value.rpartition("algorithm=")[2] for value in challenges] == ["SHA-256", "MD5"]
    assert challenges[0].replace("SHA-256", "MD5") == challenges[1]  # one nonce


def test_a_client_may_choose_the_stronger_one():
    auth = make()
    nonce = nonce_of(auth)
    response = digest_response("joe", "Cambus", "p w:1", "DESCRIBE", URL, nonce, algorithm=SHA_256)
    assert len(response) == 64
    assert auth.check(digest(auth, nonce=nonce, response=response, algorithm="SHA-256"), 0.0).user == "joe"
    assert auth.check(digest(auth, nonce=nonce, response=response), 0.0) == Verdict()


def test_the_right_password_is_accepted():
    auth = make()
    assert auth.check(digest(auth), 0.0) == Verdict("joe")
    assert auth.check(digest(auth, user="zoë", password="ü"), 0.0) == Verdict("zoë")


def test_a_trailing_slash_in_the_digests_uri_does_not_matter():
    auth = make()
    assert auth.check(digest(auth, url=URL + "/"), 0.0).user == "joe"


def test_qop_auth_is_understood_though_not_offered():
    auth = make()
    nonce = nonce_of(auth)
    response = digest_response("joe", "Cambus", "p w:1", "DESCRIBE", URL, nonce, qop=("00000001", "abc"))
    request = digest(auth, nonce=nonce, response=response, qop="auth", nc="00000001", cnonce="abc")
    assert auth.check(request, 0.0).user == "joe"
    assert "qop" not in auth.challenges(0.0)[0][1]


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"user": "nobody"},
        {"realm": "Other"},
        {"uri": "rtsp://127.0.0.1/live/b"},
        {"nonce": "0" * 32},
        {"response": ""},
        {"response": "ä"},
        {"algorithm": "SHA-256"},  # with the response of MD5
        {"algorithm": "SHA-512-256"},
        {"qop": "auth", "nc": "1", "cnonce": "x"},
    ],
)
def test_anything_wrong_is_refused(changes):
    auth = make()
    assert auth.check(digest(auth, **changes), 0.0) == Verdict()


def test_a_digest_is_good_for_one_method_only():
    auth = make()
    described = digest(auth)
    assert auth.check(Request("PLAY", URL, headers=described.headers), 0.0) == Verdict()


def test_an_old_nonce_is_stale_and_replaced():
    auth = make(nonce_lifetime_s=10)
    request = digest(auth)
    assert auth.check(request, 10.0).user == "joe"
    assert auth.check(request, 10.1) == Verdict(stale=True)
    assert auth.check(digest(auth, password="wrong"), 10.1) == Verdict()
    old = nonce_of(auth, 5.0)
    for _, value in auth.challenges(10.1, stale=True):
        assert value.endswith("stale=true")
        assert old not in value


def test_connections_do_not_share_nonces():
    first, second = make(), make()
    nonce_of(second)
    assert second.check(digest(first), 0.0) == Verdict()


def test_without_a_challenge_nothing_is_accepted():
    assert make().check(digest(make(), nonce=""), 0.0) == Verdict()


def basic(pair: str) -> Request:
    return Request("DESCRIBE", URL, headers={"authorization": "Basic " + b64encode(pair.encode()).decode()})


def test_basic_is_only_taken_where_it_is_allowed():
    assert make().check(basic("joe:p w:1"), 0.0) == Verdict()
    auth = make(basic=True)
    assert auth.check(basic("joe:p w:1"), 0.0) == Verdict("joe")
    assert [value.split()[0] for _, value in auth.challenges(0.0)] == ["Digest", "Digest", "Basic"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !",
        "Basic /w==",
        "Basic " + b64encode(b"joe:no").decode(),
        "Digest",
        "Bearer x",
        "Basic " + "A" * 5000,
    ],
)
def test_nonsense_is_refused(header):
    auth = make(basic=True)
    auth.challenges(0.0)
    assert auth.check(Request("DESCRIBE", URL, headers={"authorization": header}), 0.0) == Verdict()


def test_an_unknown_user_with_an_empty_password_is_refused():
    assert make(basic=True).check(basic("nobody:"), 0.0) == Verdict()


@pytest.mark.parametrize("realm", ['a"b', "a\r\nb", "ä"])
def test_a_realm_that_would_break_the_header_is_refused(realm):
    with pytest.raises(ValueError, match="realm"):
        Authenticator(realm, PASSWORDS.get)
