"""The password hash that ``EncryptType`` calls "MD5" (DVRIP §3).

The hash logs in as well as the password does: it is a secret like the password.
"""

import hashlib
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def hash_password(password: str) -> str:
    """The eight-character login hash of ``password``.

    Each character is chosen by the sum of two neighbouring bytes of the MD5 digest, modulo 62 (DVRIP §3).
    """
    digest = hashlib.md5(password.encode("utf-8"), usedforsecurity=False).digest()
    return "".join(_ALPHABET[(digest[i] + digest[i + 1]) % len(_ALPHABET)] for i in range(0, 16, 2))
