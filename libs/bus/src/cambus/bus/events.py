"""Publishing events so that none is lost: first onto our disk, then into JetStream, then off our disk."""

import asyncio
import logging
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Self, TypeVar

from cambus.bus.connection import Bus
from cambus.bus.outbox import Letter, Outbox, OutboxFull
from cambus.client.errors import BusError, JetStreamError, PayloadTooLarge
from cambus.client.tasks import end
from cambus.client.trace import TRACEPARENT, span
from cambus.schemas import headers as header
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.events.base import Event
from cambus.schemas.spec import EventSpec

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)

BATCH = 256
MAX_FRESH = 4096
RETRY_FIRST_S, RETRY_MOST_S = 0.25, 5.0
FLUSH_S = 2.0
LOOK_S = 0.02
MESSAGE_TOO_LARGE = 10054  # JSStreamMessageExceedsMaximumErr of nats-server

SLOW = "JetStream does not take events in time"
WAITING = "events wait in the outbox"
FLOWS = "JetStream takes events again"

OnOverflow = Callable[[EventSpec[Event], Event], None]


class EventPublisher:
    """Publishes events through an outbox. Open it with `async with`; it opens the outbox itself.

    While NATS is away events collect on disk and go out, in order, when it is back; after a crash the next
    process on the same file sends them. An event may arrive twice after a fault, with the same id: JetStream
    drops the second within its duplicate window, consumers by the id.

    Args:
        bus: the connection.
        outbox: the queue on disk.
        on_overflow: told of an event that did not fit: the place to report an exception from. It must return
            at once and not publish from within.
    """

    def __init__(self, bus: Bus, outbox: Outbox, *, on_overflow: OnOverflow | None = None) -> None:
        self._bus = bus
        self._outbox = outbox
        self._on_overflow = on_overflow
        self._fresh: deque[Letter] = deque()
        self._on_disk_only = True  # until the disk was read to its end: a crash may have left some
        self._last_sent = 0
        self._at_once = BATCH
        self._wake = asyncio.Event()
        self._back = asyncio.Event()
        self._forget_reconnects: Callable[[], None] = lambda: None
        self._acked: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self._patient: set[asyncio.Future[None]] = set()
        self._stalled = False
        self._sender: asyncio.Task[None] | None = None
        self._taken_to = 0
        self._sent_to = 0
        metrics = bus.metrics
        self._published = metrics.counter("events_published_total", "Events stored", {"event": EVENTS})
        self._overflowed = metrics.counter("events_overflow_total", "Events that did not fit the outbox")
        self._failed = metrics.counter("events_publish_failures_total", "Publishes that will be repeated")
        self._rejected = metrics.counter("events_rejected_total", "Events JetStream will never take")
        self._waiting = metrics.gauge("outbox_events", "Events that wait in the outbox")()

    async def __aenter__(self) -> Self:
        self._outbox.on_stored = self._offer
        await self._outbox.open()
        self._waiting.set(self._outbox.rows)
        self._forget_reconnects = self._bus.on_reconnect(self._back.set)
        self._sender = asyncio.get_running_loop().create_task(self._send_for_ever())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._bus.connected:
            await self.flush(FLUSH_S)
        if self._sender is not None:
            await end(self._sender)
        self._forget_reconnects()
        for future in chain.from_iterable(self._acked.values()):
            future.cancel()
        await self._outbox.close()

    async def publish(
        self, spec: EventSpec[E], event: E, *, acked: bool = False, patience_s: float = 0.0
    ) -> None:
        """Take an event; returns once it would survive a power cut here.

        Args:
            spec: what happened.
            event: the event.
            acked: return only once JetStream has it, however long that takes.
            patience_s: how long to wait for that besides, if JetStream takes what it is given; while it does not,
                our disk has to do.

        Raises:
            OutboxFull: it does not fit; counted and reported. The event is not taken.
            OutboxFailed: the disk fails.
            PayloadTooLarge: it is larger than a message may be.
        """
        body = encode(event, MSGPACK, limit=1 << 30)
        if len(body) > self._bus.max_payload:
            raise PayloadTooLarge(f"{spec.name}: {len(body)} bytes; the server takes {self._bus.max_payload}")
        with span(spec.name, "producer", device=event.device):
            await self._take(spec, event, body, None if acked else patience_s)

    async def _take(self, spec: EventSpec[E], event: E, body: bytes, patience_s: float | None) -> None:
        headers = {header.MESSAGE_ID: event.id, header.CONTENT_TYPE: MSGPACK}
        trace = TRACEPARENT.get()
        if trace is not None:
            headers[header.TRACEPARENT] = trace
        letter = Letter(event.id, spec.subject(event.device), headers, body)
        if patience_s and not self._bus.connected:
            self._slow()
        if patience_s == 0.0 or (patience_s is not None and self._stalled):
            await self._put(spec, event, letter)
            return
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acked[letter.id].append(stored)
        try:
            await self._put(spec, event, letter)
            if patience_s is None:
                await stored
            else:
                await self._await(stored, patience_s)
        finally:
            stored.cancel()

    async def _await(self, stored: asyncio.Future[None], patience_s: float) -> None:
        """Wait until JetStream has a letter, it fails, or our patience does: then the next ones do not wait."""
        if self._stalled:
            return
        self._patient.add(stored)
        try:
            async with asyncio.timeout(patience_s):
                await stored
        except TimeoutError:
            self._slow()
        finally:
            self._patient.discard(stored)

    def _slow(self) -> None:
        """JetStream does not take events as fast as somebody waits for it, or is not there."""
        if not self._stalled:
            logger.warning(SLOW, extra={"count": self._outbox.rows})
        self._stall()

    def _stall(self) -> None:
        """JetStream takes nothing: until it does, nobody waits for it."""
        self._stalled = True
        for stored in self._patient:
            if not stored.done():
                stored.set_result(None)

    def _flow(self) -> None:
        """JetStream takes what it is given, again once it has what has waited on the disk."""
        if self._stalled and not self._on_disk_only:
            self._stalled = False
            logger.info(FLOWS, extra={"count": self._outbox.rows})

    async def _put(self, spec: EventSpec[E], event: E, letter: Letter) -> None:
        try:
            await self._outbox.put(letter)
        except OutboxFull:
            self._overflowed().inc()
            if self._on_overflow is not None:
                self._on_overflow(spec, event)  # type: ignore[arg-type]  # E is an Event, and it is only read
            raise
        self._waiting.set(self._outbox.rows)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until JetStream has everything; False if it has not after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._outbox.empty.wait()
        except TimeoutError:
            logger.warning("events wait in the outbox for the next start", extra={"count": self._outbox.rows})
            return False
        return True

    async def settled(self, timeout_s: float) -> bool:
        """Wait until JetStream has what was taken so far; False if it has not after `timeout_s` seconds.

        What somebody else publishes from then on comes after it.
        """
        mark = self._taken_to or sys.maxsize  # what the run before has left
        try:
            async with asyncio.timeout(timeout_s):
                while self._outbox.rows and self._sent_to < mark:  # noqa: ASYNC110 - either may come first
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False
        return True

    # --- sending ----------------------------------------------------------------------------------------

    def _offer(self, letter: Letter) -> None:
        """Hand a fresh letter to the sender, or leave it to be read from disk if too many wait."""
        self._taken_to = letter.seq
        if not self._on_disk_only and len(self._fresh) < MAX_FRESH:
            self._fresh.append(letter)
        else:
            self._on_disk_only = True
        self._wake.set()

    async def _send_for_ever(self) -> None:
        delay_s = RETRY_FIRST_S
        while True:
            self._back.clear()
            try:
                batch = await self._next_batch()
                await self._bus.wait_connected(RETRY_MOST_S)
                await self._send(batch)
            except BusError as error:
                self._stall()
                self._failed().inc()
                level = logging.WARNING if delay_s == RETRY_FIRST_S else logging.DEBUG
                facts = {"count": self._outbox.rows, "reason": str(error)}
                logger.log(level, WAITING, extra=facts)
                self._on_disk_only = True
                self._fresh.clear()
                self._at_once = 1  # a stream that comes back amid many would take the last of them first
                back = await self._pause(delay_s)
                delay_s = RETRY_FIRST_S if back else min(delay_s * 2, RETRY_MOST_S)
            except Exception:
                logger.exception("the event publisher failed and goes on")
                self._on_disk_only = True
                self._fresh.clear()
                await asyncio.sleep(RETRY_MOST_S)
            else:
                self._flow()
                delay_s = RETRY_FIRST_S
                self._at_once = BATCH

    async def _pause(self, delay_s: float) -> bool:
        """Wait before the next try, but not longer than NATS is away; whether it came back since the last try."""
        try:
            async with asyncio.timeout(delay_s):
                await self._back.wait()
        except TimeoutError:
            return False
        return True

    async def _next_batch(self) -> Sequence[Letter]:
        """The next letters in order: those in memory, or, if some are only on disk, those from there."""
        while True:
            self._wake.clear()
            if self._on_disk_only:
                self._fresh.clear()
                self._on_disk_only = False  # what is put from now on is in memory, and behind what is read
                batch = await self._outbox.read(self._last_sent, self._at_once)
                if len(batch) == self._at_once:
                    self._on_disk_only = True
                if batch:
                    return batch
            elif self._fresh:
                return [self._fresh.popleft() for _ in range(min(self._at_once, len(self._fresh)))]
            else:
                await self._wake.wait()

    async def _send(self, letters: Sequence[Letter]) -> None:
        """Publish and remove what was acknowledged; the first failure is raised after that."""
        outcomes = await asyncio.gather(
            *(self._send_one(letter) for letter in letters), return_exceptions=True
        )
        done: list[Letter] = []
        failure: BaseException | None = None
        for letter, outcome in zip(letters, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                failure = failure or outcome
            else:
                done.append(letter)
        self._outbox.discard(done)
        self._waiting.set(self._outbox.rows)
        for letter in done:
            for stored in self._acked.pop(letter.id, ()):
                if not stored.done():
                    stored.set_result(None)
        if failure is not None:
            self._last_sent = 0
            raise failure
        self._last_sent = self._sent_to = letters[-1].seq

    async def _send_one(self, letter: Letter) -> None:
        try:
            await self._bus.jetstream.publish(letter.subject, letter.body, headers=letter.headers)
        except (PayloadTooLarge, JetStreamError) as error:
            if isinstance(error, JetStreamError) and error.err_code != MESSAGE_TOO_LARGE:
                raise
            self._rejected().inc()
            logger.error("an event is too large and is dropped", extra={"event_id": letter.id})
        else:
            self._published(".".join(letter.subject.split(".")[4:])).inc()
