"""Requests over one shared inbox: a subscription for all of them, a dictionary entry for each."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from cambus.client.delivery import Handler
from cambus.client.errors import BusClosed, BusUnavailable, NoResponders, PayloadTooLarge, SendingForbidden

NO_RESPONDERS = "503"
STATUS = "Status"

Headers = Mapping[str, str]


async def send(
    nc: Client, subject: str, data: bytes, reply: str = "", headers: Headers | None = None
) -> None:
    """Publish, with nats-py's exceptions translated into ours.

    Raises:
        BusUnavailable: the send buffer is full while the connection is away.
        BusClosed: the connection is closed for good.
        PayloadTooLarge: more than `max_payload`, headers included: for those the server would close the connection.
    """
    size = len(data) + (_size(headers) if headers else 0)
    if size > nc.max_payload:
        raise PayloadTooLarge(f"{size} bytes; the server takes {nc.max_payload}")
    try:
        await nc.publish(subject, data, reply, headers)  # type: ignore[arg-type]  # only iterated, any mapping does
    except nats_errors.MaxPayloadError:  # another server has answered meanwhile, which takes less
        raise PayloadTooLarge(f"{size} bytes; the server takes {nc.max_payload}") from None
    except nats_errors.OutboundBufferLimitError:
        raise BusUnavailable("the send buffer is full while NATS is away") from None
    except (nats_errors.ConnectionClosedError, nats_errors.ConnectionDrainingError):
        raise BusClosed("the connection to NATS is closed") from None


def _size(headers: Headers) -> int:
    """Bytes of headers on the wire: a line each, after `NATS/1.0` and before an empty one."""
    return 12 + sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())


class Requests:
    """The requests of one connection under way."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._prefix = f"{nc.new_inbox()}."
        self._numbers = count(1)
        self._waiting: dict[str, Handler] = {}
        self._single: dict[str, asyncio.Future[Msg]] = {}
        self._refusable: dict[str, tuple[str, asyncio.Future[Msg]]] = {}

    @property
    def subject(self) -> str:
        """What must be subscribed to with `deliver`."""
        return f"{self._prefix}*"

    def deliver(self, message: Msg) -> None:
        """Hand an answer to whoever waits for it; late ones are dropped."""
        waiting = self._waiting.get(message.subject[len(self._prefix) :])
        if waiting is not None:
            waiting(message)

    def connection_lost(self) -> None:
        """Fail what waits for one answer: it would have come over the connection that is gone."""
        for answer in list(self._single.values()):
            if not answer.done():
                answer.set_exception(BusUnavailable("the connection was lost before the answer came"))

    def forbidden(self, subject: str) -> None:
        """Fail what waits to hear that the server lets us send nothing to a subject.

        Args:
            subject: in small letters, as nats-py tells it. Requests to subjects that differ in nothing else wait on:
                which of them is meant nobody knows.
        """
        meant = [each for each in self._refusable.values() if each[0].lower() == subject]
        if len({exact for exact, _ in meant}) == 1:
            for exact, answer in meant:
                if not answer.done():
                    answer.set_exception(SendingForbidden(f"NATS does not let us send to {exact}"))

    async def one(
        self, subject: str, data: bytes, headers: Headers | None, timeout_s: float, *, refusable: bool = False
    ) -> Msg:
        """Send and return the first answer.

        If it may not be sent that shows as a time-out, which is a pause for those who try for ever; with `refusable`
        it is said at once.

        Raises:
            NoResponders: nobody listens there.
            SendingForbidden: the server does not let us send there; with `refusable` only.
            BusUnavailable: no answer within `timeout_s` seconds, the connection was lost meanwhile, or nothing
                could be sent.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg] = loop.create_future()
        token = f"{next(self._numbers):x}"
        self._single[token] = answer
        if refusable:
            self._refusable[token] = subject, answer
        self._waiting[token] = lambda message: None if answer.done() else answer.set_result(message)
        timer = loop.call_later(timeout_s, _give_up, answer, timeout_s)
        try:
            await send(self._nc, subject, data, self._prefix + token, headers)
            message = await answer
        finally:
            timer.cancel()
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # a time-out that nobody awaits any more is no defect to be logged
            del self._waiting[token], self._single[token]
            self._refusable.pop(token, None)
        if is_no_responders(message):
            raise NoResponders(subject)
        return message

    async def echo(self, timeout_s: float) -> None:
        """Send a message to ourselves and wait for it: the server has processed everything sent before.

        nats-py's `flush` does not tell that: its PING overtakes what is still in the send buffer.

        Raises:
            BusUnavailable: it did not come back within `timeout_s` seconds, or nothing could be sent.
        """
        loop = asyncio.get_running_loop()
        back: asyncio.Future[Msg] = loop.create_future()
        token = f"{next(self._numbers):x}"
        self._waiting[token] = lambda message: None if back.done() else back.set_result(message)
        try:
            await send(self._nc, self._prefix + token, b"")
            async with asyncio.timeout(timeout_s):
                await back
        except TimeoutError:
            raise BusUnavailable(f"NATS did not answer within {timeout_s:g} s") from None
        finally:
            del self._waiting[token]

    async def many(
        self,
        subject: str,
        data: bytes,
        headers: Headers | None,
        timeout_s: float,
        expected: int | None,
        quiet_s: float | None,
        enough: Callable[[Msg], bool] | None = None,
    ) -> list[Msg]:
        """Send and return every answer until there are `expected` or `timeout_s` seconds have passed.

        With `quiet_s` it also ends when, after an answer, none followed for so long; with `enough` behind the answer
        it says so of.

        Raises:
            NoResponders: nobody listens there.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        answers: list[Msg] = []
        token = f"{next(self._numbers):x}"

        def stop() -> None:
            if not done.done():
                done.set_result(None)

        timers = [loop.call_later(timeout_s, stop)]

        def collect(message: Msg) -> None:
            answers.append(message)
            all_there = expected is not None and len(answers) >= expected
            if is_no_responders(message) or all_there or (enough is not None and enough(message)):
                stop()
            elif quiet_s is not None:
                for quiet in timers[1:]:
                    quiet.cancel()
                timers[1:] = [loop.call_later(quiet_s, stop)]

        self._waiting[token] = collect
        try:
            await send(self._nc, subject, data, self._prefix + token, headers)
            await done
        finally:
            for timer in timers:
                timer.cancel()
            del self._waiting[token]
        if answers and is_no_responders(answers[0]):
            raise NoResponders(subject)
        return answers


def is_no_responders(message: Msg) -> bool:
    """Whether the server itself answered that nobody listens."""
    headers = message.headers
    return headers is not None and headers.get(STATUS) == NO_RESPONDERS and not message.data


def _give_up(answer: asyncio.Future[Msg], timeout_s: float) -> None:
    if not answer.done():
        answer.set_exception(BusUnavailable(f"no answer within {timeout_s:g} s"))
