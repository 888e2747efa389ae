"""Logging in to NATS by signing the server's nonce: nkeys, and `.creds` files with a JWT and the seed of one.

A seed is base 32 of two prefix bytes, 32 bytes of an Ed25519 seed and a CRC-16; a public key is the same with one
prefix byte (nats-io/nkeys). A `.creds` file is two PEM-like blocks. The server keeps public keys only.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambus.client.secret_file import read_secret

_BLOCK = re.compile(r"-+BEGIN (NATS USER JWT|USER NKEY SEED)-+\s+(\S+)\s+-+END")
_PREFIX_SEED = 18 << 3  # 'S'
_PREFIX_USER = 20 << 3  # 'U'


def decode_seed(text: str) -> bytes:
    """Return the 32 bytes of a user seed (`SU…`).

    Raises:
        ValueError: it is none, or its checksum is wrong; the message holds nothing of it.
    """
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raise ValueError("NATS seed: wanted base 32") from None
    if len(raw) != 36 or raw[0] & 0xF8 != _PREFIX_SEED or (raw[0] & 7) << 5 | raw[1] >> 3 != _PREFIX_USER:
        raise ValueError("NATS seed: wanted the seed of a user (SU…)")
    if binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise ValueError("NATS seed: wrong checksum")
    return raw[2:-2]


def new_seed() -> str:
    """Return the seed (`SU…`) of a new user."""
    return _encode(bytes([_PREFIX_SEED | _PREFIX_USER >> 5, (_PREFIX_USER & 31) << 3]) + os.urandom(32))


def public_key(seed: str) -> str:
    """Return the public key (`U…`) that belongs to a user seed. Raises ValueError as `decode_seed`."""
    key = Ed25519PrivateKey.from_private_bytes(decode_seed(seed)).public_key()
    return _encode(bytes([_PREFIX_USER]) + key.public_bytes_raw())


def _encode(raw: bytes) -> str:
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def signer(path: Path) -> Callable[[str], bytes]:
    """Return what signs a nonce with the seed in a file, which is read anew each time.

    Raises:
        ValueError: the file holds no seed of a user.
    """

    def sign(nonce: str) -> bytes:
        return _sign(read_secret(path), nonce)

    public_key(read_secret(path))
    return sign


def _sign(seed: str, nonce: str) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(decode_seed(seed))
    return base64.b64encode(key.sign(nonce.encode()))


def login_callbacks(path: Path) -> tuple[Callable[[], bytes], Callable[[str], bytes]]:
    """Return what gives the JWT and what signs a nonce; both read the file anew, so it may be rotated.

    Raises:
        ValueError: the file is no credentials file.
    """

    def block(name: str) -> str:
        blocks = dict(_BLOCK.findall(read_secret(path)))
        if name not in blocks:
            raise ValueError(f"{path}: wanted a NATS credentials file with a {name} block")
        return str(blocks[name])

    def jwt() -> bytes:
        return block("NATS USER JWT").encode()

    def sign(nonce: str) -> bytes:
        return _sign(block("USER NKEY SEED"), nonce)

    jwt()
    decode_seed(block("USER NKEY SEED"))
    return jwt, sign
