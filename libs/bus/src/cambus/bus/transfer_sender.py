"""The sending side of a bulk transfer (`cambus.schemas.transfer`): written to as fast as its reader asks."""

import asyncio
from dataclasses import dataclass
from typing import Final, Self

from nats.aio.msg import Msg

from cambus.bus.calls import content_type_for_reply, error_body
from cambus.bus.connection import Bus
from cambus.bus.transfer_window import TransferWindow
from cambus.client.delivery import Subscription
from cambus.client.errors import BusError
from cambus.schemas import headers as header
from cambus.schemas.codec import decode, encode
from cambus.schemas.errors import CambusError, Offline
from cambus.schemas.subjects import transfer_subject
from cambus.schemas.transfer import (
    IDLE_S,
    OCTETS,
    WINDOW_BYTES,
    TransferEnd,
    TransferOutcome,
    TransferPart,
    TransferReadRequest,
    TransferResume,
)

MAX_WAITING: Final = 16
"""Requests that may wait for bytes at a time; when there are more the oldest is answered with nothing."""

SHORT_AFTER_S: Final = 1.0
"""A request that has waited so long takes less than it asked for."""

EMPTY_AFTER_S: Final = 5.0
"""A request that has waited so long is answered with nothing, to show that there is somebody."""

_ENVELOPE_BYTES: Final = 4096
_MAX_PARTS: Final = 1000


class TransferAbandonedError(Exception):
    """Nobody reads the transfer any more, or it was closed: there is no use in producing more."""


@dataclass(slots=True)
class _Read:
    """One request under way."""

    message: Msg
    request: TransferReadRequest
    since: float


class TransferSender:
    """One transfer, from `open` to `close`; use it as a context manager.

    The producer calls `write` until there is no more, then `finish`, or `fail`; it is held back while the window
    is full. Whoever reads is answered all the while, and for `idle_s` seconds after the last request.

    Args:
        bus: the connection.
        session: names the transfer.
        resume: what the reader has already.
        window_bytes: see `TransferWindow`.
        idle_s: seconds without a request after which it ends.
    """

    def __init__(
        self,
        bus: Bus,
        session: str,
        *,
        resume: TransferResume | None = None,
        window_bytes: int = WINDOW_BYTES,
        idle_s: float = IDLE_S,
    ) -> None:
        self.subject = transfer_subject(session)
        self._bus = bus
        self._window = TransferWindow(resume, window_bytes)
        self._idle_s = idle_s
        self._waiting: list[_Read] = []
        self._refused: list[tuple[Msg, CambusError]] = []
        self._parts: list[TransferPart] = []
        self._end: TransferEnd | None = None
        self._failure: CambusError | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._asked_at = asyncio.get_running_loop().time()
        self._over = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    # --- producing --------------------------------------------------------------------------------------

    @property
    def bytes_written(self) -> int:
        """Size of the whole so far."""
        return self._window.end

    async def write(self, data: bytes) -> None:
        """Add bytes; returns once there is room for more.

        Raises:
            TransferAbandonedError: nobody reads it.
            Conflict: it is not what the reader says it has; the reader has been told.
        """
        self._check()
        try:
            self._window.add(data)
        except CambusError as error:
            self.fail(error)
            raise
        self._changed.set()
        while not self._window.has_room:
            self._room.clear()
            await self._room.wait()
            self._check()

    def end_part(self, name: str, offset: int, outcome: TransferOutcome) -> None:
        """Say that all since `offset` is a part of this name, and how it ended."""
        if len(self._parts) < _MAX_PARTS:
            size = self._window.end - offset
            self._parts.append(TransferPart(name=name[:500], offset=offset, bytes=size, outcome=outcome))

    def finish(self, outcome: TransferOutcome, reason: str | None = None, text: str = "") -> None:
        """There are no more bytes."""
        try:
            if outcome is not TransferOutcome.INTERRUPTED:
                self._window.check_resumed()
        except CambusError as error:
            self.fail(error)
            return
        self._end = TransferEnd(
            outcome=outcome,
            reason=reason,
            text=text[:1000],
            bytes=self._window.end,
            sha256=self._window.sha256,
            parts=self._parts,
        )
        self._changed.set()

    def fail(self, error: CambusError) -> None:
        """There are no more bytes, and those there were are not to be used."""
        self._failure = error
        self._changed.set()

    def _check(self) -> None:
        if self._over.is_set():
            raise TransferAbandonedError

    # --- life -------------------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Listen for requests.

        Raises:
            BusClosed: the connection is closed for good.
        """
        self._subscription = await self._bus.subscribe(self.subject, self._deliver)
        self._task = asyncio.create_task(self._serve(), name=self.subject)
        return self

    async def wait_over(self) -> None:
        """Wait until nobody has asked for anything for `idle_s` seconds."""
        await self._over.wait()

    async def close(self) -> None:
        """Listen no more; who waits for bytes, and a producer that is held back, learn of it."""
        self._over.set()
        self._room.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._end is None and self._failure is None:
            self._failure = Offline("the transfer was ended before it was complete", reason="transfer-gone")
        if self._subscription is not None:
            await self._subscription.drain()  # what is on its way here would wait for an answer in vain
        await self._answer_all(asyncio.get_running_loop().time())

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    # --- serving ----------------------------------------------------------------------------------------

    def _deliver(self, message: Msg) -> None:
        """Runs in the read loop: only notes what is asked for."""
        if not message.reply:
            return
        now = asyncio.get_running_loop().time()
        content_type = (message.headers or {}).get(header.CONTENT_TYPE)
        try:
            request = decode(TransferReadRequest, message.data, content_type)
        except CambusError as error:
            if len(self._refused) < MAX_WAITING:
                self._refused.append((message, error))
        else:
            self._waiting.append(_Read(message, request, now))
            self._asked_at = now
            if len(self._waiting) > MAX_WAITING:
                self._waiting[-MAX_WAITING - 1].since = float("-inf")
                del self._waiting[: -2 * MAX_WAITING]
        self._changed.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            await self._answer_all(loop.time())
            left_s = self._asked_at + self._idle_s - loop.time()
            if left_s <= 0:
                self._over.set()
                self._room.set()
                return
            if self._waiting:
                left_s = min(left_s, SHORT_AFTER_S / 4)
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _answer_all(self, now: float) -> None:
        refused, self._refused = self._refused, []
        for message, error in refused:
            await self._refuse(message, error)
        waiting, self._waiting = self._waiting, []
        left = [read for read in waiting if not await self._answer(read, now)]
        self._waiting = left + self._waiting

    async def _answer(self, read: _Read, now: float) -> bool:
        """Answer a request if that can be done now; whether it is done with."""
        offset = read.request.offset
        room = self._window.has_room
        try:
            if self._failure is not None:
                raise self._failure
            data = self._window.read(offset, min(read.request.max_bytes, self._most))
        except CambusError as error:
            await self._refuse(read.message, error)
            return True
        if not room and self._window.has_room:
            self._room.set()
        if self._end is not None and offset >= self._end.bytes:
            await self._send(
                read.message, encode(self._end, kind := content_type_for_reply(read.message)), kind
            )
            return True
        full = len(data) == min(read.request.max_bytes, self._most)
        no_more = self._end is not None or not self._window.has_room
        waited_s = now - read.since
        if waited_s < (SHORT_AFTER_S if data else EMPTY_AFTER_S) and not (full or (data and no_more)):
            return False
        await self._send(read.message, data, OCTETS, {header.OFFSET: str(offset)})
        return True

    @property
    def _most(self) -> int:
        return self._bus.max_payload - _ENVELOPE_BYTES

    async def _refuse(self, message: Msg, error: CambusError) -> None:
        body, headers = error_body(error, content_type_for_reply(message))
        await self._send(message, body, headers[header.CONTENT_TYPE], headers)

    async def _send(
        self, message: Msg, body: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        try:
            await self._bus.publish(
                message.reply, body, headers={**(headers or {}), header.CONTENT_TYPE: content_type}
            )
        except BusError:
            return  # it will be asked for again
