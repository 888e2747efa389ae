"""Key-value buckets with typed values.

Values are JSON, so that `nats kv get cambus-devices gate-1` shows what is there. Reads go to the stream's
leader: what was written is read, at once and by everyone. A watch starts with everything there is, then
follows; after a reconnect, a restart of the server or a lost message it reads everything again and reports
the difference, deletions included.
"""

import asyncio
import base64
import logging
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from cambus.client.connection import Connection
from cambus.client.errors import AssetNotFound, BusUnavailable, WrongRevision
from cambus.client.jetstream import EXPECTED_LAST_SUBJECT_SEQUENCE, MESSAGE_TTL
from cambus.client.ordered import LAST_PER_SUBJECT, OrderedReader, ReaderInterrupted, Stored
from cambus.schemas.codec import JSON, decode, encode
from cambus.schemas.errors import BadRequest, TooLarge
from cambus.schemas.model import Message

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

OPERATION = "KV-Operation"
MARKER_REASON = "Nats-Marker-Reason"
RETRY_S = 0.5
READ_ATTEMPTS = 3
_KEY = re.compile(r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Entry(Generic[M]):
    """A key's present value.

    Attributes:
        key: the key.
        value: its value.
        revision: rises with every write to the bucket; what `update` compares.
        written: when it was written, by the server's clock.
    """

    key: str
    value: M
    revision: int
    written: datetime


@dataclass(frozen=True, slots=True)
class RawEntry:
    """A key's last message as stored: a value, or the marker a deletion leaves."""

    data: bytes
    revision: int
    deleted: bool
    written: datetime


def check_key(key: str) -> str:
    """Return the key if it is one.

    Raises:
        ValueError: it is not (ADR-8): letters, digits, `- / _ =`, in tokens separated by dots.
    """
    if not _KEY.fullmatch(key) or len(key) > 255:
        raise ValueError("key: wanted tokens of A-Z a-z 0-9 - / _ = separated by dots")
    return key


class KeyValue(Generic[M]):
    """One bucket whose values are `model`.

    Args:
        bus: the connection.
        bucket: the bucket; it exists (`ensure_assets`).
        model: what its values are.
    """

    def __init__(self, bus: Connection, bucket: str, model: type[M]) -> None:
        self.bucket = bucket
        self.model = model
        self._bus = bus
        self._prefix = f"$KV.{bucket}."

    # --- one key ----------------------------------------------------------------------------------------

    async def get(self, key: str) -> Entry[M] | None:
        """Return the present value, None if there is none.

        Raises:
            BadRequest: what is stored is not what `model` wants.
            BusError: NATS refuses or does not answer.
        """
        raw = await read_raw(self._bus, self.bucket, key)
        if raw is None or raw.deleted:
            return None
        return Entry(key, decode(self.model, raw.data, JSON), raw.revision, raw.written)

    async def put(self, key: str, value: M, *, ttl_s: float | None = None) -> int:
        """Write, whatever was there; returns the revision. With `ttl_s` it vanishes after so many seconds.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        return await self._write(key, encode(value, JSON), ttl_header(ttl_s))

    async def create(self, key: str, value: M, *, ttl_s: float | None = None) -> int:
        """Write if the key has no value; returns the revision. `ttl_s` as in `put`.

        Raises:
            WrongRevision: it has one.
            BusError: NATS refuses or does not answer.
        """
        data = encode(value, JSON)
        try:
            return await self._write(key, data, ttl_header(ttl_s) | {EXPECTED_LAST_SUBJECT_SEQUENCE: "0"})
        except WrongRevision:
            raw = await read_raw(self._bus, self.bucket, key)
            if raw is not None and not raw.deleted:
                raise
            last = str(raw.revision if raw is not None else 0)
            return await self._write(key, data, ttl_header(ttl_s) | {EXPECTED_LAST_SUBJECT_SEQUENCE: last})

    async def update(self, key: str, value: M, revision: int, *, ttl_s: float | None = None) -> int:
        """Write if the key still has this revision; returns the new one. `ttl_s` as in `put`.

        Raises:
            WrongRevision: somebody else wrote in between.
            BusError: NATS refuses or does not answer.
        """
        headers = ttl_header(ttl_s) | {EXPECTED_LAST_SUBJECT_SEQUENCE: str(revision)}
        return await self._write(key, encode(value, JSON), headers)

    async def delete(self, key: str, revision: int | None = None) -> int:
        """Delete; with `revision` only if the key still has it. Returns the revision of what marks the deletion.

        An `update` with that revision creates the key anew, in one request less than `create`.

        Raises:
            WrongRevision: somebody else wrote in between.
            BusError: NATS refuses or does not answer.
        """
        headers = {OPERATION: "DEL"}
        if revision is not None:
            headers[EXPECTED_LAST_SUBJECT_SEQUENCE] = str(revision)
        return await self._write(key, b"", headers)

    async def _write(self, key: str, data: bytes, headers: dict[str, str]) -> int:
        ack = await self._bus.jetstream.publish(self._prefix + check_key(key), data, headers=headers or None)
        return ack.seq

    # --- many keys --------------------------------------------------------------------------------------

    async def items(self, keys: str = ">") -> dict[str, Entry[M]]:
        """Return the values of all keys, or of those a wildcard names (`shard.*`).

        Values that are not what `model` wants are logged and left out.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        entries = [self._entry(stored) for stored in await self._read_all(keys)]
        return {entry.key: entry for entry in entries if entry is not None}

    async def keys(self, keys: str = ">") -> list[str]:
        """Return all keys that have a value, sorted; or those a wildcard names. Raises BusError."""
        found = await self._read_all(keys, headers_only=True)
        return sorted({s.subject[len(self._prefix) :] for s in found if not is_deletion(s.headers)})

    async def _read_all(self, keys: str, *, headers_only: bool = False) -> list[Stored]:
        """The last message of every key, in the order they were written."""
        for attempt in range(READ_ATTEMPTS):
            try:
                async with self._reader(keys, headers_only=headers_only) as reader:
                    return await reader.present()
            except ReaderInterrupted:
                if attempt == READ_ATTEMPTS - 1:
                    raise
        raise AssertionError

    def watch(self, keys: str = ">", *, resync_s: float | None = None) -> "Watch[M]":
        """Follow all keys, or those a wildcard names.

        Args:
            keys: which.
            resync_s: also read everything again after so many seconds, to notice what expired: a time to
                live ends without a message.
        """
        return Watch(self, keys, resync_s)

    def _reader(
        self, keys: str, *, headers_only: bool = False, lifetime_s: float | None = None
    ) -> OrderedReader:
        return OrderedReader(
            self._bus,
            f"KV_{self.bucket}",
            [self._prefix + keys],
            start=LAST_PER_SUBJECT,
            headers_only=headers_only,
            lifetime_s=lifetime_s,
        )

    def _entry(self, stored: Stored) -> Entry[M] | None:
        """The entry in a message; None for a deletion, and for a value nobody can read."""
        if is_deletion(stored.headers):
            return None
        key = stored.subject[len(self._prefix) :]
        try:
            value = decode(self.model, stored.data, JSON)
        except (BadRequest, TooLarge) as error:
            logger.error(
                "unreadable value", extra={"bucket": self.bucket, "entry": key, "reason": error.text}
            )
            return None
        written = datetime.fromtimestamp(stored.timestamp_ns / 1e9, UTC)
        return Entry(key, value, stored.seq, written)

    async def follow(
        self, keys: str, resync_s: float | None, synced: asyncio.Event
    ) -> AsyncIterator[tuple[str, Entry[M] | None]]:
        """The changes behind a `Watch`: the difference between what is known and what is there, for ever."""
        known: dict[str, int] = {}
        while True:
            try:
                async with self._reader(keys, lifetime_s=resync_s) as reader:
                    async for change in self._changes(reader, known, synced):
                        yield change
            except ReaderInterrupted as error:
                logger.debug("watching anew", extra={"bucket": self.bucket, "reason": str(error)})
            except BusUnavailable as error:
                logger.warning("cannot watch", extra={"bucket": self.bucket, "reason": str(error)})
                await asyncio.sleep(RETRY_S)
            await self._wait_connected()

    async def _wait_connected(self) -> None:
        while not self._bus.connected:
            try:
                await self._bus.wait_connected(60.0)
            except BusUnavailable:
                continue

    async def _changes(
        self, reader: OrderedReader, known: dict[str, int], synced: asyncio.Event
    ) -> AsyncIterator[tuple[str, Entry[M] | None]]:
        present: set[str] | None = set()
        if reader.initial_pending == 0:
            for key in _forget(known, keep=present or set()):
                yield key, None
            present = None
            synced.set()
        async for stored in reader:
            key = stored.subject[len(self._prefix) :]
            if is_deletion(stored.headers):
                if known.pop(key, None) is not None:
                    yield key, None
            elif known.get(key) != stored.seq:
                entry = self._entry(stored)
                if entry is not None:
                    known[key] = stored.seq
                    yield key, entry
            if present is not None:
                present.add(key)
                if stored.pending == 0:
                    for gone in _forget(known, keep=present):
                        yield gone, None
                    present = None
                    synced.set()


class Watch(Generic[M]):
    """The changes of a bucket: `async for key, entry in watch`, entry None for a deletion.

    Begins with every key that has a value. Each change is reported once, the latest value of a key always;
    values in between may be left out.

    Attributes:
        synced: set once everything that was there at the start has been handed over.
    """

    def __init__(self, bucket: KeyValue[M], keys: str, resync_s: float | None) -> None:
        self.synced = asyncio.Event()
        self._changes = bucket.follow(keys, resync_s, self.synced)

    def __aiter__(self) -> AsyncIterator[tuple[str, Entry[M] | None]]:
        return self._changes


def _forget(known: dict[str, int], keep: set[str]) -> list[str]:
    """Drop from `known` what is not in `keep`; returns what was dropped."""
    gone = [key for key in known if key not in keep]
    for key in gone:
        del known[key]
    return gone


def ttl_header(ttl_s: float | None) -> dict[str, str]:
    """The header for a time to live, rounded up to whole seconds; the bucket must allow it."""
    return {} if ttl_s is None else {MESSAGE_TTL: str(max(1, math.ceil(ttl_s)))}


def is_deletion(headers: dict[str, str]) -> bool:
    """Whether a message of a bucket marks a deletion, by a client or by the server at the end of a TTL."""
    return headers.get(OPERATION) in ("DEL", "PURGE") or MARKER_REASON in headers


async def read_raw(bus: Connection, bucket: str, key: str) -> RawEntry | None:
    """Return a key's last message from the leader, None if there is none.

    Raises:
        BusError: NATS refuses or does not answer.
    """
    try:
        answer = await bus.jetstream.call(
            f"STREAM.MSG.GET.KV_{bucket}", {"last_by_subj": f"$KV.{bucket}.{check_key(key)}"}
        )
    except AssetNotFound as error:
        if error.err_code == _NO_MESSAGE:
            return None
        raise
    message: dict[str, Any] = answer["message"]
    headers = base64.b64decode(message.get("hdrs", "")).decode("utf-8", "replace")
    fields = dict(line.partition(":")[::2] for line in headers.split("\r\n")[1:] if ":" in line)
    return RawEntry(
        base64.b64decode(message.get("data", "")),
        int(message["seq"]),
        is_deletion({name: value.strip() for name, value in fields.items()}),
        _instant(message["time"]),
    )


_NO_MESSAGE = 10037  # JSNoMessageFoundErr of nats-server


def _instant(text: str) -> datetime:
    """An instant as Go writes it; decimals beyond microseconds are cut."""
    return datetime.fromisoformat(text).astimezone(UTC)
