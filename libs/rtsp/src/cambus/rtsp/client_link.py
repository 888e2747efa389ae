"""The connection of a client: bytes between a socket and a `PullSession`, bounded both ways."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Final, Self, TypeVar, cast

from cambus.rtsp import client_tls
from cambus.rtsp.client_errors import ClientError, ConnectionLost, Unreachable
from cambus.rtsp.client_url import Source
from cambus.rtsp.events import TrackData
from cambus.rtsp.pull_session import Event, PullSession, Step

MOST_BYTES: Final = 4 << 20
"""Media that waits to be taken apart; the server is not read from beyond that."""
MOST_EARLY: Final = 4096
"""Packets kept that come before the server says that it plays."""
GOODBYE_S: Final = 1.0
"""How long an answer to TEARDOWN is waited for."""

EventT = TypeVar("EventT", bound=Event)


class Link(asyncio.Protocol):
    """One connection. Made by `open`, ended by `close`.

    Args:
        session: what is said on it.

    Attributes:
        session: see above.
        local_host, peer_host: the addresses of both ends.
    """

    def __init__(self, session: PullSession) -> None:
        self.session = session
        self.local_host = self.peer_host = ""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._events: deque[Event] = deque()
        self._waiting_bytes = 0
        self._held = False
        self._failure: ClientError | None = None
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()

    @classmethod
    async def open(
        cls, source: Source, session: PullSession, *, timeout_s: float, fingerprint: str | None = None
    ) -> Self:
        """Connect; inside of TLS the certificate is checked. Raises Unreachable."""
        loop = asyncio.get_running_loop()
        tls = client_tls.context(fingerprint) if source.tls else None
        try:
            async with asyncio.timeout(timeout_s):
                transport, link = await loop.create_connection(
                    lambda: cls(session), source.host, source.port, ssl=tls
                )
        except TimeoutError:
            raise Unreachable(f"no connection within {timeout_s:g} s") from None
        except ssl.SSLCertVerificationError:
            raise Unreachable("the server's certificate is not trusted") from None
        except OSError as error:
            raise Unreachable(f"no connection: {error.strerror or 'no address answers'}") from None
        if tls is not None and fingerprint is not None:
            try:
                client_tls.check(transport, fingerprint)
            except Unreachable:
                transport.abort()
                raise
        return link

    def now(self) -> float:
        """The clock of the session."""
        return self._loop.time()

    # --- the transport's calls --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.Transport, transport)
        self.local_host = str(transport.get_extra_info("sockname")[0])
        self.peer_host = str(transport.get_extra_info("peername")[0])

    def data_received(self, data: bytes) -> None:
        """Bytes of the server."""
        if self._failure is not None:
            return
        try:
            events = self.session.receive_data(data, self.now())
        except ClientError as error:
            self._fail(error)
            return
        self._take(events)
        self.flush()
        if self._waiting_bytes > MOST_BYTES and not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        del exc
        self._gone.set()
        self._fail(ConnectionLost("the server has closed the connection"))

    # --- what the owner does ----------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what the session has to say."""
        chunks = self.session.data_to_send()
        if self._transport is not None and not self._transport.is_closing():
            for chunk in chunks:
                self._transport.write(chunk)

    def wake(self) -> None:
        """Something else has happened: `take` returns."""
        self._changed.set()

    async def take(self, until: float | None) -> list[Event]:
        """What has happened; waits for it, but no longer than until a time of `now`, or when woken.

        Raises:
            ClientError: the session has failed, and everything before that has been taken.
        """
        if not self._events:
            self.flush()
            await self._wait(until)
        events = list(self._events)
        self._events.clear()
        self._waiting_bytes = 0
        if self._held and self._transport is not None:
            self._held = False
            self._transport.resume_reading()
        if not events and self._failure is not None:
            raise self._failure
        return events

    async def until(self, wanted: type[EventT]) -> EventT:
        """Wait for an event; media that has come by then is taken afterwards. Raises ClientError."""
        early: deque[Event] = deque(maxlen=MOST_EARLY)
        while True:
            events = await self.take(None)
            for index, event in enumerate(events):
                if isinstance(event, wanted):
                    self._events = deque((*early, *events[index + 1 :], *self._events))
                    return event
                early.append(event)

    async def close(self) -> None:
        """Say goodbye and close; bounded in time, may be called twice, never raises."""
        transport = self._transport
        if transport is None:
            return
        try:
            await self._say_goodbye()
        finally:
            self._transport = None
            transport.close()
        try:
            async with asyncio.timeout(GOODBYE_S if self._failure is None else 0):
                await self._gone.wait()
        except TimeoutError:
            pass
        finally:
            transport.abort()

    async def _say_goodbye(self) -> None:
        if self._failure is None and self.session.tear_down(self.now()):
            self.flush()
            with contextlib.suppress(TimeoutError, ClientError):
                async with asyncio.timeout(GOODBYE_S):
                    while self.session.step is Step.TEARDOWN:
                        await self.take(None)

    # --- inside -----------------------------------------------------------------------------------------

    async def _wait(self, until: float | None) -> None:
        """Wait for bytes, a wake, a failure or a time; times of the session are seen to on the way."""
        while not self._events and self._failure is None:
            due = self.session.next_timeout()
            deadline = min((each for each in (due, until) if each is not None), default=None)
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
                self._changed.clear()
                return
            except TimeoutError:
                if not self._on_time() and until is not None and self.now() >= until:
                    return

    def _on_time(self) -> bool:
        """The time of the session may have come; whether something has happened."""
        try:
            events = self.session.handle_timeout(self.now())
        except ClientError as error:
            self._fail(error)
            return True
        self._take(events)
        self.flush()
        return bool(events)

    def _take(self, events: list[Event]) -> None:
        self._events.extend(events)
        self._waiting_bytes += sum(len(each.data) for each in events if isinstance(each, TrackData))
        if events:
            self._changed.set()

    def _fail(self, error: ClientError) -> None:
        if self._failure is None:
            self._failure = error
        self._changed.set()
