"""Frames as they come over the bus: whole, in their order, from a keyframe on; of live streams as long as one reads.

What a frame is, header and payload, is told in `cambus.media.frame`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from nats.aio.msg import Msg

from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.live_claim import LiveClaim
from cambus.client.tasks import end
from cambus.media.errors import FrameError
from cambus.media.frame import Frame, FrameAssembler, SequenceGate
from cambus.schemas import subjects
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import StreamName, new_ulid

logger = logging.getLogger(__name__)

MAX_WAITING_BYTES: Final = 32 << 20
"""What may wait for a reader: a minute of 4 Mbit/s, and more than the largest frame."""

CLAIM_TTL_S: Final = 20.0


class Frames:
    """The frames of a media subject, such as that of a playback; read them by `async for`.

    A reader that is too slow, or an outage, loses frames: then no video comes until the next keyframe.

    Args:
        connection: where they come from.
        subject: on which they are published.

    Attributes:
        gaps: how often frames were missing.
        lost: how many, as far as is known.
        overflows: how often too much was waiting for the reader, and was thrown away.
        malformed: messages that are no frame.
    """

    def __init__(self, connection: Connection, subject: str) -> None:
        self.subject = subject
        self.overflows = 0
        self.malformed = 0
        self._connection = connection
        self._gate = SequenceGate()
        self._assembler = FrameAssembler()
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._come = asyncio.Event()

    @property
    def gaps(self) -> int:
        """See above."""
        return self._gate.gaps

    @property
    def lost(self) -> int:
        """See above."""
        return self._gate.lost

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield frames until one says that it is the last.

        Raises:
            BusError: NATS refuses the subscription, or the connection is closed.
        """
        async with self._subscribed():
            while True:
                frame = await self._next()
                yield frame
                if frame.end:
                    return

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[None]:
        subscription = await self._connection.subscribe(self.subject, self._take)
        try:
            yield
        finally:
            await subscription.close()

    def _take(self, message: Msg) -> None:
        try:
            frame = self._assembler.push(message.data)
        except FrameError as error:
            self.malformed += 1
            logger.debug("no frame", extra={"subject": self.subject, "reason": str(error)})
            return
        if frame is None:
            return
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self.overflows += 1
            self._waiting.clear()  # the gate sees the gap
            self._waiting_bytes = 0
        self._waiting.append(frame)
        self._waiting_bytes += len(frame.payload)
        self._come.set()

    async def _next(self) -> Frame:
        while True:
            while self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame.payload)
                if self._gate.accept(frame):
                    return frame
            self._come.clear()
            await self._come.wait()
            self._look()

    def _look(self) -> None:
        """Raise what keeps frames from ever coming."""


class LiveFrames(Frames):
    """The frames of a camera. The device sends them while somebody reads, and a little longer.

    Args:
        connection: where they come from.
        client: calls the connector that holds the device.
        device: the device.
        channel: its channel, counted from 0.
        stream: which encoder.

    Attributes:
        trouble: why nothing comes at present; None while the stream is claimed.
    """

    def __init__(
        self, connection: Connection, client: BusClient, device: str, channel: int, stream: StreamName
    ) -> None:
        super().__init__(connection, subjects.media_subject(device, channel, stream))
        self.trouble: CambusError | None = None
        self._claim = LiveClaim(
            client,
            device,
            channel,
            stream,
            f"client-{new_ulid()}",
            ttl_s=CLAIM_TTL_S,
            on_outcome=self._on_outcome,
        )
        self._told: asyncio.Future[CambusError | None] | None = None
        self._holding: asyncio.Task[None] | None = None

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Claim the stream, and yield its frames without end: what breaks off is claimed again.

        Raises:
            CambusError: it cannot be had, told before the first frame: `Offline`, `NotFound`, `Unsupported`, …
                What goes wrong later is in `trouble`, and tried again.
            BusError: NATS refuses the subscription, or the connection is closed.
        """
        async with self._subscribed(), self._claimed():
            while True:
                frame = await self._next()
                if frame.end:
                    self._claim.wake()  # it broke off: claim it again now
                yield frame

    @asynccontextmanager
    async def _claimed(self) -> AsyncIterator[None]:
        self._told = asyncio.get_running_loop().create_future()
        self._holding = asyncio.create_task(self._claim.hold())
        self._holding.add_done_callback(lambda _: self._come.set())
        try:
            either: list[asyncio.Future[Any]] = [self._told, self._holding]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self._look()
            if error := self._told.result():
                raise error
            yield
        finally:
            await end(self._holding)
            await self._claim.release()

    def _on_outcome(self, error: CambusError | None) -> None:
        self.trouble = error
        if self._told is not None and not self._told.done():
            self._told.set_result(error)

    def _look(self) -> None:
        if self._holding is not None and self._holding.done():
            self._holding.result()
