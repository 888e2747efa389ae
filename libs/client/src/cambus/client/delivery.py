"""How messages get from the connection to the code that wants them.

nats-py gives every subscription a queue and a task that waits for it. For a thousand held devices that is a
thousand idle tasks and an extra turn of the event loop on every message. It also knows subscriptions that
complete a future, which it does directly in its read loop: a future that calls a function instead is all we
need.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from cambus.client.errors import BusError

logger = logging.getLogger(__name__)

Handler = Callable[[Msg], None]


class Delivery(asyncio.Future[Msg]):
    """A future that is never done: each result is handed to `handler`, in the read loop of the connection.

    The handler must return at once. What it raises is logged; it may not reach the read loop, which would
    end.
    """

    def __init__(self, handler: Handler) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._handler = handler

    def set_result(self, result: Msg) -> None:
        """Take one message."""
        try:
            self._handler(result)
        except Exception:
            logger.exception("a message handler failed", extra={"subject_class": result.subject[:32]})


class Subscription:
    """Interest in a subject, until `close()` or `drain()`."""

    def __init__(self, nc: Client, inner: NatsSubscription, flush: Callable[[], Awaitable[None]]) -> None:
        self._nc = nc
        self._inner = inner
        self._flush = flush
        self._closed = False

    @property
    def subject(self) -> str:
        """What was subscribed to."""
        return self._inner.subject

    async def close(self) -> None:
        """End it; messages on their way are discarded."""
        if not self._closed:
            self._closed = True
            if not self._nc.is_closed:
                await self._inner.unsubscribe()

    async def drain(self) -> None:
        """End it; messages the server has already routed here are still handed over before this returns."""
        if self._closed:
            return
        self._closed = True
        if self._nc.is_connected:
            # nats-py's own drain forgets the subscription when its PING was answered, and that PING may
            # overtake the UNSUB: what the server routes here in between would be lost.
            await self._nc._send_unsubscribe(self._inner._id)  # noqa: SLF001 - see above
            try:
                await self._flush()
            except BusError as error:
                logger.debug("a subscription was not drained", extra={"reason": str(error)})
            self._nc._remove_sub(self._inner._id)  # noqa: SLF001 - see above
        elif not self._nc.is_closed:
            await self._inner.unsubscribe()


class Inbox:
    """Messages of a subscription as an asynchronous iterator over a bounded queue.

    A reader that is too slow loses the newest messages; they are counted in `dropped` and by `on_drop`.
    """

    def __init__(self, limit: int, on_drop: Callable[[], None]) -> None:
        self._queue: asyncio.Queue[Msg | None] = asyncio.Queue(limit + 1)  # one place for the end mark
        self._limit = limit
        self._on_drop = on_drop
        self._subscription: Subscription | None = None
        self.dropped = 0

    def attach(self, subscription: Subscription) -> Self:
        """Own the subscription that feeds this."""
        self._subscription = subscription
        return self

    def push(self, message: Msg) -> None:
        """Take one message, or count it as lost."""
        if self._queue.qsize() >= self._limit:
            self.dropped += 1
            self._on_drop()
        else:
            self._queue.put_nowait(message)

    async def close(self) -> None:
        """End the subscription; the iterator ends after what is queued."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()
            self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Msg:
        message = await self._queue.get()
        if message is None:
            self._queue.put_nowait(None)  # for whoever else iterates; the place was just freed
            raise StopAsyncIteration
        return message
