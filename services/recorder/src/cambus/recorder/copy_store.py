"""The object storage copies go to, whatever kind it is; no secret of it is in any message.

A copy is written at once where it is small, in parts where it is large, and seen by nobody before it is whole. Its
digest is stored beside it where the storage has a place for that (S3: `x-amz-meta-sha256`), else it is read back.
"""

from __future__ import annotations

import asyncio
import glob
import hashlib
import re
from collections.abc import AsyncIterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from cambus.client.secret_file import read_secret
from cambus.recorder.copy_containers import Weight

if TYPE_CHECKING:
    from obstore.store import S3Config  # there for type checkers alone

PART_BYTES: Final = 5 << 20
"""The least S3 allows: one part has to get through a slow uplink within a request's time."""
PARTS_AT_A_TIME: Final = 1
REQUEST_TIMEOUT: Final = timedelta(seconds=300)
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
RETRIES: Final = 3
RETRY_TIMEOUT: Final = timedelta(seconds=60)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_STATUS: Final = re.compile(r"\bstatus(?: code)?:? (\d{3})\b", re.ASCII)
_DIGEST: Final = "sha256"


class CopyStoreError(Exception):
    """The storage did not take a copy, or cannot be asked; the message holds nothing it said."""


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where copies go; credentials come from files, or from where the machine has them (`AWS_…`, instance profile)."""

    url: str
    endpoint: str | None = None
    region: str = "us-east-1"
    key_id_file: Path | None = None
    secret_file: Path | None = None
    ca_file: Path | None = None


def check_url(url: str) -> None:
    """Raise ValueError unless copies can go to an address."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("copy_url: nothing but a scheme, a bucket and a path; credentials belong into files")
    if any(part in {".", ".."} for part in parts.path.split("/")):
        raise ValueError("copy_url: a path without . and ..")
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        return
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return
    raise ValueError("copy_url: wanted s3://bucket/prefix or file:///folder")


class CopyStore:
    """One storage that is open.

    Raises:
        CopyStoreError: a secret cannot be read, or the folder cannot be made.
        ValueError: the address is none.
    """

    def __init__(self, address: StoreAddress) -> None:
        check_url(address.url)
        self._base = address.url.rstrip("/")
        try:
            self._store = _opened(address)
        except (OSError, ValueError) as error:
            raise CopyStoreError(f"cannot be opened: {type(error).__name__}") from None
        except BaseError as error:
            raise _said(error) from None
        self._keeps_digests = isinstance(self._store, S3Store)

    def url(self, name: str) -> str:
        """Where a copy of this name is."""
        return f"{self._base}/{name}"

    async def held(self, name: str) -> Weight | None:
        """What is stored under a name; None for nothing. The digest is "" where nobody noted one.

        Raises:
            CopyStoreError: the storage cannot be asked.
        """
        try:
            if self._keeps_digests:
                found = await obstore.get_async(self._store, name, options={"head": True})
                return Weight(found.meta["size"], str(found.attributes.get(_DIGEST, "")))
            found = await obstore.get_async(self._store, name)
            digest, size = hashlib.sha256(), 0
            async for block in found.stream():
                digest.update(block)
                size += len(block)
            return Weight(size, digest.hexdigest())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _said(error) from None

    async def put(
        self, name: str, content: AsyncIterable[bytes], weight: Weight, *, content_type: str
    ) -> None:
        """Store a copy.

        Args:
            name: its name.
            content: its bytes, in pieces.
            weight: how many they are, and their digest.
            content_type: what it is.

        Raises:
            CopyStoreError: the storage does not take it.
        """
        attributes = {"Content-Type": content_type, _DIGEST: weight.sha256} if self._keeps_digests else None
        try:
            await asyncio.to_thread(self._sweep, name)
            if weight.bytes <= PART_BYTES:
                whole = b"".join([piece async for piece in content])
                await obstore.put_async(
                    self._store, name, whole, attributes=attributes, use_multipart=False, mode="overwrite"
                )
                return
            await obstore.put_async(
                self._store,
                name,
                content,
                attributes=attributes,
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_A_TIME,
            )
        except (BaseError, OSError) as error:
            raise _said(error) from None

    def _sweep(self, name: str) -> None:
        """Remove what a process that was killed left of a copy in a folder; nobody else writes it."""
        if isinstance(self._store, LocalStore):
            path = Path("/") / urlsplit(self._base).path.strip("/") / name
            for left in path.parent.glob(f"{glob.escape(path.name)}#*"):
                left.unlink(missing_ok=True)


def _opened(address: StoreAddress) -> ObjectStore:
    parts = urlsplit(address.url)
    prefix = parts.path.strip("/")
    if parts.scheme == "file":
        return LocalStore(Path("/") / prefix, mkdir=True)
    return S3Store(
        parts.netloc,
        prefix=prefix or None,
        config=_config(address),
        client_options={
            "timeout": REQUEST_TIMEOUT,
            "connect_timeout": CONNECT_TIMEOUT,
            "allow_http": (address.endpoint or "").startswith("http://"),
            **({"root_certificate": address.ca_file.read_bytes()} if address.ca_file else {}),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
    )


def _config(address: StoreAddress) -> S3Config:
    config: S3Config = {"region": address.region}
    if address.endpoint:
        config["endpoint"] = address.endpoint
    if address.key_id_file and address.secret_file:
        config["access_key_id"] = read_secret(address.key_id_file)
        config["secret_access_key"] = read_secret(address.secret_file)
    return config


def _said(error: BaseException) -> CopyStoreError:
    """What went wrong, without anything of what the storage or the library said: that may hold what is secret."""
    status = _STATUS.search(str(error))
    if status is not None:
        return CopyStoreError(f"{status[1]} from the storage")
    return CopyStoreError(f"not stored: {type(error).__name__}")
