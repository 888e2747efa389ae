"""Pull requests on a JetStream consumer, one at a time, that never hang.

A request may die with the server it was sent to, and neither its expiry nor its heartbeat is then answered.
So each lives at most five seconds, a reconnect ends it at once, and silence beyond its expiry does too.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from nats.aio.msg import Msg

from cambus.client.connection import Connection
from cambus.client.delivery import Subscription
from cambus.client.jetstream import API
from cambus.client.requests import STATUS

logger = logging.getLogger(__name__)

EXPIRES_S = 5.0
SILENCE_S = 1.0

NO_MESSAGES, TIMED_OUT, CONFLICT, NO_RESPONDERS, CONTROL = "404", "408", "409", "503", "100"
_GONE = ("consumer deleted", "consumer is push based", "stream deleted")


class PullEnd(Enum):
    """Why a pull request ended."""

    FULL = auto()
    """As many messages as asked for."""
    EXPIRED = auto()
    """Its time was over, or the server ended it for a reason that passes."""
    GONE = auto()
    """There is no such consumer (any more)."""
    SILENT = auto()
    """No answer: the server, or the way to it, is not well."""
    RECONNECTED = auto()
    """The connection was replaced; the request is forgotten."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a message stands, from its acknowledgement subject.

    Attributes:
        stream_seq: its number in the stream.
        consumer_seq: its number among those delivered by the consumer.
        attempts: how often it was delivered, this time included.
        pending: messages of the consumer that come after it.
        timestamp_ns: when it was stored, Unix nanoseconds.
    """

    stream_seq: int
    consumer_seq: int
    attempts: int
    pending: int
    timestamp_ns: int


def delivered(reply: str) -> Delivered:
    """Read an acknowledgement subject (ADR-15): 9 tokens, or 11 and more with a domain and an account.

    Raises:
        ValueError: it is none.
    """
    tokens = reply.split(".")
    if len(tokens) < 9 or tokens[:2] != ["$JS", "ACK"]:
        raise ValueError("no acknowledgement subject of JetStream")
    offset = 0 if len(tokens) == 9 else 2
    attempts, stream_seq, consumer_seq, timestamp, pending = tokens[4 + offset : 9 + offset]
    return Delivered(int(stream_seq), int(consumer_seq), int(attempts), int(pending), int(timestamp))


class Puller:
    """Pulls the messages of one consumer into a function.

    Args:
        bus: the connection.
        stream: the stream.
        consumer: the consumer.
        deliver: called with every message, in the read loop.
    """

    def __init__(self, bus: Connection, stream: str, consumer: str, deliver: Callable[[Msg], None]) -> None:
        self._bus = bus
        self._subject = f"{API}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._deliver = deliver
        self.received = 0
        """Messages received so far."""
        self._inbox = ""
        self._number = 0
        self._subscription: Subscription | None = None
        self._remaining = 0
        self._end: asyncio.Future[PullEnd] | None = None
        self._forget: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Subscribe to a fresh inbox; again after `close()`, to replace one that went deaf."""
        self._inbox = self._bus.nc.new_inbox()
        self._subscription = await self._bus.subscribe(f"{self._inbox}.*", self._take)
        self._forget = self._bus.on_reconnect(lambda: self._finish(PullEnd.RECONNECTED))

    async def close(self) -> None:
        """End the subscription; what the server has sent by then is still handed over."""
        self._forget()
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.drain()

    async def pull(self, batch: int) -> PullEnd:
        """Ask for up to `batch` messages and wait until they were delivered or the request has ended.

        Raises:
            BusError: it cannot be sent.
        """
        loop = asyncio.get_running_loop()
        self._end = loop.create_future()
        self._remaining = batch
        self._number += 1
        body: dict[str, Any] = {"batch": batch, "expires": int(EXPIRES_S * 1e9)}
        silence = loop.call_later(EXPIRES_S + SILENCE_S, self._finish, PullEnd.SILENT)
        try:
            await self._bus.publish(
                self._subject, json.dumps(body).encode(), reply=f"{self._inbox}.{self._number}"
            )
            return await self._end
        finally:
            silence.cancel()
            self._end = None

    def _finish(self, why: PullEnd) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(why)

    def _take(self, message: Msg) -> None:
        headers = message.headers
        status = headers.get(STATUS) if headers and not message.data else None
        if status is None or message.reply.startswith("$JS.ACK."):
            self.received += 1
            self._remaining -= 1
            self._deliver(message)
            if self._remaining <= 0:
                self._finish(PullEnd.FULL)
        elif message.subject.rpartition(".")[2] == str(self._number) and status != CONTROL:
            self._finish(_end_of(status, (headers or {}).get("Description", "")))


def _end_of(status: str, description: str) -> PullEnd:
    if status == NO_RESPONDERS:
        return PullEnd.GONE
    if status == CONFLICT and description.lower().startswith(_GONE):
        return PullEnd.GONE
    if status not in (NO_MESSAGES, TIMED_OUT, CONFLICT):
        logger.warning("a pull request was refused", extra={"status": status, "reason": description})
    return PullEnd.EXPIRED
