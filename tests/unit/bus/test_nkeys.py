"""Logging in with a credentials file; the seed below is made up for this test."""

import base64
import binascii

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambus.bus.nkeys import decode_seed, login_callbacks

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
