"""Publishing events so that none is lost: first onto our disk, then into JetStream, then off our disk."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Self, TypeVar

from cambus.bus.connection import Bus
from cambus.bus.outbox import HeldBack, Letter, Outbox, OutboxFull
from cambus.client.errors import BusError, JetStreamError, PayloadTooLarge
from cambus.client.tasks import end
from cambus.client.trace import TRACEPARENT, span
from cambus.schemas import headers as header
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.events.base import Event
from cambus.schemas.spec import EventSpec
from cambus.schemas.subjects import parse_event

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

    Events of a device can be held back: they are kept on disk, and others pass them, until the device is let go.
    That outlives the process: who opens the outbox is to let go of all in `held_back` some time.

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
        # Places in the outbox, 0 for none: up to where, those held back aside,
        self._taken_to = 0  # events were taken
        self._kept_to = 0  # somebody was told that they are safe though only our disk had them
        self._sent_to = 0  # they are in JetStream
        self._read_to = 0  # they will be once the present batch is
        self._stored_to = 0  # and the last of all, those held back included
        self._held_back: dict[str, HeldBack] = {}
        self._from_start = False  # whether some that were passed by are to be read now
        metrics = bus.metrics
        self._published = metrics.counter("events_published_total", "Events stored", {"event": EVENTS})
        self._overflowed = metrics.counter("events_overflow_total", "Events that did not fit the outbox")
        self._failed = metrics.counter("events_publish_failures_total", "Publishes that will be repeated")
        self._rejected = metrics.counter("events_rejected_total", "Events JetStream will never take")
        waiting = metrics.gauge("outbox_events", "Events that wait in the outbox")
        waiting().set_function(lambda: outbox.rows)
        held_back = metrics.gauge(
            "outbox_held_back_events", "Those of them that wait for older ones of another replica"
        )
        held_back().set_function(lambda: sum(each.letters for each in self._held_back.values()))

    async def __aenter__(self) -> Self:
        self._outbox.on_stored = self._offer
        await self._outbox.open()
        self._taken_to = self._kept_to = self._outbox.found_free
        self._stored_to = self._outbox.found
        for subject, held_back in self._outbox.found_held_back.items():
            self._count_held_back(parse_event(subject).device, held_back)
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

    # --- whose turn it is -------------------------------------------------------------------------------

    @property
    def held_back(self) -> dict[str, HeldBack]:
        """The devices whose events are held back, since when, and how many events that are."""
        return dict(self._held_back)

    @property
    def waiting(self) -> bool:
        """Whether events wait here of which somebody may have been told that they are safe; but those held back."""
        return self._unsent(self._kept_to)

    def hold_back(self, device: str, since: int) -> None:
        """Keep the events of a device that are published in turn from now on, until it is let go.

        Args:
            device: which.
            since: a number that tells this from an earlier or later time it was held back; above 0.
        """
        self._count_held_back(device, HeldBack(0, since))

    def let_go(self, device: str) -> None:
        """Send what was held back of a device, and what comes from now on behind it."""
        if self._held_back.pop(device, None) is not None:
            self._taken_to = self._kept_to = self._stored_to
            self._on_disk_only = self._from_start = True
            self._wake.set()

    def _count_held_back(self, device: str, more: HeldBack) -> None:
        known = self._held_back.get(device, HeldBack(0, more.since))
        self._held_back[device] = HeldBack(known.letters + more.letters, min(known.since, more.since))

    def _unsent(self, mark: int) -> bool:
        """Whether some of the letters up to a place are not in JetStream."""
        return self._outbox.rows > 0 and (self._from_start or self._sent_to < mark)

    def _may_go(self, letter: Letter) -> bool:
        return not letter.held_back or parse_event(letter.subject).device not in self._held_back

    # --- taking -----------------------------------------------------------------------------------------

    async def publish(
        self,
        spec: EventSpec[E],
        event: E,
        *,
        acked: bool = False,
        patience_s: float = 0.0,
        in_turn: bool = False,
    ) -> None:
        """Take an event; returns once it would survive a power cut here.

        Args:
            spec: what happened.
            event: the event.
            acked: return only once JetStream has it, however long that takes.
            patience_s: how long to wait for that besides, if JetStream takes what it is given; while it does not,
                our disk has to do.
            in_turn: whether it waits on our disk while its device is held back.

        Raises:
            OutboxFull: it does not fit; counted and reported. The event is not taken.
            OutboxFailed: the disk fails.
            PayloadTooLarge: it is larger than a message may be.
        """
        body = encode(event, MSGPACK, limit=1 << 30)
        if len(body) > self._bus.max_payload:
            raise PayloadTooLarge(f"{spec.name}: {len(body)} bytes; the server takes {self._bus.max_payload}")
        held_back = self._held_back[event.device].since if in_turn and event.device in self._held_back else 0
        with span(spec.name, "producer", device=event.device):
            letter = self._letter(spec, event, body, held_back=held_back)
            await self._take(spec, event, letter, None if acked else patience_s)

    def _letter(self, spec: EventSpec[E], event: E, body: bytes, *, held_back: int) -> Letter:
        headers = {header.MESSAGE_ID: event.id, header.CONTENT_TYPE: MSGPACK}
        trace = TRACEPARENT.get()
        if trace is not None:
            headers[header.TRACEPARENT] = trace
        return Letter(event.id, spec.subject(event.device), headers, body, held_back=held_back)

    async def _take(self, spec: EventSpec[E], event: E, letter: Letter, patience_s: float | None) -> None:
        if letter.held_back:
            self._count_held_back(event.device, HeldBack(1, letter.held_back))
        if patience_s and not self._bus.connected:
            self._slow()
        if patience_s is not None and (patience_s == 0.0 or self._stalled or letter.held_back):
            seq = await self._put(spec, event, letter)
            if patience_s and not letter.held_back:
                self._kept_to = max(self._kept_to, seq)
            return
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acked[letter.id].append(stored)
        try:
            seq = await self._put(spec, event, letter)
            if patience_s is None:
                await stored
            else:
                await self._await(stored, patience_s)
                if self._stalled:
                    self._kept_to = max(self._kept_to, seq)
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

    async def _put(self, spec: EventSpec[E], event: E, letter: Letter) -> int:
        try:
            seq = await self._outbox.put(letter)
        except OutboxFull:
            self._overflowed().inc()
            if self._on_overflow is not None:
                self._on_overflow(spec, event)  # type: ignore[arg-type]  # E is an Event, and it is only read
            raise
        return seq

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
        mark = self._taken_to
        try:
            async with asyncio.timeout(timeout_s):
                while self._unsent(mark):  # noqa: ASYNC110 - either may come first
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False
        return True

    # --- sending ----------------------------------------------------------------------------------------

    def _offer(self, letter: Letter) -> None:
        """Hand a fresh letter to the sender, or leave it to be read from disk if too many wait."""
        self._stored_to = max(self._stored_to, letter.seq)
        if not letter.held_back:
            self._taken_to = max(self._taken_to, letter.seq)
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
                self._start_over()
                self._at_once = 1  # a stream that comes back amid many would take the last of them first
                back = await self._pause(delay_s)
                delay_s = RETRY_FIRST_S if back else min(delay_s * 2, RETRY_MOST_S)
            except Exception:
                logger.exception("the event publisher failed and goes on")
                self._start_over()
                await asyncio.sleep(RETRY_MOST_S)
            else:
                self._flow()
                delay_s = RETRY_FIRST_S
                self._at_once = BATCH

    def _start_over(self) -> None:
        """What was to be sent is read from the disk again; what has been is not there."""
        self._on_disk_only = True
        self._fresh.clear()
        self._last_sent = self._read_to = 0

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
                if self._from_start:
                    self._last_sent = self._sent_to = self._read_to = 0
                    self._from_start = False
                stored_to = self._stored_to
                batch = await self._outbox.read(self._last_sent, self._at_once)
                if len(batch) == self._at_once:
                    self._on_disk_only = True
                else:
                    self._read_to = stored_to  # with this batch all of it is sent, but for what is held back
            elif self._fresh:
                batch = [self._fresh.popleft() for _ in range(min(self._at_once, len(self._fresh)))]
            else:
                await self._wake.wait()
                continue
            if going := [letter for letter in batch if self._may_go(letter)]:
                return going
            if batch:
                self._last_sent = batch[-1].seq
            self._sent_to = max(self._sent_to, self._read_to)

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
        for letter in done:
            for stored in self._acked.pop(letter.id, ()):
                if not stored.done():
                    stored.set_result(None)
        if failure is not None:
            raise failure
        self._last_sent = letters[-1].seq
        self._sent_to = max(self._sent_to, self._last_sent, self._read_to)

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
