"""Logging in to NATS with a `.creds` file: the user's JWT, and the server's nonce signed with the seed.

The file format is NATS's own: two PEM-like blocks. A seed is base 32 of two prefix bytes, 32 bytes of an
Ed25519 seed and a CRC-16 (nats-io/nkeys).
"""

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambus.bus.settings import read_secret

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
        key = Ed25519PrivateKey.from_private_bytes(decode_seed(block("USER NKEY SEED")))
        return base64.b64encode(key.sign(nonce.encode()))

    jwt()
    decode_seed(block("USER NKEY SEED"))
    return jwt, sign
