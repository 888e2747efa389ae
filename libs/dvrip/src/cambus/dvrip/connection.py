"""One TCP connection to a device: the asyncio shell around a `ClientSession`.

Reads go into one buffer shared by all connections of a thread, 64 KiB at a time; everything read is handled
before the next read, so that nothing is copied that need not be kept and an idle connection costs next to
nothing. A consumer is never waited for: its exceptions are counted, the first of a connection is logged.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from cambus.dvrip.codes import is_success
from cambus.dvrip.errors import (
    ConnectionLimit,
    ConnectionLost,
    DvripError,
    RequestTimeout,
    TransportError,
    error_for_code,
)
from cambus.dvrip.exchange import Collector, Exchange
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.payload import JsonObject, decode_body
from cambus.dvrip.profile import Credentials
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_events import (
    ExchangeFailed,
    LoggedIn,
    PushReceived,
    Replied,
    SessionClosed,
    SessionEvent,
)
from cambus.dvrip.wire import REPLY_VERSION, Header, Packet

#: One read is what one device can delay another by: some 25 ms, were it all of the smallest packets, and twice that
#: on a busy machine.
READ_BYTES: Final = 32 * 1024
#: Unsent bytes above which `Connection.drain` waits.
WRITE_HIGH_WATER: Final = 256 * 1024
#: Unsent bytes above which a device that reads nothing is given up; twice the longest request there is.
MAX_UNSENT_BYTES: Final = 8 * 1024 * 1024
#: How long a closing socket may take to send what is left.
FLUSH_S: Final = 1.0
#: Loops fire timers up to their clock's resolution early; a timer this close is due.
_CLOCK_SLACK_S: Final = 0.002

_log = logging.getLogger(__name__)
_arena = threading.local()

PacketHandler = Callable[[Header, bytes], None]


def _read_buffer() -> memoryview:
    # asyncio asks for the buffer right before each read and reports the read before anything else runs.
    buffer: memoryview | None = getattr(_arena, "buffer", None)
    if buffer is None:
        buffer = _arena.buffer = memoryview(bytearray(READ_BYTES))
    return buffer


class Reply:
    """The answer to a request.

    Attributes:
        header: its header.
        payload: its bytes.
        label: what was asked, in words.
    """

    __slots__ = ("_body", "header", "label", "payload")

    def __init__(self, header: Header, payload: bytes, label: str) -> None:
        self.header = header
        self.payload = payload
        self.label = label
        self._body: JsonObject | None = None

    @property
    def body(self) -> JsonObject:
        """The JSON body.

        Raises:
            MalformedPayload: it is none.
        """
        if self._body is None:
            self._body = decode_body(self.payload)
        return self._body

    @property
    def code(self) -> int | None:
        """``Ret``; None when the reply has none, which is legal."""
        return return_code(self.body)

    def check(self) -> "Reply":
        """This reply, when it means success or has no code.

        Raises:
            DvripError: the error its code stands for.
            MalformedPayload: the body is no JSON.
        """
        code = self.code
        if code is not None and not is_success(code):
            raise error_for_code(code, self.label)
        return self


class PendingReply:
    """A request that was queued; ``future`` ends with its `Reply` or a `DvripError`."""

    __slots__ = ("_connection", "_exchange", "future")

    def __init__(self, connection: "Connection", exchange: Exchange, future: "asyncio.Future[Reply]") -> None:
        self._connection = connection
        self._exchange = exchange
        self.future = future
        future.add_done_callback(_retrieve)

    def settle(self) -> None:
        """It was answered by other means: stop waiting; its reply id is free again."""
        self._connection.forget(self._exchange, settle=True)
        self.future.cancel()

    def cancel(self) -> None:
        """The caller has gone; unless it is soft it keeps its place until it is answered."""
        self._connection.forget(self._exchange, settle=self._exchange.soft)
        self.future.cancel()


def _retrieve(future: "asyncio.Future[Reply]") -> None:
    if not future.cancelled():
        future.exception()  # nobody may be waiting any more; that is no news


class Connection(asyncio.BufferedProtocol):
    """A connected socket and its session. Use `open`.

    Attributes:
        session: the sans-IO half.
        counters: ``callback_errors``; the session has its own.
        on_media: called with each media packet.
        on_push: called with each message the device sends on its own account.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        on_media: PacketHandler | None = None,
        on_push: PacketHandler | None = None,
    ) -> None:
        self.session = session
        self.counters: Counter[str] = Counter()
        self.on_media = on_media
        self.on_push = on_push
        self.bytes_sent = 0
        self.bytes_received = 0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._replies: dict[Exchange, asyncio.Future[Reply]] = {}
        self._login: asyncio.Future[LoginReply] | None = None
        self._closed: asyncio.Future[DvripError | None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        session: ClientSession,
        *,
        on_media: PacketHandler | None = None,
        on_push: PacketHandler | None = None,
    ) -> "Connection":
        """Connect to a device.

        Raises:
            RequestTimeout: ``connect`` ran out.
            TransportError: refused, unreachable, no such host.
        """
        loop = asyncio.get_running_loop()
        timeout = session.timeouts.connect
        try:
            async with asyncio.timeout(timeout):
                _, connection = await loop.create_connection(
                    lambda: cls(session, on_media=on_media, on_push=on_push), host, port
                )
        except TimeoutError:
            raise RequestTimeout("connect", timeout, f"{host}:{port}") from None
        except OSError as error:
            raise TransportError(f"cannot connect to {host}:{port}: {error.strerror or error}") from error
        return connection

    # requests

    async def login(self, credentials: Credentials) -> LoginReply:
        """Log in.

        Raises:
            AuthError: refused, with the reason.
            ConnectionLimit: no connection left (122, 123), or closed without an answer.
            DvripError: anything else that went wrong; the connection is closed then.
        """
        try:
            if self._closed.done():  # the device ended it before we could say a word
                raise self._closed.result() or ConnectionLost("closed by us")
            self._login = self._loop.create_future()
            self.session.login(credentials, self._loop.time())
            self._pump()
            return await self._login
        except ConnectionLost as error:
            if self.bytes_received:
                raise
            raise ConnectionLimit("the device closed the connection without a word") from error
        finally:
            self._login = None

    def submit(
        self,
        message_id: int,
        body: Mapping[str, Any] | bytes,
        *,
        expect: int | None = None,
        timeout: str = "request",
        timeout_s: float | None = None,
        label: str = "",
        collector: Collector | None = None,
        soft: bool = False,
        end: bool = False,
        sequence: int | None = None,
    ) -> "PendingReply":
        """Queue a request without waiting; parameters as in `ClientSession.request`.

        Raises:
            Refused: it cannot be sent.
        """
        exchange = self.session.request(
            message_id,
            body,
            self._loop.time(),
            expect=expect,
            timeout=timeout,
            timeout_s=timeout_s,
            label=label,
            collector=collector,
            soft=soft,
            end=end,
            sequence=sequence,
        )
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._replies[exchange] = future
        self._pump()
        return PendingReply(self, exchange, future)

    async def request(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """Send a request and wait for its reply; options as in `submit`.

        A caller that is cancelled leaves no trace: the reply still due goes to nobody.

        Raises:
            Refused: it cannot be sent.
            RequestTimeout: no reply; unless the request is soft the connection is closed.
            ConnectionLost: the connection ended first.
            ProtocolError: the reply came in parts that do not fit.
        """
        pending = self.submit(message_id, body, **options)
        try:
            return await pending.future
        except asyncio.CancelledError:
            pending.cancel()
            raise

    def forget(self, exchange: Exchange, *, settle: bool) -> None:
        """Nobody waits for ``exchange`` any more; see `ClientSession.settle` and `ClientSession.cancel`."""
        if self._replies.pop(exchange, None) is None:
            return
        if settle:
            self.session.settle(exchange, self._loop.time())
        else:
            self.session.cancel(exchange)
        self._pump()

    def notify(
        self,
        message_id: int,
        body: Mapping[str, Any] | bytes,
        *,
        version: int = REPLY_VERSION,
        sequence: int | None = None,
    ) -> None:
        """Send a message without a reply.

        Raises:
            Refused: the connection is closed.
        """
        self.session.notify(message_id, body, version=version, sequence=sequence)
        self._pump()

    async def drain(self) -> None:
        """Wait until the socket has taken what was sent.

        Raises:
            ConnectionLost: the connection ended.
        """
        await self._writable.wait()
        if self.session.is_closed:
            raise ConnectionLost("the connection is closed")

    def pause_reading(self) -> None:
        """Let the device wait: TCP's own flow control throttles it without loss (DVRIP §10.1)."""
        if self._transport is not None and not self._transport.is_closing():
            self.session.is_held = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self.session.is_held = False
            self._transport.resume_reading()

    # the end

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over."""
        return self._closed.done()

    @property
    def closed(self) -> "asyncio.Future[DvripError | None]":
        """Done when the connection is over, with the reason; do not cancel it."""
        return self._closed

    @property
    def peer(self) -> str:
        """The address of the device, or ""."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return str(name[0]) if name else ""

    async def wait_closed(self) -> DvripError | None:
        """Wait for the end; return why, None after our own logout or close."""
        return await asyncio.shield(self._closed)

    async def logout(self) -> None:
        """Send the logout, wait for its answer or the end of the connection, and close."""
        if not self.session.is_closed:
            try:
                self.session.logout(self._loop.time())
            except DvripError:
                self.session.fail(ConnectionLost("closed"))
        self._pump()
        try:
            await self.wait_closed()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the socket at once and wait until it is gone."""
        self.abort(ConnectionLost("closed by us"))
        _, unsent = await asyncio.wait([self._gone], timeout=FLUSH_S)
        if unsent:
            if self._transport is not None:
                self._transport.abort()
            await asyncio.shield(self._gone)

    def abort(self, error: DvripError) -> None:
        """End the connection for ``error``."""
        self.session.fail(error)
        self._pump()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._pump()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the buffer has one size
        """See `asyncio.BufferedProtocol`."""
        return _read_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self.bytes_received += nbytes
        self.session.receive_data(_read_buffer()[:nbytes], self._loop.time())
        self._pump()

    def take_over(self, transport: asyncio.Transport, packets: Iterable[Packet]) -> None:
        """Go on with a socket another protocol began to read, whose packets come first."""
        transport.set_protocol(self)
        self.connection_made(transport)
        self.session.receive_packets(packets, self._loop.time())
        self._pump()

    def eof_received(self) -> bool:
        """See `asyncio.BaseProtocol`; a half-closed connection is a lost one."""
        self.session.receive_eof()
        self._pump()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if exc is None:
            self.session.receive_eof()
        else:
            self.session.fail(ConnectionLost(f"the connection was lost: {exc}"))
        self._transport = None
        self._pump()
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._writable.set()

    # between both

    def _pump(self) -> None:
        """Send what is to be sent, report what happened, set the timer."""
        data = self.session.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self.bytes_sent += len(data)
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                self.session.fail(ConnectionLost("the device does not read what it is sent"))
        for event in self.session.events_received():
            self._handle(event)
        self._set_timer()

    def _handle(self, event: SessionEvent) -> None:
        if isinstance(event, Packet):
            self._call(self.on_media, event.header, event.payload)
        elif isinstance(event, Replied):
            future = self._replies.pop(event.exchange, None)
            if future is not None and not future.done():
                future.set_result(Reply(event.header, event.payload, event.exchange.label))
        elif isinstance(event, ExchangeFailed):
            future = self._replies.pop(event.exchange, None)
            if future is not None and not future.done():
                future.set_exception(event.error)
        elif isinstance(event, PushReceived):
            self._call(self.on_push, event.header, event.payload)
        elif isinstance(event, LoggedIn):
            if self._login is not None and not self._login.done():
                self._login.set_result(event.reply)
        else:
            self._finish(event)

    def _finish(self, event: SessionClosed) -> None:
        if self._login is not None and not self._login.done():
            self._login.set_exception(event.error or ConnectionLost("closed"))
        if not self._closed.done():
            self._closed.set_result(event.error)
        self._writable.set()
        if self._transport is None:
            if not self._gone.done():
                self._gone.set_result(None)
        elif event.error is None or isinstance(event.error, ConnectionLost):
            self._transport.close()
        else:
            self._transport.abort()  # nothing we still had to say matters after a timeout or broken framing

    def _call(self, handler: PacketHandler | None, header: Header, payload: bytes) -> None:
        if handler is None:
            return
        try:
            handler(header, payload)
        except Exception:  # noqa: BLE001 - a consumer's fault must not end the reader
            self.counters["callback_errors"] += 1
            if self.counters["callback_errors"] == 1:  # more would be a flood of our own
                _log.exception("a consumer of message %d raised", header.message_id)

    def _set_timer(self) -> None:
        when = self.session.next_timeout()
        if self._timer is not None:
            if when is not None and self._timer.when() <= when:
                return  # it fires early enough and will set itself again
            self._timer.cancel()
            self._timer = None
        if when is not None:
            self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        due = self.session.next_timeout()
        now = self._loop.time()
        self.session.handle_timeout(now if due is None else max(now, min(due, now + _CLOCK_SLACK_S)))
        self._pump()
