"""Looking at the disk every second: makes room, tells when it is full and when that is over."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from cambus.bus.events import EventPublisher
from cambus.recorder.disk_alarms import DiskAlarms
from cambus.recorder.index import ROOM_BYTES, Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.retention import Retention
from cambus.schemas.alarms import AlarmType
from cambus.schemas.spans import GapReason

logger = logging.getLogger(__name__)

LOOK_S = 1.0
HEALED_S = 30.0
"""Seconds without an error after which the disk counts as working again."""


class DiskWatch:
    """Keeps an eye on one disk.

    Args:
        retention: deletes, and knows whether the disk is full.
        index: is kept writable, and remembers which alarms were raised.
        metrics: says how it is.
        replica: this replica's name.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        retention: Retention,
        index: Index,
        metrics: RecorderMetrics,
        replica: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retention = retention
        self._index = index
        self._metrics = metrics
        self._replica = replica
        self._clock = clock
        self._failed_at: float | None = None
        self._wake = asyncio.Event()

    def failed(self, reason: GapReason) -> None:
        """A write was refused."""
        if reason is GapReason.DISK_FULL:
            self._retention.refused()
        else:
            self._failed_at = self._clock()
        self._wake.set()

    async def run(
        self,
        publisher: EventPublisher,
        threads: Executor,
        wanted: Callable[[], Mapping[StreamKey, StreamPolicy]],
    ) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        alarms = DiskAlarms(publisher, self._index, self._replica)
        while True:
            self._wake.clear()
            try:
                await loop.run_in_executor(threads, self._look, dict(wanted()))
            except OSError as error:
                logger.error("the disk cannot be looked at", extra={"reason": str(error)})
            await alarms.tell(
                AlarmType.STORAGE_FULL, self._retention.full, f"the disk of {self._replica} is full"
            )
            await alarms.tell(
                AlarmType.STORAGE_ERROR, self._is_failing(), f"the disk of {self._replica} refuses writes"
            )
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(LOOK_S / 10)  # streams that are refused all the time must not keep it busy

    def _look(self, wanted: Mapping[StreamKey, StreamPolicy]) -> None:
        self._retention.make_room(wanted)
        self._metrics.full(self._retention.full)
        if not self._retention.full:
            self._index.make_room(at_least=ROOM_BYTES // 2)

    def _is_failing(self) -> bool:
        return self._failed_at is not None and self._clock() - self._failed_at < HEALED_S
