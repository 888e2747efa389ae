"""Logging in with a credentials file; the seed below is made up for this test."""

import base64
import binascii

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambus.client.nkeys import decode_seed, login_callbacks, new_seed, public_key, signer

RAW = bytes(range(32))


def seed(raw=RAW, kind=20, prefix=18):
    body = bytes([prefix << 3 | kind << 3 >> 5, (kind << 3 & 31) << 3]) + raw
    body += binascii.crc_hqx(body, 0).to_bytes(2, "little")
    return base64.b32encode(body).decode().rstrip("=")


def creds(tmp_path, seed_text):
    path = tmp_path / "user.creds"
    path.write_text(
        "-----BEGIN NATS USER JWT-----\neyJh.bGci.OiJl\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed_text}\n------END USER NKEY SEED------\n"
    )
    return path


def test_a_user_seed_starts_as_nats_writes_it():
    assert seed().startswith("SU")


def test_a_seed_is_read():
    assert decode_seed(seed()) == RAW


@pytest.mark.parametrize(
    "wrong", ["", "SU", "not base32!", seed(kind=0), seed(prefix=1), seed()[:-1] + "A", seed()[:20]]
)
def test_what_is_no_seed_is_refused_without_being_repeated(wrong):
    with pytest.raises(ValueError, match="NATS seed") as caught:
        decode_seed(wrong)
    assert len(wrong) < 5 or wrong not in str(caught.value)


def test_the_nonce_is_signed_and_the_jwt_given(tmp_path):
    jwt, sign = login_callbacks(creds(tmp_path, seed()))
    assert jwt() == b"eyJh.bGci.OiJl"
    signature = base64.b64decode(sign("nonce"))
    Ed25519PrivateKey.from_private_bytes(RAW).public_key().verify(signature, b"nonce")


def test_a_rotated_file_is_read_anew(tmp_path):
    path = creds(tmp_path, seed())
    jwt, _ = login_callbacks(path)
    path.write_text(path.read_text().replace("eyJh", "eyJx"))
    assert jwt() == b"eyJx.bGci.OiJl"


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_text("nothing of the kind")
    with pytest.raises(ValueError, match="credentials file"):
        login_callbacks(path)


def test_new_seeds_are_seeds_and_no_two_are_alike():
    first, second = new_seed(), new_seed()
    assert first[:2] == second[:2] == "SU"
    assert decode_seed(first) != decode_seed(second)


def test_a_public_key_is_written_as_nats_writes_it_and_is_not_the_seed():
    public = public_key(seed())
    assert (public[0], len(public)) == ("U", 56)
    raw = base64.b32decode(public)
    assert binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")
    assert raw[1:-2] == Ed25519PrivateKey.from_private_bytes(RAW).public_key().public_bytes_raw()


def test_a_nonce_is_signed_with_the_seed_that_is_in_the_file_now(tmp_path):
    file = tmp_path / "user.nk"
    file.write_text(seed() + "\n")
    sign = signer(file)
    other = bytes(32 * [7])
    for raw in (RAW, other):
        file.write_text(seed(raw))
        signature = base64.b64decode(sign("nonce"))
        Ed25519PrivateKey.from_private_bytes(raw).public_key().verify(signature, b"nonce")


def test_a_file_without_a_seed_is_told_at_once(tmp_path):
    file = tmp_path / "user.nk"
    file.write_text("c4nary")
    with pytest.raises(ValueError, match="NATS seed") as caught:
        signer(file)
    assert "c4nary" not in str(caught.value)
