"""A durable consumer of events: every event is handled, or is kept as a dead letter, and none is lost.

Within one replica the events of one device are handled one after the other, in order; those of different
devices in parallel, up to a bound. A handler that fails is tried again in its place with back-off, so that a
device's later events do not overtake; while it waits its message is kept alive. After `max_deliver` tries
over all processes, or at once if it cannot be read at all, the message goes to the dead-letter stream, and
only when that has it is it ended here. Handlers see an event again after a crash: they are to be idempotent
by event id.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nats.aio.msg import Msg

from cambus.client.connection import Connection
from cambus.client.errors import AssetNotFound, BusError, BusUnavailable
from cambus.client.pull import Delivered, PullEnd, Puller, delivered
from cambus.client.received import ReceivedEvent, read_event
from cambus.client.tasks import TaskSet, end
from cambus.client.trace import TRACEPARENT, span, valid_traceparent
from cambus.schemas import assets, subjects
from cambus.schemas import headers as header
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.errors import CambusError, TooLarge
from cambus.schemas.state.dead_letters import DeadLetter

logger = logging.getLogger(__name__)

EventHandler = Callable[[ReceivedEvent], Awaitable[None]]

MAX_DELIVER = 5
BACKOFF_S = (1.0, 5.0, 15.0, 60.0)
ACK_WAIT_S = 30.0
MAX_IN_FLIGHT = 256
EMPTY_PULLS = 3
RETRY_S = 0.5
FINISH_S = 10.0
NAK_DELAY_S = 5.0
HEADERS_BYTES = 1024
"""Room for the headers of a dead letter: the server counts them too."""

ACK, NAK, WORKING, TERM = b"+ACK", b"-NAK", b"+WPI", b"+TERM"


class DeadLetterError(Exception):
    """Raised by a handler: never try this event again, keep it as a dead letter with this text."""


class TryLater(Exception):
    """Raised by a handler: give the event back to NATS, for it or another replica to have again after a while.

    The events behind it do not wait for it. It counts as one of the event's tries.

    Attributes:
        delay_s: how long NATS keeps it, in seconds.
    """

    def __init__(self, text: str, *, delay_s: float) -> None:
        super().__init__(text)
        self.delay_s = delay_s


@dataclass(slots=True)
class _InFlight:
    """A message that was delivered and is not ended yet."""

    message: Msg
    position: Delivered
    key: str


class EventConsumer:
    """Handles events under a durable name; all replicas with that name share the work.

    Args:
        bus: the connection.
        durable: the name, that of the service as a rule.
        wanted: which events, as subjects or wildcards.
        handler: `async (received) -> None`; returning means done. Raising means try again.
        max_deliver: tries before an event becomes a dead letter.
        backoff: seconds between tries; the last counts for all further ones.
        max_in_flight: events handled or waiting at any time.
        max_unfinished: events that all replicas together have taken, or given back for later, and not ended;
            beyond that NATS gives out no more. Some times `max_in_flight` when None.
        ack_sync: wait until NATS has the acknowledgement, for handlers whose effect must not be repeated.
        ack_wait_s: how long NATS waits for a sign of life before it hands an event to another replica.
        stream: where the events are.
        key: what has to stay in order; the device when None.
        deliver: where a new durable begins: `all` or `new`.
    """

    def __init__(
        self,
        bus: Connection,
        durable: str,
        wanted: Sequence[str],
        handler: EventHandler,
        *,
        max_deliver: int = MAX_DELIVER,
        backoff: Sequence[float] = BACKOFF_S,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_unfinished: int | None = None,
        ack_sync: bool = False,
        ack_wait_s: float = ACK_WAIT_S,
        stream: str = assets.STREAM_EVENTS,
        key: Callable[[str], str] | None = None,
        deliver: str = "all",
    ) -> None:
        self._bus = bus
        self._durable = durable
        self._wanted = list(wanted)
        self._handler = handler
        self._max_deliver = max_deliver
        self._backoff = tuple(backoff) or (0.0,)
        self._max_in_flight = max_in_flight
        self._max_unfinished = max_unfinished or max(1000, max_in_flight * 4)
        self._ack_sync = ack_sync
        self._ack_wait_s = ack_wait_s
        self._stream = stream
        self._key = key or device_of
        self._deliver = deliver
        self._puller = Puller(bus, stream, durable, self._take)
        self._lanes: dict[str, deque[_InFlight]] = {}
        self._in_flight: dict[int, _InFlight] = {}
        self._tasks = TaskSet(max_in_flight * 2)
        self._room = asyncio.Event()
        self._stopping = asyncio.Event()
        self._handing_back = asyncio.Event()
        self._watch = bus.watch.consumer()

    # --- life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Consume until `stop()` or cancellation; outages of NATS are waited out.

        Raises:
            JetStreamError: NATS refuses the consumer: no such stream, not allowed.
        """
        keeping = asyncio.get_running_loop().create_task(self._keep_alive())
        try:
            await self._open()
            empty = 0
            while not self._stopping.is_set():
                empty = await self._pull_once(empty)
        finally:
            await self._puller.close()
            await self._finish()
            await end(keeping)

    def stop(self) -> None:
        """Take no more; `run()` returns when what was taken is handled. What fails then goes to others."""
        self._stopping.set()
        self._room.set()

    async def allow(self, max_unfinished: int) -> None:
        """Have NATS give out more, or fewer, from now on; returns once it knows.

        Raises:
            JetStreamError: NATS refuses.
        """
        self._max_unfinished = max_unfinished
        while True:
            try:
                await self._create()
            except BusUnavailable:
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _open(self) -> None:
        while True:
            try:
                await self._bus.wait_connected(60.0)
                await self._create()
                await self._puller.open()
            except BusUnavailable as error:
                logger.warning("cannot consume yet", extra={"consumer": self._durable, "reason": str(error)})
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _create(self) -> None:
        """Create the durable, or bring it up to date."""
        config: dict[str, Any] = {
            "durable_name": self._durable,
            "name": self._durable,
            "ack_policy": "explicit",
            "ack_wait": int(self._ack_wait_s * 1e9),
            "max_deliver": -1,  # we count: beyond the server's own bound a message would just stay behind
            "max_ack_pending": self._max_unfinished,
            "filter_subjects": self._wanted,
            "deliver_policy": self._deliver,
        }
        body = {"stream_name": self._stream, "config": config}
        await self._bus.jetstream.call(f"CONSUMER.CREATE.{self._stream}.{self._durable}", body)

    async def _pull_once(self, empty: int) -> int:
        """Pull one batch; returns how many pulls in a row brought nothing."""
        room = self._max_in_flight - len(self._in_flight)
        if room <= 0:
            self._room.clear()
            await self._room.wait()
            return empty
        before = self._puller.received
        pulling = asyncio.ensure_future(self._puller.pull(room))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({pulling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not pulling.done():
                return 0
            outcome = pulling.result()
        except BusError:
            outcome = PullEnd.SILENT
        finally:
            await end(pulling, stopping)
        if outcome is PullEnd.GONE:
            await asyncio.sleep(RETRY_S)
            await self._reopen()
            return 0
        if outcome is PullEnd.SILENT:
            await self._wait_connected()
        empty = 0 if self._puller.received > before else empty + 1
        if empty >= EMPTY_PULLS:
            await self._check_deaf()
            return 0
        return empty

    async def _reopen(self) -> None:
        await self._puller.close()
        await self._open()

    async def _wait_connected(self) -> None:
        try:
            await self._bus.wait_connected(60.0)
        except BusUnavailable:
            logger.debug("still no NATS", extra={"consumer": self._durable})

    async def _check_deaf(self) -> None:
        """Nothing came for a while: if there is something to come, subscribe anew."""
        try:
            info = await self._bus.jetstream.call(f"CONSUMER.INFO.{self._stream}.{self._durable}")
        except AssetNotFound:
            await self._reopen()
            return
        except BusUnavailable:
            return
        pending = int(info.get("num_pending", 0))
        self._watch.lag(pending)
        if pending:
            self._watch.recreated()
            logger.warning("subscribing anew", extra={"consumer": self._durable, "pending": pending})
            await self._reopen()

    async def _finish(self) -> None:
        """Let the lanes end; what they have not ended in time they hand back."""
        self._handing_back.set()  # only now: handed back before, they would come to us again
        await self._tasks.wait(FINISH_S)
        self._tasks.cancel()
        await self._tasks.wait(1.0)

    async def _keep_alive(self) -> None:
        """Tell NATS regularly that what is in flight is being worked on."""
        while True:
            await asyncio.sleep(self._ack_wait_s / 3)
            for item in list(self._in_flight.values()):
                try:
                    await self._bus.publish(item.message.reply, WORKING)
                except BusError:
                    break

    # --- one message ------------------------------------------------------------------------------------

    def _take(self, message: Msg) -> None:
        position = delivered(message.reply)
        self._watch.lag(position.pending)
        known = self._in_flight.get(position.stream_seq)
        if known is not None:  # our signs of life did not get through; the latest delivery is to be answered
            known.message = message
            return
        item = _InFlight(message, position, self._key(message.subject))
        self._in_flight[position.stream_seq] = item
        lane = self._lanes.get(item.key)
        if lane is not None:
            lane.append(item)
            return
        self._lanes[item.key] = deque([item])
        self._tasks.spawn(self._run_lane(item.key))

    async def _run_lane(self, key: str) -> None:
        """Handle the messages of one key in order, until there are none."""
        lane = self._lanes[key]
        try:
            while lane:
                if not await self._handle_safely(lane[0]):
                    break
                self._end(lane.popleft())
        finally:
            del self._lanes[key]
            while lane:
                item = lane.popleft()
                self._end(item)
                await self._hand_back(item)

    def _end(self, item: _InFlight) -> None:
        self._in_flight.pop(item.position.stream_seq, None)
        self._room.set()

    async def _hand_back(self, item: _InFlight) -> None:
        try:
            await self._answer(item, NAK)
        except BusError as error:
            facts = {"consumer": self._durable, "seq": item.position.stream_seq, "reason": str(error)}
            logger.debug("an event comes again after its wait", extra=facts)

    async def _handle_safely(self, item: _InFlight) -> bool:
        """Handle one message; False if it, and all behind it, are to be handed back."""
        try:
            wanted_by = (item.message.headers or {}).get(header.RETRY_FOR)
            if wanted_by is None or wanted_by == self._durable:
                return await self._handle(item)
            await self._answer(item, ACK)  # we have had it; another consumer is to try again
            return True
        except BusError as error:
            facts = {"consumer": self._durable, "seq": item.position.stream_seq, "reason": str(error)}
            logger.warning("an event comes again", extra=facts)
            return True

    async def _handle(self, item: _InFlight) -> bool:
        """Handle one message to its end, done or dead; False if it is to be handed back."""
        received = await self._read(item)
        if received is None:
            return True
        TRACEPARENT.set(valid_traceparent(received.headers.get(header.TRACEPARENT)))
        tries = received.attempts
        while True:
            try:
                with span(received.name, "consumer", device=received.device, consumer=self._durable):
                    await self._handler(received)
            except DeadLetterError as error:
                await self._bury(item, tries, "refused", str(error))
                return True
            except TryLater as later:
                await self._answer(item, _nak(later.delay_s))
                self._watch.outcome("retried")
                return True
            except Exception as error:  # noqa: BLE001 - whatever a handler fails with is tried again
                if tries >= self._max_deliver:
                    text = error.text if isinstance(error, CambusError) else type(error).__name__
                    await self._bury(item, tries, "failed", text)
                    return True
                if not await self._wait_for_retry(item, tries, error):
                    return False
                tries += 1
            else:
                await self._answer(item, ACK, confirmed=self._ack_sync)
                self._watch.outcome("handled")
                return True

    async def _read(self, item: _InFlight) -> ReceivedEvent | None:
        """Read a message; None if nobody can, or nobody survives it, and it is a dead letter now."""
        message, position = item.message, item.position
        tries = position.attempts
        if tries > self._max_deliver:
            await self._bury(item, tries - 1, "exhausted", "no earlier try came to an end")
            return None
        try:
            return read_event(
                message.subject,
                message.data,
                message.headers or {},
                seq=position.stream_seq,
                attempts=tries,
                timestamp_ns=position.timestamp_ns,
            )
        except (CambusError, ValueError) as error:
            await self._bury(item, tries, "unreadable", str(error))
            return None

    async def _wait_for_retry(self, item: _InFlight, tries: int, error: Exception) -> bool:
        """Wait for the next try in place; False if we stop meanwhile and another replica will try."""
        self._watch.outcome("retried")
        delay_s = self._backoff[min(tries, len(self._backoff)) - 1]
        facts = {
            "consumer": self._durable,
            "seq": item.position.stream_seq,
            "attempt": tries,
            "retry_in_s": delay_s,
        }
        logger.warning("an event handler failed", exc_info=error, extra=facts)
        try:
            async with asyncio.timeout(delay_s):
                await self._handing_back.wait()
        except TimeoutError:
            return True
        return False

    async def _bury(self, item: _InFlight, tries: int, reason: str, text: str) -> None:
        """Keep a message as a dead letter, and only then end it."""
        message, position = item.message, item.position
        letter = DeadLetter(
            consumer=self._durable,
            subject=message.subject,
            sequence=position.stream_seq,
            deliveries=max(1, tries),
            reason=reason,
            text=text[:1000],
            at=datetime.now(UTC),
            headers=dict(message.headers or {}),
            body=message.data,
        )
        headers = {
            header.MESSAGE_ID: f"{self._durable}:{position.stream_seq}",
            header.CONTENT_TYPE: MSGPACK,
        }
        subject = subjects.dead_letter_subject(self._durable)
        try:
            body = _fitting(letter, self._bus.max_payload - HEADERS_BYTES)
            await self._bus.jetstream.publish(subject, body, headers=headers)
        except (BusError, CambusError) as error:
            facts = {"consumer": self._durable, "seq": position.stream_seq, "reason": str(error)}
            logger.error("a dead letter could not be kept; the event comes again", extra=facts)
            await self._answer(item, _nak(NAK_DELAY_S))
            return
        await self._answer(item, TERM)
        self._watch.outcome("dead")
        facts = {"consumer": self._durable, "seq": position.stream_seq, "reason": reason, "text": text[:200]}
        logger.error("gave up an event", extra=facts)

    async def _answer(self, item: _InFlight, what: bytes, *, confirmed: bool = False) -> None:
        reply = item.message.reply
        if confirmed:
            await self._bus.request(reply, what)
        else:
            await self._bus.publish(reply, what)


def _nak(delay_s: float) -> bytes:
    """Give a message back; NATS keeps it for so many seconds."""
    return NAK + b' {"delay": %d}' % int(delay_s * 1e9)


def device_of(subject: str) -> str:
    """The device in the subject of an event: the default for what has to stay in order."""
    tokens = subject.split(".")
    return tokens[3] if len(tokens) > 3 else subject


def _fitting(letter: DeadLetter, limit: int) -> bytes:
    """Encode a letter; without its body where that fills a message by itself, or it could never be kept."""
    try:
        return encode(letter, limit=limit)
    except TooLarge:
        text = (
            f"{letter.text[:900]} ({len(letter.body)} bytes, too large for a letter: kept in the stream only)"
        )
        return encode(letter.model_copy(update={"body": b"", "headers": {}, "text": text}), limit=limit)
