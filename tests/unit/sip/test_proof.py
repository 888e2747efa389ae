"""A request once more, for who wants to know who asks (GB-026)."""

from __future__ import annotations

import pytest
from sip_peer import answer, request

from cambus.sip.digest import Credentials, secret_hash
from cambus.sip.proof import proven

CHALLENGE = 'Digest realm="device", nonce="abc", algorithm=MD5, qop="auth"'


@pytest.mark.parametrize(
    ("status", "asked", "given"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_the_same_is_said_again_with_the_next_number_and_a_proof(status: int, asked: str, given: str) -> None:
    first = request("MESSAGE", body=b"x")
    again = proven(first, answer(first, status, headers=[f"{asked}: {CHALLENGE}"]), "user", "password")

    assert again is not None
    credentials = Credentials.parse(again.headers.get(given) or "")
    assert credentials is not None
    assert credentials.algorithm is not None
    ha1 = secret_hash(credentials.algorithm, "user", "device", "password")
    assert credentials.matches(ha1, "MESSAGE")
    assert again.cseq.number == first.cseq.number + 1
    assert (again.method, again.uri, again.body, again.call_id) == (
        first.method,
        first.uri,
        b"x",
        first.call_id,
    )
    assert "Via" not in again.headers
    assert proven(again, answer(first, status, headers=[f"{asked}: {CHALLENGE}"]), "user", "password") is None


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, [f"WWW-Authenticate: {CHALLENGE}"]),
        (403, [f"WWW-Authenticate: {CHALLENGE}"]),
        (401, []),
        (401, ["WWW-Authenticate: Basic realm=x"]),
        (401, ['WWW-Authenticate: Digest realm="x", nonce="n", algorithm=NONE']),
    ],
)
def test_what_asks_for_nothing_that_can_be_given_stands(status: int, headers: list[str]) -> None:
    first = request("MESSAGE")

    assert proven(first, answer(first, status, headers=headers), "user", "password") is None


def test_a_request_within_a_dialog_is_left_alone() -> None:
    first = request("INFO", to="<sip:34020000002000000001@3402000000>;tag=there")

    assert (
        proven(first, answer(first, 401, headers=[f"WWW-Authenticate: {CHALLENGE}"]), "user", "password")
        is None
    )
