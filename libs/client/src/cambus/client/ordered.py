"""Reads a stream in order, without acknowledgements: for watches, listings, downloads and following.

Each reader has a consumer of its own that lives in the server's memory. A gap in its numbers, a reconnect or
a lost consumer ends the iteration with `ReaderInterrupted`: whoever reads knows best where to go on.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from nats.aio.msg import Msg

from cambus.client.connection import Connection
from cambus.client.errors import AssetNotFound, BusError, JetStreamError
from cambus.client.pull import PullEnd, Puller, delivered
from cambus.client.tasks import end

logger = logging.getLogger(__name__)

BATCH = 256
INACTIVE_S = 30
SILENT_S = 0.5
"""After how long without a message what is left is asked for."""
NO_HEADERS: dict[str, str] = {}

LAST_PER_SUBJECT: dict[str, Any] = {"deliver_policy": "last_per_subject"}
NEW: dict[str, Any] = {"deliver_policy": "new"}
ALL: dict[str, Any] = {"deliver_policy": "all"}


def from_sequence(seq: int) -> dict[str, Any]:
    """Start at this number of the stream, or the first that still exists after it."""
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": seq}


def from_instant(at: datetime) -> dict[str, Any]:
    """Start with what was stored at an instant (with a zone) or later."""
    return {"deliver_policy": "by_start_time", "opt_start_time": at.isoformat()}


class ReaderInterrupted(BusError):
    """The reader may have missed something and must be opened anew."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of a stream.

    Attributes:
        seq: its number in the stream; of a key-value bucket the revision.
        pending: how many messages come after it at present; 0: this is the last.
        timestamp_ns: when it was stored, Unix nanoseconds.
    """

    subject: str
    data: bytes
    headers: dict[str, str]
    seq: int
    pending: int
    timestamp_ns: int


class OrderedReader:
    """An asynchronous iterator over the messages of a stream, in order, from `start` on and without end.

    Args:
        bus: the connection.
        stream: the stream.
        subjects: which messages; none: all.
        start: `LAST_PER_SUBJECT`, `NEW`, `ALL` or `from_sequence(…)`.
        headers_only: leave out the bodies.
        batch: messages asked for at once; up to twice as many are held here unread.
        lifetime_s: be interrupted after so many seconds.
    """

    def __init__(
        self,
        bus: Connection,
        stream: str,
        subjects: Sequence[str] = (),
        *,
        start: dict[str, Any],
        headers_only: bool = False,
        batch: int = BATCH,
        lifetime_s: float | None = None,
    ) -> None:
        self._bus = bus
        self._batch = batch
        self._lifetime_s = lifetime_s
        self._lifetime: asyncio.TimerHandle | None = None
        self._stream = stream
        self._name = f"r{secrets.token_hex(8)}"
        self._config: dict[str, Any] = {
            "name": self._name,
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": INACTIVE_S * 10**9,
            "headers_only": headers_only,
            **start,
        }
        if len(subjects) == 1:
            self._config["filter_subject"] = subjects[0]
        elif subjects:
            self._config["filter_subjects"] = list(subjects)
        self._ready: deque[Stored] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._expected = 1
        self._broken: str | None = None
        self._puller = Puller(bus, stream, self._name, self._take)
        self._task: asyncio.Task[None] | None = None
        self.initial_pending = 0
        """Messages there were to read when it was opened."""
        self.starts_after = 0
        """The last message of the stream before the first that is read, once it was opened."""

    async def open(self) -> None:
        """Create the consumer and begin to read.

        Raises:
            AssetNotFound: no such stream.
            JetStreamError, BusUnavailable: refused, or no answer.
        """
        body = {"stream_name": self._stream, "config": self._config, "action": "create"}
        answer = await self._bus.jetstream.call(f"CONSUMER.CREATE.{self._stream}.{self._name}", body)
        self.initial_pending = int(answer.get("num_pending", 0))
        self.starts_after = int(answer.get("delivered", {}).get("stream_seq", 0))
        await self._puller.open()
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._pull())
        if self._lifetime_s is not None:
            self._lifetime = loop.call_later(self._lifetime_s, self._break, "its time is over")

    async def close(self) -> None:
        """End it; the server forgets the consumer."""
        if self._lifetime is not None:
            self._lifetime.cancel()
        if self._task is not None:
            await end(self._task)
        await self._puller.close()
        if self._bus.connected:
            try:
                await self._bus.jetstream.call(f"CONSUMER.DELETE.{self._stream}.{self._name}", timeout_s=1.0)
            except (BusError, JetStreamError) as error:
                logger.debug("a reader's consumer is left to expire", extra={"reason": str(error)})

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Stored:
        """Return the next message.

        Raises:
            ReaderInterrupted: open a new one.
        """
        while not self._ready:
            if self._broken is not None:
                raise ReaderInterrupted(self._broken)
            self._arrived.clear()
            await self._arrived.wait()
        stored = self._ready.popleft()
        if len(self._ready) <= self._batch:
            self._room.set()
        return stored

    async def present(self) -> list[Stored]:
        """Read what there was when it was opened; what is removed or expires meanwhile is not waited for.

        Raises:
            ReaderInterrupted: open a new one.
            BusError: NATS refuses or does not answer.
        """
        found: list[Stored] = []
        left = self.initial_pending
        while left:
            try:
                async with asyncio.timeout(SILENT_S):
                    found.append(await anext(self))
            except TimeoutError:
                left = await self._left()
            else:
                left = found[-1].pending
        return found

    async def _left(self) -> int:
        """How many messages there are to read, those included that have arrived."""
        try:
            info = await self._bus.jetstream.call(f"CONSUMER.INFO.{self._stream}.{self._name}")
        except AssetNotFound:
            raise ReaderInterrupted(f"reading {self._stream}: gone") from None
        return int(info["num_pending"]) + len(self._ready)

    async def _pull(self) -> None:
        """Keep one request open, and no more messages than one batch unread."""
        try:
            while self._broken is None:
                outcome = await self._puller.pull(self._batch)
                if outcome in (PullEnd.GONE, PullEnd.SILENT, PullEnd.RECONNECTED):
                    self._break(f"reading {self._stream}: {outcome.name.lower()}")
                await self._room.wait()
        except BusError as error:
            self._break(str(error))

    def _take(self, message: Msg) -> None:
        position = delivered(message.reply)
        if position.consumer_seq != self._expected:
            self._break(f"reading {self._stream}: a gap")
        if self._broken is not None:
            return
        self._expected += 1
        self._ready.append(
            Stored(
                message.subject,
                message.data,
                message.headers or NO_HEADERS,
                position.stream_seq,
                position.pending,
                position.timestamp_ns,
            )
        )
        self._arrived.set()
        if len(self._ready) > self._batch:
            self._room.clear()

    def _break(self, why: str) -> None:
        if self._broken is None:
            self._broken = why
        self._arrived.set()
        self._room.set()
