"""A connection to NATS: it reconnects for ever, tells what goes wrong and hides nats-py.

nats-py's defaults give up after 60 reconnects, buffer 2 MiB and notice a frozen server only after four
minutes. Here: reconnect for ever, 16 MiB, a ping every 5 s of which 2 may stay unanswered. A connection that
is closed all the same (refused credentials, a protocol error) is reported by `wait_closed()`.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from cambus.client.delivery import Delivery, Handler, Inbox, Subscription
from cambus.client.errors import BusClosed, BusError, BusUnavailable, SendingForbidden
from cambus.client.inboxes import INBOXES, inbox_prefix
from cambus.client.jetstream import JetStream
from cambus.client.login import Login
from cambus.client.requests import Headers, Requests, send
from cambus.client.watch import Watch
from cambus.schemas.ids import is_token

logger = logging.getLogger(__name__)

PENDING_BYTES = 16 * 1024 * 1024
PING_INTERVAL_S = 5
MAX_OUTSTANDING_PINGS = 2
RECONNECT_WAIT_S = 0.5
CONNECT_TIMEOUT_S = 5
FLUSH_TIMEOUT_S = 5
INBOX_LIMIT = 4096
MAX_TOLD = 32

#: A violation below these is ours: a wrong server configuration. Others a caller can provoke by its reply
#: subject; they are counted only.
_OUR_SUBJECTS = ("cambus.", "$")
_PERMISSION = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class _HandedOver:
    """A message that is on its way to the server."""

    subject: str
    refused: bool = False


class Connection:
    """One connection to NATS.

    Args:
        login: where to and as whom.
        name: shown in the server's monitoring; answers come in under it.
        watch: who is told how the connection is doing.
    """

    def __init__(self, login: Login, *, name: str = "cambus", watch: Watch | None = None) -> None:
        self.login = login
        self.name = name
        self.watch = watch or Watch()
        self.nc = Client()
        self.jetstream = JetStream(self)
        self._requests: Requests | None = None
        self._up = asyncio.Event()
        self._closed = asyncio.Event()
        self._closing = False
        self._told: set[str] = set()
        self._handed_over: set[_HandedOver] = set()
        self._on_reconnect: dict[object, Callable[[], None]] = {}
        self.watch.subscriptions(lambda: len(self.nc._subs))  # noqa: SLF001 - nats-py does not say

    # --- life -------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, waiting for the server as long as it takes. Bound it with a timeout.

        Raises:
            ValueError: a credentials file is no such thing.
            OSError: a file of the login cannot be read.
            ModuleNotFoundError: logging in takes a package that is not installed.
        """
        options = self.login.options()
        if (public := self.login.public_nkey()) is not None:
            self.nc._public_nkey = public  # noqa: SLF001 - nats-py takes it from a package of its own only
        if "signature_cb" in options:
            # a server that lets strangers in as well (no_auth_user) asks for nothing, and we would be one of them
            self.nc._auth_configured = True  # noqa: SLF001 - else nats-py shows only what it is asked for
        await self.nc.connect(
            list(self.login.servers),
            name=f"{self.name}:{self.login.instance}",
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # only slept and compared
            connect_timeout=CONNECT_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=MAX_OUTSTANDING_PINGS,
            pending_size=PENDING_BYTES,
            inbox_prefix=inbox_prefix(self.name) if is_token(self.name) else INBOXES,
            **options,
        )
        requests = Requests(self.nc)
        await self.subscribe(requests.subject, requests.deliver)
        self._requests = requests
        self._mark_up()

    async def close(self) -> None:
        """Send what is buffered and close; `wait_closed()` returns without an error."""
        self._closing = True
        if self.nc.is_connected and self._requests is not None:
            try:
                await self._requests.echo(FLUSH_TIMEOUT_S)
            except BusError as error:
                logger.warning("unsent messages at close", extra={"reason": str(error)})
        if not self.nc.is_closed:
            await self.nc.close()
        self._closed.set()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed.

        Raises:
            BusClosed: it was not `close()` that closed it.
        """
        await self._closed.wait()
        if not self._closing:
            raise BusClosed(f"NATS closed the connection: {self.nc.last_error or 'no reason given'}")

    async def __aenter__(self) -> Self:
        if self._requests is None:
            await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    # --- state ------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the connection is up, as far as known."""
        return self._up.is_set()

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until the connection is up.

        Raises:
            BusUnavailable: it is not after `timeout_s` seconds.
        """
        if self._up.is_set():
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise BusUnavailable(f"not connected to NATS for {timeout_s:g} s") from None

    @property
    def max_payload(self) -> int:
        """The largest message the server takes, in bytes."""
        return self.nc.max_payload

    @property
    def backlog_bytes(self) -> int:
        """Bytes not yet handed to the socket: what a producer of lossy data looks at before sending more."""
        return self.nc.pending_data_size

    @property
    def js(self) -> JetStreamContext:
        """nats-py's JetStream context, for what `jetstream` lacks."""
        return self.nc.jetstream()

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every reconnect; call what is returned to stop that."""
        token = object()
        self._on_reconnect[token] = callback
        return lambda: self._on_reconnect.pop(token, None) and None

    # --- messages ---------------------------------------------------------------------------------------

    async def publish(
        self, subject: str, data: bytes = b"", *, headers: Headers | None = None, reply: str = ""
    ) -> None:
        """Send a core message: fast, and lost if nobody listens.

        Raises:
            BusUnavailable, BusClosed, PayloadTooLarge: see `cambus.client.requests.send`.
        """
        await send(self.nc, subject, data, reply, headers)

    async def hand_over(self, subject: str, data: bytes, *, headers: Headers | None = None) -> None:
        """Send a core message, and return once the server has taken it.

        Raises:
            SendingForbidden: the server does not let us send there.
            BusUnavailable: the server did not say so in time.
            BusClosed, PayloadTooLarge: see `cambus.client.requests.send`.
        """
        sent = _HandedOver(subject)
        self._handed_over.add(sent)
        try:
            await self.publish(subject, data, headers=headers)
            await self.flush()  # it refuses before it echoes
        finally:
            self._handed_over.discard(sent)
        if sent.refused:
            raise SendingForbidden(f"NATS does not let us send to {subject}")

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Subscription:
        """Have `handler` called with every message, in the read loop: it must return at once.

        With `queue`, each message goes to one member of that group only. Survives reconnects.

        Raises:
            BusClosed: the connection is closed for good.
        """
        try:
            inner = await self.nc.subscribe(subject, queue=queue, future=Delivery(handler))
        except (nats_errors.ConnectionClosedError, nats_errors.ConnectionDrainingError):
            raise BusClosed("the connection to NATS is closed") from None
        inner._pending_queue = None  # type: ignore[assignment]  # noqa: SLF001 - 3 KiB that nothing goes through
        return Subscription(self.nc, inner, self.flush)

    async def inbox(self, subject: str, *, queue: str = "", limit: int = INBOX_LIMIT) -> Inbox:
        """Return an asynchronous iterator over the messages; beyond `limit` unread ones the newest go."""
        inbox = Inbox(limit, self.watch.dropped)
        return inbox.attach(await self.subscribe(subject, inbox.push, queue=queue))

    async def request(
        self,
        subject: str,
        data: bytes = b"",
        *,
        headers: Headers | None = None,
        timeout_s: float = 5.0,
        refusable: bool = False,
    ) -> Msg:
        """Send a request and return the first answer.

        While NATS is away it waits to be sent; what its time ran out for is never sent. What may not be sent gets no
        answer; with `refusable` that is said at once.

        Raises:
            NoResponders: nobody listens there.
            SendingForbidden: the server does not let us send there; with `refusable` only.
            BusUnavailable: no answer within `timeout_s` seconds, or the connection was lost meanwhile.
            BusClosed: the connection is closed for good.
            PayloadTooLarge: more than `max_payload`.
        """
        if not self._up.is_set():
            started = asyncio.get_running_loop().time()
            await self.wait_connected(timeout_s)
            timeout_s -= asyncio.get_running_loop().time() - started
        return await self._open_requests().one(subject, data, headers, timeout_s, refusable=refusable)

    async def gather(
        self,
        subject: str,
        data: bytes = b"",
        *,
        headers: Headers | None = None,
        timeout_s: float = 1.0,
        expected: int | None = None,
        quiet_s: float | None = None,
        enough: Callable[[Msg], bool] | None = None,
    ) -> list[Msg]:
        """Send a request and return the answers of the first `timeout_s` seconds, at most `expected`.

        With `quiet_s` it also ends when, after an answer, none followed for so many seconds; with `enough` behind the
        answer it says so of.

        Raises:
            NoResponders: nobody listens there.
        """
        requests = self._open_requests()
        return await requests.many(subject, data, headers, timeout_s, expected, quiet_s, enough)

    async def flush(self) -> None:
        """Return once the server has processed everything sent so far.

        Raises:
            BusUnavailable: it did not say so in time.
        """
        await self._open_requests().echo(FLUSH_TIMEOUT_S)

    # --- inside -----------------------------------------------------------------------------------------

    def _open_requests(self) -> Requests:
        if self._requests is None:
            raise BusUnavailable("the connection to NATS is not open yet")
        return self._requests

    def _mark_up(self) -> None:
        self._up.set()
        self._told.clear()
        self.watch.connected()

    async def _on_disconnected(self) -> None:
        if self._up.is_set() and not self._closing:
            logger.warning("lost the connection to NATS")
        self._up.clear()
        if self._requests is not None:
            self._requests.connection_lost()
        self.watch.disconnected("connection lost")

    async def _on_reconnected(self) -> None:
        logger.info("connected to NATS again")
        self.watch.reconnected()
        self._mark_up()
        for callback in list(self._on_reconnect.values()):
            callback()

    async def _on_closed(self) -> None:
        self._up.clear()
        self._closed.set()

    async def _on_error(self, error: Exception) -> None:
        """Count what nats-py reports on the side: nothing else tells of these."""
        if isinstance(error, nats_errors.SlowConsumerError):
            self.watch.dropped()
            return
        violation = _PERMISSION.search(str(error))
        if violation is None:
            self._note(str(error) or type(error).__name__)
            return
        what, subject = violation[1].lower(), violation[2]
        logger.error("NATS forbids a %s", what, extra={"subject": subject})
        if what == "publish" and self._requests is not None:
            self._requests.forbidden(subject)
        for sent in self._handed_over if what == "publish" else ():
            sent.refused |= sent.subject.lower() == subject  # nats-py tells it in small letters
        ours = what == "subscription" or subject.startswith(_OUR_SUBJECTS)
        self.watch.forbidden(what, subject, ours=ours)

    def _note(self, reason: str) -> None:
        """Log an error of the connection; while it is down, each only the first time."""
        level = logging.DEBUG if reason in self._told else logging.WARNING
        logger.log(level, "NATS error", extra={"reason": reason})
        if not self._up.is_set():
            if len(self._told) < MAX_TOLD:
                self._told.add(reason)
            self.watch.disconnected(f"not connected: {reason}")
