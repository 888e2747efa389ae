"""Sealing credentials: AES-256-GCM under a key that is in a file, never on the bus.

The key file holds one or more keys of 32 random bytes, one after the other. The first seals; all of them
open, so a new key is put in front, what is stored is sealed again, and the old one is dropped: `cambusctl secret
keys`. Whoever loaded the file reads it again when it has changed, before anything is sealed, and when a key is
missing. A sealed credential is bound to its name: moved under another name it does not open.
"""

import hmac
import logging
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cambus.schemas.codec import MSGPACK, decode, encode
from cambus.schemas.errors import CambusError
from cambus.schemas.state.credentials import Credentials, SealedCredentials

logger = logging.getLogger(__name__)

KEY_BYTES: Final = 32
MAX_KEYS: Final = 16
NONCE_BYTES: Final = 12
_CONTEXT: Final = b"cambus-credentials:"


class SealError(Exception):
    """A credential can not be sealed or opened, or the key file is unusable. Holds no secret."""


class KeyRing:
    """The keys of one key file.

    Args:
        keys: 32 bytes each; the first seals, all open.

    Raises:
        SealError: there is no key, or one of another length, or a key of zeros.
    """

    def __init__(self, *keys: bytes) -> None:
        self._path: Path | None = None
        self._read_of: _Version | None = None
        self._take(keys)
        self._root = hmac.digest(keys[0], b"cambus-derived-keys", "sha256")

    def _take(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES or not any(key) for key in keys):
            raise SealError(f"wanted at least one key, each of {KEY_BYTES} random bytes")
        self._keys = {key_id(key): AESGCM(key) for key in keys}
        self._first = key_id(keys[0])

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the keys; the first seals."""
        return tuple(self._keys)

    def derive(self, purpose: str) -> bytes:
        """Return 32 secret bytes for another purpose: the same for all who have the first key, and not showing it.

        They stay what they were when the file was first read.
        """
        return hmac.digest(self._root, purpose.encode(), "sha256")

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read a key file.

        Raises:
            SealError: it can not be read or holds no keys; names the file and what is wrong.
        """
        keys, version = _read(path)
        ring = cls(*keys)
        ring._path, ring._read_of = path, version
        return ring

    @classmethod
    def load_or_create(cls, path: Path) -> "KeyRing":
        """Read a key file, or make one with a fresh key that only this user may read.

        Raises:
            SealError: as `load`; or the file can not be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls.load(path)
        except OSError as error:
            raise SealError(f"{path}: {error.strerror}") from None
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        return cls.load(path)

    def seal(self, credentials: Credentials, name: str) -> SealedCredentials:
        """Encrypt credentials for the key `name` of the bucket."""
        self._look_again()
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, encode(credentials, MSGPACK), _bound_to(name))
        return SealedCredentials(
            key_id=self._first, nonce=nonce, ciphertext=sealed, updated_at=datetime.now(UTC)
        )

    def open(self, sealed: SealedCredentials, name: str) -> Credentials:
        """Decrypt what is stored under `name`.

        Raises:
            SealError: sealed with a key we have not, for another name, or damaged.
        """
        if sealed.key_id not in self._keys:
            self._look_again()
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise SealError(
                f"credentials {name}: sealed with key {sealed.key_id}, which is not in the key file"
            )
        try:
            plain = key.decrypt(sealed.nonce, sealed.ciphertext, _bound_to(name))
            return decode(Credentials, plain, MSGPACK)
        except (InvalidTag, ValueError, CambusError):
            raise SealError(f"credentials {name}: damaged, or sealed for another name") from None

    def _look_again(self) -> None:
        """Take what the key file holds now; one that is not right changes nothing."""
        if self._path is None:
            return
        try:
            status = self._path.stat()
            if (status.st_ino, status.st_mtime_ns, status.st_size) == self._read_of:
                return
            keys, version = _read(self._path)
            self._take(keys)
        except (OSError, SealError) as error:
            logger.warning("the credentials key cannot be read again", extra={"reason": str(error)})
        else:
            self._read_of = version
            logger.info("the credentials key was read again", extra={"keys": list(self.ids)})


_Version = tuple[int, int, int]
"""Which file it was, when it was written, and how long it was."""


def _read(path: Path) -> tuple[list[bytes], _Version]:
    """The keys in a file. Raises SealError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(KEY_BYTES * MAX_KEYS + 1)
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from None
    if (
        status.st_mode & 0o007
    ):  # not refused: the files of a Kubernetes secret are like that unless told otherwise
        logger.warning("every user may read the credentials key; chmod 600", extra={"file": str(path)})
    if not data or len(data) % KEY_BYTES or len(data) > KEY_BYTES * MAX_KEYS:
        raise SealError(f"{path}: {len(data)} bytes, wanted {KEY_BYTES} for each of 1 to {MAX_KEYS} keys")
    keys = [data[start : start + KEY_BYTES] for start in range(0, len(data), KEY_BYTES)]
    return keys, (status.st_ino, status.st_mtime_ns, status.st_size)


def key_id(key: bytes) -> str:
    """Return the name of a key: a digest of it that says nothing about it."""
    return "k" + blake2b(key, digest_size=6, person=b"cambus-key-id").hexdigest()


def _bound_to(name: str) -> bytes:
    return _CONTEXT + name.encode()
