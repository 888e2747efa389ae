"""A firmware image: fetched whole and checked before the first byte of it goes to a device."""

import asyncio
import hashlib
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from cambus.bus.errors import BusError
from cambus.bus.objects import ObjectStore
from cambus.dvrip.messages.upgrade import UpgradeInfo

MAX_IMAGE_BYTES: Final = 512 << 20
MAX_DESCRIPTION_BYTES: Final = 64 << 10
READ_BYTES: Final = 256 << 10
DESCRIPTION: Final = "InstallDesc"


class FirmwareError(Exception):
    """The image can not be used.

    Attributes:
        reason: a slug: `no-such-object`, `digest-mismatch`, `size-mismatch`, `too-large`, `wrong-hardware`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


@dataclass(frozen=True, slots=True)
class PackageDescription:
    """What a package says it is for; empty where it does not say."""

    hardware: str = ""
    vendor: str = ""


class FirmwareFile:
    """An image in a temporary file; use it as a context manager, so that the file goes with it.

    Args:
        folder: where to keep it; None for the system's place.

    Attributes:
        size_bytes: how long it is.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="cambus-firmware-", dir=folder)  # noqa: SIM115  # closed in __exit__
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    async def fetch(self, store: ObjectStore, name: str, *, sha256: str, size_bytes: int) -> None:
        """Fetch an object of a store into the file.

        Raises:
            FirmwareError: there is none, or its size or digest is not the one ordered.
        """
        if size_bytes > MAX_IMAGE_BYTES:
            raise FirmwareError("too-large", f"{size_bytes} bytes; at most {MAX_IMAGE_BYTES} are taken")
        digest = hashlib.sha256()
        try:
            async for chunk in store.get(name):
                self.size_bytes += len(chunk)
                if self.size_bytes > size_bytes:
                    break
                digest.update(chunk)
                await asyncio.to_thread(self._file.write, chunk)
        except KeyError:
            raise FirmwareError("no-such-object", f"there is no object {name} in {store.bucket}") from None
        except BusError as error:
            raise FirmwareError("not-fetched", f"the image could not be fetched: {error}") from error
        if self.size_bytes != size_bytes:
            raise FirmwareError(
                "size-mismatch", f"the image has another size than the {size_bytes} bytes ordered"
            )
        if digest.hexdigest() != sha256:
            raise FirmwareError("digest-mismatch", "the digest of the image is not the one ordered")
        await asyncio.to_thread(self._file.flush)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The image, piece by piece."""
        await asyncio.to_thread(self._file.seek, 0)
        while chunk := await asyncio.to_thread(self._file.read, READ_BYTES):
            yield chunk

    async def description(self) -> PackageDescription | None:
        """What the package says it is for; None for an image that is no package."""
        return await asyncio.to_thread(self._description)

    def _description(self) -> PackageDescription | None:
        self._file.seek(0)
        try:
            with zipfile.ZipFile(self._file) as package:
                entry = package.getinfo(DESCRIPTION)
                if entry.file_size > MAX_DESCRIPTION_BYTES:
                    return None
                with package.open(entry) as file:
                    text = file.read(MAX_DESCRIPTION_BYTES)
        except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, EOFError):
            return None
        return _read(text)


def _read(text: bytes) -> PackageDescription | None:
    """Read an `InstallDesc` (DVRIP §13)."""
    try:
        fields: Any = json.loads(text.strip(b"\0 \r\n\t").decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    return PackageDescription(str(fields.get("Hardware", "")), str(fields.get("Vendor", "")))


def mismatch(package: PackageDescription, device: UpgradeInfo) -> str | None:
    """Return in words where a package and a device do not fit, None if they do, as far as both say."""
    for what, ours, theirs in (
        ("hardware", package.hardware, device.hardware),
        ("vendor", package.vendor, device.vendor),
    ):
        if ours and theirs and ours.strip().lower() != theirs.strip().lower():
            return f"the image is for {what} {ours[:64]}, the device is {theirs[:64]}"
    return None
