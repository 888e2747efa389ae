"""The reading side of a bulk transfer (`cambus.schemas.transfer`): a few chunks asked for at a time, none lost."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from nats.aio.msg import Msg

from cambus.client.connection import Connection
from cambus.client.errors import BusClosed, BusUnavailable, NoResponders
from cambus.schemas import headers as header
from cambus.schemas.codec import MSGPACK, decode, encode
from cambus.schemas.errors import DeadlineExceeded, ErrorReply, Internal, Offline, from_reply
from cambus.schemas.transfer import CHUNK_BYTES, OCTETS, TransferEnd, TransferReadRequest

AHEAD: Final = 3
"""Chunks asked for at a time; their bytes stay well inside the sender's window."""

ATTEMPTS: Final = 4
BACK_S: Final = 0.5
"""A sender without its connection may be back with it: so long until it is looked for again."""

ASK_TIMEOUT_S: Final = 8.0
"""Longer than a sender stays silent; a chunk a dead one was asked for is known to be lost after it."""


class TransferReader:
    """Reads one transfer from an offset on.

    Args:
        bus: the connection.
        subject: where chunks are asked for.
        offset: where to begin.
        chunk_bytes: how much to ask for at a time.
        ahead: how many chunks to ask for at a time; all but one have to fit the sender's window.
        timeout_s: how long to wait for one before it is asked for again.

    Attributes:
        end: how the transfer ended; None before.
        offset: of the next byte to be handed out.
    """

    def __init__(
        self,
        bus: Connection,
        subject: str,
        *,
        offset: int = 0,
        chunk_bytes: int = CHUNK_BYTES,
        ahead: int = AHEAD,
        timeout_s: float = ASK_TIMEOUT_S,
    ) -> None:
        self.end: TransferEnd | None = None
        self.offset = offset
        self._bus = bus
        self._subject = subject
        self._chunk_bytes = chunk_bytes
        self._ahead = ahead
        self._timeout_s = timeout_s

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes in order until the end, which is then in `end`.

        Raises:
            Offline: the transfer is gone; resume it with a new one.
            DeadlineExceeded: a chunk did not come, asked for repeatedly.
            CambusError: what the sender said instead.
        """
        asked: deque[asyncio.Task[bytes | TransferEnd]] = deque()
        ask_at = self.offset
        try:
            while True:
                while len(asked) < self._ahead:
                    asked.append(asyncio.create_task(self._ask(ask_at), name=f"chunk {ask_at}"))
                    ask_at += self._chunk_bytes
                answer = await asked.popleft()
                if isinstance(answer, TransferEnd):
                    self.end = answer
                    return
                self.offset += len(answer)
                if len(answer) < self._chunk_bytes:  # those asked for behind it begin at the wrong place
                    await _drop(asked)
                    ask_at = self.offset
                if answer:
                    yield answer
        finally:
            await _drop(asked)

    async def _ask(self, offset: int) -> bytes | TransferEnd:
        body = encode(TransferReadRequest(offset=offset, max_bytes=self._chunk_bytes))
        gone: Offline | None = None
        for attempt in range(ATTEMPTS):
            try:
                message = await self._bus.request(
                    self._subject, body, headers={header.CONTENT_TYPE: MSGPACK}, timeout_s=self._timeout_s
                )
            except BusUnavailable:
                continue
            except (NoResponders, BusClosed):
                gone = Offline("the transfer is over or its sender is gone", reason="transfer-gone")
                await asyncio.sleep(BACK_S if attempt + 1 < ATTEMPTS else 0)
                continue
            return self._read(message, offset)
        if gone is not None:
            raise gone
        raise DeadlineExceeded(
            f"the bytes from {offset} on did not come, asked for {ATTEMPTS} times", reason="no-chunk"
        )

    def _read(self, message: Msg, offset: int) -> bytes | TransferEnd:
        headers = message.headers or {}
        kind = headers.get(header.CONTENT_TYPE)
        if header.SERVICE_ERROR_CODE in headers:
            raise from_reply(decode(ErrorReply, message.data, kind))
        if kind != OCTETS:
            return decode(TransferEnd, message.data, kind)
        if headers.get(header.OFFSET) != str(offset) or len(message.data) > self._chunk_bytes:
            raise Internal("the sender answered something else than what was asked for")
        return message.data


async def _drop(asked: deque[asyncio.Task[bytes | TransferEnd]]) -> None:
    """Ask no longer; failures of what nobody waits for any more are no matter."""
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    asked.clear()
