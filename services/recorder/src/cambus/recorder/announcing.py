"""Telling the bus of complete segments: none is forgotten, whatever is full, away or crashes meanwhile.

A row that is complete is marked as unannounced in the same transaction; the mark goes when the event is in the outbox.
A crash in between tells it twice, with the same id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import cast

from cambus.bus.events import EventPublisher
from cambus.client.errors import BusError
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import from_us
from cambus.recorder.observe import RecorderMetrics
from cambus.schemas.encoding import AudioCodec, VideoCodec
from cambus.schemas.events.recording import CLOSED, RecordingClosed
from cambus.schemas.ids import derived_event_id

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class Announcer:
    """Publishes `recording.closed` for every complete segment.

    Args:
        replica: this replica's name.
        index: knows what is still to be announced.
        threads: where the index is read.
        metrics: counts the segments.
        protocol_of: the protocol of a device.
        on_complete: told of every complete segment before it is announced, again after a crash or an error.

    Attributes:
        repaired: segments that were cut short by a crash.
    """

    def __init__(
        self,
        replica: str,
        index: Index,
        threads: Executor,
        metrics: RecorderMetrics,
        protocol_of: Callable[[str], str],
        on_complete: Callable[[Segment], Awaitable[None]] | None = None,
    ) -> None:
        self._replica = replica
        self._index = index
        self._threads = threads
        self._metrics = metrics
        self._protocol_of = protocol_of
        self._on_complete = on_complete
        self._wake = asyncio.Event()
        self._wake.set()
        self.repaired: set[str] = set()

    def wake(self) -> None:
        """A segment is complete."""
        self._wake.set()

    async def run(self, publisher: EventPublisher) -> None:
        """Announce until cancelled; what is there from before first."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.announce(publisher)
            except (BusError, OSError) as error:
                logger.warning("segments wait to be announced", extra={"reason": str(error)})
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    async def announce(self, publisher: EventPublisher) -> None:
        """Announce everything that is to be announced.

        Raises:
            BusError: The outbox takes nothing now.
            OSError: The index fails.
        """
        loop = asyncio.get_running_loop()
        for segment in await loop.run_in_executor(self._threads, self._index.unannounced):
            if self._on_complete is not None:
                await self._on_complete(segment)
            await publisher.publish(CLOSED, self._event(segment))
            self._metrics.closed(segment.extent.bytes)
            self.repaired.discard(segment.id)
            await loop.run_in_executor(self._threads, self._index.announced, segment.id)

    def _event(self, segment: Segment) -> RecordingClosed:
        start, end = from_us(segment.start_us), from_us(segment.end_us)
        return RecordingClosed(
            id=derived_event_id(end, "recording.closed", segment.id),
            device=segment.key.device,
            protocol=self._protocol_of(segment.key.device),
            at=datetime.now(UTC),
            channel=segment.key.channel,
            stream=segment.key.stream,
            segment=segment.id,
            replica=self._replica,
            start=start,
            end=end,
            bytes=segment.extent.bytes,
            trigger=segment.name.trigger,
            codec=cast(VideoCodec, segment.extent.codec),
            width=segment.extent.width,
            height=segment.extent.height,
            audio_codec=cast(AudioCodec | None, segment.extent.audio_codec),
            repaired=segment.id in self.repaired,
        )
