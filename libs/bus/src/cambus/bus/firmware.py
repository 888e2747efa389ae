"""Firmware images in the object store `cambus-firmware`: with what is said about them, and signed by who said it.

What is said about an image is kept in a header of the object itself, so neither is ever without the other. A
signature (Ed25519) covers the name, the digest and all that is said: an image under another name, with other
content or for other devices than it was signed for is not good.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import ValidationError

from cambus.client.connection import Connection
from cambus.client.objects import ObjectStore, StoredObject
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.state.firmware import IMAGE_HEADER, FirmwareImage

MAX_KEY_FILE_BYTES: Final = 64 * 1024
_PEM_END: Final = b"-----END PUBLIC KEY-----"


class FirmwareKeyError(Exception):
    """A key file is unusable. Holds no secret."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image.

    Attributes:
        name: its name in the store.
        bytes: its size.
        sha256: its digest.
        stored_at: when it was stored.
        about: what is said about it.
    """

    name: str
    bytes: int
    sha256: str
    stored_at: datetime
    about: FirmwareImage


class FirmwareStore:
    """The images.

    Args:
        bus: the connection.
    """

    def __init__(self, bus: Connection) -> None:
        self._objects = ObjectStore(bus, OBJECTS_FIRMWARE)

    async def put(
        self,
        name: str,
        data: AsyncIterable[bytes],
        about: FirmwareImage,
        *,
        sha256: str | None = None,
        max_bytes: int | None = None,
    ) -> StoredImage:
        """Store an image; one of that name is replaced.

        Args:
            name: its name.
            data: its content.
            about: what is said about it; signed already, if at all.
            sha256: its digest, where it is known: anything else is removed again.
            max_bytes: more is refused.

        Raises:
            ValueError: it is too large, or its digest is another.
            BusError: NATS refuses or does not answer.
        """
        headers = {"file": about.file, IMAGE_HEADER: about.model_dump_json(exclude_defaults=True)}
        stored = await self._objects.put(name, data, headers=headers, max_bytes=max_bytes)
        if sha256 not in {None, stored.sha256}:
            await self._objects.delete(name)
            raise ValueError("the image changed while it was stored")
        return _image(stored)

    async def info(self, name: str) -> StoredImage | None:
        """One image, None if there is none. Raises BusError."""
        stored = await self._objects.info(name)
        return None if stored is None else _image(stored)

    async def list(self) -> list[StoredImage]:
        """Every image, by name. Raises BusError."""
        return [_image(stored) for stored in await self._objects.list()]

    async def remove(self, name: str) -> bool:
        """Remove an image; False if there was none. Raises BusError."""
        return await self._objects.delete(name)

    async def check(self, name: str) -> None:
        """Read an image to its end.

        Raises:
            KeyError: there is none.
            ObjectDamaged: it is not what was stored.
            BusError: NATS refuses or does not answer.
        """
        async for _ in self._objects.get(name):
            pass


class TrustedKeys:
    """The keys whose signatures count.

    Args:
        keys: the public keys.
    """

    def __init__(self, keys: list[Ed25519PublicKey]) -> None:
        self._keys = {key_name(key): key for key in keys}

    @classmethod
    def read(cls, path: Path) -> "TrustedKeys":
        """Read a file of one or more public keys in PEM, one after the other.

        Raises:
            FirmwareKeyError: it cannot be read, or holds something else.
        """
        found = []
        for block in _read(path).split(_PEM_END)[:-1]:
            try:
                key = load_pem_public_key(block.strip() + b"\n" + _PEM_END + b"\n")
            except ValueError:
                raise FirmwareKeyError(f"{path}: wanted public keys in PEM") from None
            if not isinstance(key, Ed25519PublicKey):
                raise FirmwareKeyError(f"{path}: wanted Ed25519 keys")
            found.append(key)
        if not found:
            raise FirmwareKeyError(f"{path}: there is no public key in it")
        return cls(found)

    def vouch_for(self, image: StoredImage) -> bool:
        """Whether one of them signed this image as it is."""
        key = self._keys.get(image.about.key)
        if key is None:
            return False
        try:
            signature = base64.b64decode(image.about.signature, validate=True)
            key.verify(signature, image.about.signed_text(image.name, image.sha256))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def key_name(key: Ed25519PublicKey) -> str:
    """What a key is called: the start of its digest."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def signed(about: FirmwareImage, name: str, sha256: str, key_file: Path) -> FirmwareImage:
    """What is said about an image, signed with a private key (Ed25519, PEM without a pass phrase).

    Raises:
        FirmwareKeyError: the key cannot be read, or is of another kind.
    """
    try:
        key = load_pem_private_key(_read(key_file), password=None)
    except (ValueError, TypeError):
        raise FirmwareKeyError(f"{key_file}: wanted a private key in PEM without a pass phrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FirmwareKeyError(f"{key_file}: wanted an Ed25519 key")
    named = about.model_copy(update={"key": key_name(key.public_key()), "signature": ""})
    signature = base64.b64encode(key.sign(named.signed_text(name, sha256))).decode()
    return named.model_copy(update={"signature": signature})


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_KEY_FILE_BYTES:
            raise FirmwareKeyError(f"{path}: too large for a key file")
        return path.read_bytes()
    except OSError as error:
        raise FirmwareKeyError(f"{path} cannot be read: {error.strerror}") from None


def _image(stored: StoredObject) -> StoredImage:
    """An object as an image; one that was stored by other means is an image nothing is said about."""
    try:
        about = FirmwareImage.model_validate(json.loads(stored.headers.get(IMAGE_HEADER, "{}")))
    except (ValueError, ValidationError):
        about = FirmwareImage()
    return StoredImage(stored.name, stored.bytes, stored.sha256, stored.modified, about)
