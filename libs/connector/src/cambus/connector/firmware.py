"""A firmware image: fetched whole and checked before the first byte of it goes to a device."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Self

from cambus.client.errors import BusError
from cambus.client.objects import ObjectStore

MAX_IMAGE_BYTES: Final = 512 << 20
READ_BYTES: Final = 256 << 10


class FirmwareError(Exception):
    """The image can not be used.

    Attributes:
        reason: a slug: `no-such-object`, `digest-mismatch`, `size-mismatch`, `too-large`, `wrong-hardware`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class FirmwareFile:
    """An image in a file without a name, which is gone with the process, however that ends; a context manager.

    Args:
        folder: on whose disk; None for the system's place.

    Attributes:
        size_bytes: how long it is.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed in __exit__
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

    async def chunks(self, count: int = READ_BYTES) -> AsyncIterator[bytes]:
        """The image, so many bytes at a time."""
        start = 0
        while chunk := await self.read(start, count):
            yield chunk
            start += len(chunk)

    async def read(self, start: int, count: int) -> bytes:
        """At most so many bytes from there on; none at the end. Several may read at a time."""
        return await asyncio.to_thread(os.pread, self._file.fileno(), count, start)
