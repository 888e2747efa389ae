"""Requests that prove who sent them (GB-277)."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sip_peer import request

from cambus.gb28181.signing import WINDOW_S, Proof, proof_of, sign
from cambus.sip.digest import Algorithm
from cambus.sip.framing import read_datagram

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
SECRET = "what both know"
ALGORITHMS = [each for each in Algorithm if each.available]


def signed(algorithm=Algorithm.MD5, body=b"<Control/>"):
    made = request(body=body)
    sign(made, SECRET, NOW, algorithm=algorithm)
    return made


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_signed_is_good_where_it_arrives(algorithm):
    arrived = read_datagram(signed(algorithm).serialize())
    assert arrived.headers.get("Date") == "2026-01-02T11:04:05.678"  # Beijing's
    assert f"algorithm={algorithm.value}" in arrived.headers.get("Note")
    assert proof_of(arrived, SECRET, NOW) is Proof.GOOD


def test_the_proof_is_a_digest_of_who_to_whom_when_the_secret_and_what():
    made = signed()
    values = [made.headers.get(name) for name in ("From", "To", "Call-ID", "Date")]
    digest = hashlib.md5(("".join(values) + SECRET).encode() + made.body).digest()
    assert made.headers.get("Note") == f'Digest nonce="{base64.b64encode(digest).decode()}", algorithm=MD5'


@pytest.mark.skipif(not Algorithm.SM3.available, reason="this OpenSSL has no SM3")
def test_sm3_is_used_where_nothing_else_is_asked_for():
    made = request()
    sign(made, SECRET, NOW)
    assert made.headers.get("Note").endswith("algorithm=SM3")
    assert proof_of(made, SECRET, NOW) is Proof.GOOD


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "Date"])
def test_what_was_changed_on_the_way_is_wrong(name):
    made = signed()
    other = "2026-01-02T11:04:05.679" if name == "Date" else f"{made.headers.get(name)}1"
    made.headers.set(name, other)
    assert proof_of(made, SECRET, NOW) is Proof.WRONG


def test_another_body_or_secret_is_wrong():
    made = signed()
    assert proof_of(made, "another", NOW) is Proof.WRONG
    made.body += b" "
    assert proof_of(made, SECRET, NOW) is Proof.WRONG


@pytest.mark.parametrize("sign_", [-1, 1])
def test_what_was_signed_long_ago_or_in_the_future_is_old(sign_):
    near, far = (timedelta(seconds=sign_ * (WINDOW_S + each)) for each in (-1, 1))
    assert proof_of(signed(), SECRET, NOW + near) is Proof.GOOD
    assert proof_of(signed(), SECRET, NOW + far) is Proof.OLD


@pytest.mark.parametrize(
    "note",
    [
        None,
        "",
        "Digest",
        'Digest nonce="", algorithm=MD5',
        'Digest nonce="x", algorithm=ROT13',
        'Basic nonce="eA==", algorithm=MD5',
        'Digest nonce="' + "A" * 10_000 + '", algorithm=MD5',
    ],
)
def test_what_is_no_proof_is_missing(note):
    made = signed()
    made.headers.remove("Note")
    if note is not None:
        made.headers.add("Note", note)
    assert proof_of(made, SECRET, NOW) is Proof.MISSING


@pytest.mark.parametrize("date", [None, "yesterday", "Fri, 02 Jan 2026 03:04:05 GMT"])
def test_without_a_date_there_is_no_proof(date):
    made = signed()
    made.headers.remove("Date")
    if date is not None:
        made.headers.add("Date", date)
    assert proof_of(made, SECRET, NOW) is Proof.MISSING
