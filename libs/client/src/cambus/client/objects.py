"""Object stores: big things in chunks, in NATS's own format (ADR-20), so that `nats object` reads them too.

Reading streams: memory stays at a few chunks whatever the size, every chunk is counted, and the digest is
checked before the last byte is handed out as good. Writing streams too; an object becomes visible only once
all of it is stored, and what an aborted write leaves behind is swept by `sweep`.
"""

import asyncio
import base64
import hashlib
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cambus.client.connection import Connection
from cambus.client.errors import AssetNotFound, BusError
from cambus.client.jetstream import ROLLUP, PubAck
from cambus.client.ordered import LAST_PER_SUBJECT, OrderedReader, ReaderInterrupted, Stored, from_sequence

logger = logging.getLogger(__name__)

CHUNK_BYTES = 128 * 1024
READ_AHEAD = 16
WRITE_S = 15.0
"""How long NATS may take to have a piece of an object on its disk."""
WRITE_AHEAD = 8
PURGE_TIMEOUT_S = 10.0
ORPHAN_AGE = timedelta(hours=1)
_DIGEST = "SHA-256="
_NO_MESSAGE = 10037  # JSNoMessageFoundErr of nats-server


class ObjectDamaged(BusError):
    """What is stored is not what was written: chunks are missing, or the digest is another."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object.

    Attributes:
        bucket: the store.
        name: its name.
        bytes: its size.
        sha256: its digest, lower-case hex.
        chunks: in how many messages it is kept.
        nuid: the subject its chunks are under.
        modified: when it was written.
        headers: facts its writer added.
    """

    bucket: str
    name: str
    bytes: int
    sha256: str
    chunks: int
    nuid: str
    modified: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


class ObjectStore:
    """One object store.

    Args:
        bus: the connection.
        bucket: the store; it exists (`ensure_assets`).
    """

    def __init__(self, bus: Connection, bucket: str) -> None:
        self.bucket = bucket
        self._bus = bus
        self._stream = f"OBJ_{bucket}"

    def _meta_subject(self, name: str) -> str:
        return f"$O.{self.bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"

    def _chunk_subject(self, nuid: str) -> str:
        return f"$O.{self.bucket}.C.{nuid}"

    # --- writing ----------------------------------------------------------------------------------------

    async def put(
        self,
        name: str,
        data: bytes | AsyncIterable[bytes],
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> StoredObject:
        """Store an object; one of the same name is replaced once all of this is stored.

        Args:
            name: its name.
            data: its content, at once or piece by piece.
            headers: further facts to keep with it.
            max_bytes: refuse more than this.

        Raises:
            ValueError: an empty name, or more than `max_bytes`.
            BusError: NATS refuses (the store is full) or does not answer; nothing becomes visible.
        """
        if not name:
            raise ValueError("object: wanted a name")
        previous = await self.info(name)
        nuid = secrets.token_hex(11)
        try:
            size, chunks, digest = await self._write_chunks(nuid, _pieces(data), max_bytes)
            stored = StoredObject(
                self.bucket, name, size, digest.hex(), chunks, nuid, datetime.now(UTC), dict(headers or {})
            )
            await self._write_meta(stored)
        except BaseException:
            await self._purge(nuid)
            raise
        if previous is not None:
            await self._purge(previous.nuid)
        return stored

    async def _write_chunks(
        self, nuid: str, pieces: AsyncIterable[bytes], max_bytes: int | None
    ) -> tuple[int, int, bytes]:
        """Publish in chunks, a few of them unacknowledged at any time; returns bytes, chunks and digest."""
        subject = self._chunk_subject(nuid)
        digest = hashlib.sha256()
        size = chunks = 0
        under_way: deque[asyncio.Task[PubAck]] = deque()
        try:
            async with asyncio.TaskGroup() as group:
                async for chunk in _chunked(pieces):
                    size += len(chunk)
                    if max_bytes is not None and size > max_bytes:
                        raise ValueError(f"object: more than the {max_bytes} bytes allowed")
                    digest.update(chunk)
                    chunks += 1
                    if len(under_way) >= WRITE_AHEAD:
                        await under_way.popleft()
                    under_way.append(
                        group.create_task(self._bus.jetstream.publish(subject, chunk, timeout_s=WRITE_S))
                    )
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        return size, chunks, digest.digest()

    async def _write_meta(self, stored: StoredObject) -> None:
        digest = base64.urlsafe_b64encode(bytes.fromhex(stored.sha256)).decode()
        meta = {
            "name": stored.name,
            "bucket": stored.bucket,
            "nuid": stored.nuid,
            "size": stored.bytes,
            "chunks": stored.chunks,
            "digest": _DIGEST + digest,
            "mtime": stored.modified.isoformat().replace("+00:00", "Z"),
            "headers": {key: [value] for key, value in stored.headers.items()},
            "options": {"max_chunk_size": CHUNK_BYTES},
        }
        await self._bus.jetstream.publish(
            self._meta_subject(stored.name),
            json.dumps(meta).encode(),
            headers={ROLLUP: "sub"},
            timeout_s=WRITE_S,
        )

    async def delete(self, name: str) -> bool:
        """Remove an object; False if there was none. Raises BusError."""
        stored = await self.info(name)
        if stored is None:
            return False
        meta = {"name": name, "bucket": self.bucket, "nuid": stored.nuid, "deleted": True}
        await self._bus.jetstream.publish(
            self._meta_subject(name), json.dumps(meta).encode(), headers={ROLLUP: "sub"}
        )
        await self._purge(stored.nuid)
        return True

    async def _purge(self, nuid: str) -> None:
        """Drop chunks; what cannot be dropped now is swept later."""
        try:
            await self._bus.jetstream.call(
                f"STREAM.PURGE.{self._stream}",
                {"filter": self._chunk_subject(nuid)},
                timeout_s=PURGE_TIMEOUT_S,
            )
        except BusError as error:
            facts = {"bucket": self.bucket, "chunks": nuid, "reason": str(error)}
            logger.warning("chunks are left behind", extra=facts)

    # --- reading ----------------------------------------------------------------------------------------

    async def info(self, name: str) -> StoredObject | None:
        """Return what is known of an object; None if there is none.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        try:
            answer = await self._bus.jetstream.call(
                f"STREAM.MSG.GET.{self._stream}", {"last_by_subj": self._meta_subject(name)}
            )
        except AssetNotFound as error:
            if error.err_code == _NO_MESSAGE:
                return None
            raise
        return self._parse(base64.b64decode(answer["message"].get("data", "")))

    async def list(self) -> list[StoredObject]:
        """Return all objects, by name. Raises BusError."""
        found = [self._parse(stored.data) for stored in await self._read_last("M")]
        return sorted((item for item in found if item is not None), key=lambda item: item.name)

    async def get(self, name: str) -> AsyncIterator[bytes]:
        """Yield an object's content piece by piece. Nothing is good before the iteration has ended well.

        Raises:
            KeyError: there is no such object.
            ObjectDamaged: what is stored is not what was written.
            BusError: NATS refuses or does not answer.
        """
        stored = await self.info(name)
        if stored is None:
            raise KeyError(name)
        digest = hashlib.sha256()
        size = chunks = 0
        async for chunk in self._chunks(stored):
            chunks += 1
            size += len(chunk)
            if size > stored.bytes:
                break
            digest.update(chunk)
            if chunks == stored.chunks and digest.hexdigest() != stored.sha256:
                raise ObjectDamaged(f"{self.bucket}/{name}: the digest is another")
            yield chunk
        if (size, chunks) != (stored.bytes, stored.chunks):
            raise ObjectDamaged(f"{self.bucket}/{name}: {size} of {stored.bytes} bytes are there")

    async def get_bytes(self, name: str, max_bytes: int) -> bytes:
        """Return a whole object that has at most `max_bytes`.

        Raises:
            ValueError: it is larger.
            KeyError, ObjectDamaged, BusError: as `get`.
        """
        stored = await self.info(name)
        if stored is not None and stored.bytes > max_bytes:
            raise ValueError(f"object: {stored.bytes} bytes, at most {max_bytes} are taken")
        return b"".join([chunk async for chunk in self.get(name)])

    async def _chunks(self, stored: StoredObject) -> AsyncIterator[bytes]:
        """The chunks in order; an interrupted reader is replaced and goes on where it was."""
        following, done = 1, 0
        while done < stored.chunks:
            reader = OrderedReader(
                self._bus,
                self._stream,
                [self._chunk_subject(stored.nuid)],
                start=from_sequence(following),
                batch=READ_AHEAD,
            )
            try:
                async with reader:
                    if reader.initial_pending == 0:
                        return
                    async for message in reader:
                        following, done = message.seq + 1, done + 1
                        yield message.data
                        if message.pending == 0:
                            return
            except ReaderInterrupted as error:
                logger.debug("reading on", extra={"bucket": self.bucket, "reason": str(error)})
                await self._bus.wait_connected(60.0)

    async def _read_last(self, kind: str) -> Sequence[Stored]:
        """The last message of each subject of one kind: `M` for what is known, `C` for chunks."""
        reader = OrderedReader(
            self._bus,
            self._stream,
            [f"$O.{self.bucket}.{kind}.>"],
            start=LAST_PER_SUBJECT,
            headers_only=kind == "C",
        )
        async with reader:
            return await reader.present()

    def _parse(self, data: bytes) -> StoredObject | None:
        """The object a meta message describes; None for a deletion and for what cannot be read."""
        try:
            meta: dict[str, Any] = json.loads(data)
            if meta.get("deleted"):
                return None
            digest = base64.urlsafe_b64decode(str(meta["digest"])[len(_DIGEST) :])
            headers = {key: str(values[0]) for key, values in (meta.get("headers") or {}).items() if values}
            return StoredObject(
                self.bucket,
                str(meta["name"]),
                int(meta["size"]),
                digest.hex(),
                int(meta["chunks"]),
                str(meta["nuid"]),
                _modified(meta),
                headers,
            )
        except (ValueError, KeyError, TypeError):
            logger.error("unreadable object description", extra={"bucket": self.bucket})
            return None

    # --- tidying ----------------------------------------------------------------------------------------

    async def sweep(self, older_than: timedelta = ORPHAN_AGE) -> int:
        """Drop chunks no object refers to, left by writes that were cut off; returns of how many writes.

        Args:
            older_than: leave alone what was last written to less than this ago: a write may be under way.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        chunks = await self._read_last("C")
        known = {item.nuid for item in await self.list()}
        before_ns = (datetime.now(UTC) - older_than).timestamp() * 1e9
        orphans = [
            nuid
            for stored in chunks
            if (nuid := stored.subject.rpartition(".")[2]) not in known and stored.timestamp_ns < before_ns
        ]
        for nuid in orphans:
            await self._purge(nuid)
        return len(orphans)


def _modified(meta: Mapping[str, Any]) -> datetime:
    text = str(meta.get("mtime") or "")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


async def _pieces(data: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(data, bytes):
        yield data
    else:
        async for piece in data:
            yield piece


async def _chunked(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Cut pieces of any size into chunks."""
    pending = bytearray()
    async for piece in pieces:
        pending += piece
        while len(pending) >= CHUNK_BYTES:
            yield bytes(pending[:CHUNK_BYTES])
            del pending[:CHUNK_BYTES]
    if pending:
        yield bytes(pending)
