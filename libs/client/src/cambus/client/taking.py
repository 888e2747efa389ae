"""Events out of a durable consumer, one at a time: each is done with when the next is asked for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal

from cambus.client.connection import Connection
from cambus.client.consumer import EventConsumer, TryLater
from cambus.client.received import ReceivedEvent
from cambus.client.tasks import end

_AT_ONCE: Final = 1
"""What lies here unseen when a program ends would count as tried."""


async def take(
    connection: Connection,
    durable: str,
    wanted: Sequence[str],
    *,
    deliver: Literal["all", "new"] = "new",
    ack_wait_s: float = 30.0,
) -> AsyncIterator[ReceivedEvent]:
    """Yield events that this durable name has not done with, in order, without end.

    An event is acknowledged when the next is asked for. When the iteration ends before - by `break`, an exception, the
    end of the program - it comes again, as what came behind it. Programs with the same name share the events. One
    that nobody gets done with in five tries becomes a dead letter.

    Close the iterator (`contextlib.aclosing`) to give back at once what was not done.

    Args:
        connection: the connection.
        durable: the name; NATS remembers under it what is done.
        wanted: which events, as subjects or wildcards.
        deliver: where a new name begins: with `all` that is kept, or with what is `new`.
        ack_wait_s: after so many seconds without a sign of life somebody else gets the event.

    Raises:
        JetStreamError: NATS refuses the consumer.
    """
    offered: asyncio.Queue[tuple[ReceivedEvent, asyncio.Future[bool]]] = asyncio.Queue(1)

    async def offer(received: ReceivedEvent) -> None:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await offered.put((received, done))
        if not await done:
            raise TryLater("not done with", delay_s=0.0)

    consumer = EventConsumer(
        connection,
        durable,
        wanted,
        offer,
        key=lambda _: "",
        deliver=deliver,
        max_in_flight=_AT_ONCE,
        ack_wait_s=ack_wait_s,
    )
    running = asyncio.ensure_future(consumer.run())
    outcome: asyncio.Future[bool] | None = None
    try:
        while True:
            received, outcome = await _next(offered, running)
            yield received
            outcome.set_result(True)
    finally:
        await _hand_back(consumer, offered, running, outcome)


async def _next(
    offered: asyncio.Queue[tuple[ReceivedEvent, asyncio.Future[bool]]], running: asyncio.Future[None]
) -> tuple[ReceivedEvent, asyncio.Future[bool]]:
    """The next event, or what ended the consumer."""
    getting = asyncio.ensure_future(offered.get())
    either: list[asyncio.Future[Any]] = [getting, running]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            running.result()
        return getting.result()
    finally:
        await end(getting)


async def _hand_back(
    consumer: EventConsumer,
    offered: asyncio.Queue[tuple[ReceivedEvent, asyncio.Future[bool]]],
    running: asyncio.Future[None],
    outcome: asyncio.Future[bool] | None,
) -> None:
    """Take no more, and give back what was not done."""
    consumer.stop()
    if outcome is not None and not outcome.done():
        outcome.set_result(False)

    async def refuse() -> None:
        while True:
            (await offered.get())[1].set_result(False)

    refusing = asyncio.ensure_future(refuse())
    await asyncio.wait({running})
    await end(refusing)
    if not running.cancelled():
        running.exception()  # told where it happened, or of no interest any more
