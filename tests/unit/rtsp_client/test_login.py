"""Challenges are read however they are written, and answered as the RFCs have it."""

import base64

import pytest

from cambus.rtsp.client_errors import AuthRefused
from cambus.rtsp.login import Login, parse_challenges

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
PLAIN = 'Digest realm="cam", nonce="n1"'


def login(user="joe", password="secret", **more):
    return Login(user, password, new_cnonce=lambda: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", **more)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_answers_are_those_of_rfc_7616(algorithm, response):
    account = login("Mufasa", "Circle of Life")
    account.challenged(RFC_7616.format(algorithm=algorithm), answered=False)
    answer = account.authorization("GET", "/dir/index.html")
    assert f'response="{response}"' in answer
    assert f"algorithm={algorithm}, " in answer
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in answer
    assert "qop=auth, nc=00000001" in answer


def test_an_answer_without_qop_is_that_of_rfc_2069():
    account = login("Mufasa", "CircleOfLife")
    account.challenged(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"', answered=False
    )
    answer = account.authorization("GET", "/dir/index.html")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in answer
    assert "algorithm" not in answer
    assert "qop" not in answer


def test_uses_of_a_nonce_are_counted():
    account = login()
    account.challenged(RFC_7616.format(algorithm="MD5"), answered=False)
    assert "nc=00000001" in account.authorization("PLAY", "u")
    assert "nc=00000002" in account.authorization("PLAY", "u")


def test_nothing_is_said_before_it_is_asked_for():
    assert login().authorization("OPTIONS", "u") is None


def test_the_strongest_digest_is_taken():
    account = login(basic=True)
    account.challenged(
        f'Basic realm="cam", {PLAIN}, Digest realm="cam", nonce="n2", algorithm=SHA-256', answered=False
    )
    assert 'nonce="n2"' in account.authorization("PLAY", "u")


def test_basic_is_answered_only_where_it_is_allowed():
    with pytest.raises(AuthRefused) as caught:
        login().challenged('Basic realm="cam"', answered=False)
    assert caught.value.detail == "basic-only"
    account = login(basic=True)
    account.challenged('Basic realm="cam"', answered=False)
    assert account.authorization("PLAY", "u") == f"Basic {base64.b64encode(b'joe:secret').decode()}"


@pytest.mark.parametrize("header", ["", "Negotiate", 'Digest realm="cam"', 'Digest nonce="n", algorithm=MD4'])
def test_what_nobody_can_answer_is_refused(header):
    with pytest.raises(AuthRefused) as caught:
        login(basic=True).challenged(header, answered=False)
    assert caught.value.detail == "unknown-scheme"


def test_a_refused_answer_is_not_tried_again():
    account = login()
    account.challenged(PLAIN, answered=False)
    with pytest.raises(AuthRefused) as caught:
        account.challenged('Digest realm="cam", nonce="n2"', answered=True)
    assert caught.value.detail == "wrong-credentials"


def test_a_stale_nonce_is_answered_anew():
    account = login()
    account.challenged(PLAIN, answered=False)
    account.challenged('Digest realm="cam", nonce="n2", stale=TRUE', answered=True)
    assert 'nonce="n2"' in account.authorization("PLAY", "u")


def test_a_nonce_that_has_grown_old_unsaid_is_answered_anew_once_the_account_was_right():
    account = login()
    account.challenged(PLAIN, answered=False)
    account.accepted()
    account.challenged('Digest realm="cam", nonce="n2"', answered=True)
    with pytest.raises(AuthRefused):
        account.challenged('Digest realm="cam", nonce="n3"', answered=True)


@pytest.mark.parametrize(
    ("header", "schemes"),
    [
        ('Digest realm="a, Basic b", nonce="x", Basic realm="c"', ["digest", "basic"]),
        ('Basic realm="c",Digest realm="a",nonce="x",stale=false', ["basic", "digest"]),
        ('digest REALM="a" , NONCE="x"', ["digest"]),
        ('Digest realm="quo\\"ted", nonce=bare', ["digest"]),
        ("Digest ", []),
        ('Digest realm="unclosed, nonce="x"', []),
        ("," * 10_000, []),
    ],
)
def test_challenges_are_told_apart(header, schemes):
    assert [challenge.scheme for challenge in parse_challenges(header)] == schemes


def test_quotes_are_taken_off_and_put_back():
    (challenge,) = parse_challenges('Digest realm="quo\\"ted", nonce=bare')
    assert (challenge.realm, challenge.nonce) == ('quo"ted', "bare")
    account = login('jo"e')
    account.challenged('Digest realm="quo\\"ted", nonce=bare', answered=False)
    answer = account.authorization("PLAY", "u")
    assert 'username="jo\\"e"' in answer
    assert 'realm="quo\\"ted"' in answer


def test_passwords_are_not_shown():
    account = login(password="hush")
    account.challenged(PLAIN, answered=False)
    assert "hush" not in repr(account)
