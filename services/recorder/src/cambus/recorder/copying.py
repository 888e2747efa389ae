"""Copies to the object storage, all in one place: what is to be copied, who does it, and the alarm about it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cambus.bus.events import EventPublisher
from cambus.client.errors import BusError
from cambus.recorder.alarm_board import AlarmBoard
from cambus.recorder.bandwidth import Bandwidth
from cambus.recorder.copier import Copier
from cambus.recorder.copies import Copies
from cambus.recorder.copy_names import CopyNames
from cambus.recorder.copy_store import CopyStore, StoreAddress
from cambus.recorder.disk import Disk
from cambus.recorder.disk_alarms import DiskAlarms
from cambus.recorder.index import Index, Segment
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import CopyWish
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.share import Share
from cambus.schemas.alarms import AlarmType
from cambus.schemas.spans import RecordingTrigger

ALARM_LOOK_S: Final = 5.0


def has_alarm(board: AlarmBoard, segment: Segment) -> bool:
    """Whether a segment was recorded for an alarm, or holds a time at which there was one."""
    if segment.name.trigger is RecordingTrigger.ALARM:
        return True
    return any(
        alarm.channel in {None, segment.key.channel}
        and alarm.raised_us < segment.end_us
        and (alarm.cleared_us is None or alarm.cleared_us >= segment.start_us)
        for alarm in board.of(segment.key.device)
    )


class Copying:
    """The copies of one recorder.

    Args:
        settings: where they go and how.
        root: the folder of the recordings.
        share: what the policies say, and the alarms.
        metrics: counts them.
        disk: where the recordings are.

    Attributes:
        copies: what is to be copied.
        copier: who does it.
    """

    def __init__(
        self, settings: RecorderSettings, root: Path, share: Share, metrics: RecorderMetrics, disk: Disk
    ) -> None:
        self._settings = settings
        self._share = share
        self._threads = ThreadPoolExecutor(settings.copy_concurrency, "copy")
        self._undecided: list[Segment] = []
        self.copies = Copies(root, disk)
        self.copier = Copier(
            settings.instance,
            root,
            self.copies,
            self._open,
            CopyNames(settings.copy_name),
            self._threads,
            Bandwidth(settings.copy_mbit_s * 125_000),
            metrics,
            concurrency=settings.copy_concurrency,
            alarm_s=settings.copy_alarm_s,
        )

    async def load(self, index: Index) -> None:
        """Learn what is to be copied: before anything is deleted.

        Raises:
            OSError: The disk cannot be read or written.
        """
        loop = asyncio.get_running_loop()
        self._undecided = await loop.run_in_executor(self._threads, self.copies.load, index)

    async def run(self, publisher: EventPublisher, index: Index) -> None:
        """Copy what was loaded and what comes, and tell when that fails for long, until cancelled."""
        await self._share.policies.wait_synced()
        while self._undecided:
            await self.complete(self._undecided[-1])
            self._undecided.pop()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.copier.run())
            group.create_task(self._watch(DiskAlarms(publisher, index, self._settings.instance)))

    async def complete(self, segment: Segment) -> None:
        """Decide whether a complete segment is copied, and note that durably.

        Raises:
            BusError: What the policies say is not known yet.
            OSError: The disk does not take it.
        """
        if not self._share.policies.synced:
            raise BusError("the policies are not known yet")
        wish = self._wish_of(segment)
        if wish is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self.copies.add, segment, wish.container)

    async def _watch(self, alarms: DiskAlarms) -> None:
        while True:
            trouble = self.copier.trouble
            await alarms.tell(AlarmType.STORAGE_CLOUD, trouble is not None, trouble or "")
            await asyncio.sleep(ALARM_LOOK_S)

    def close(self) -> None:
        """End the threads; blocks until they have ended."""
        self._threads.shutdown()

    def _wish_of(self, segment: Segment) -> CopyWish | None:
        policy = self._share.policies.applied(datetime.now(UTC)).get(segment.key)
        wish = policy.copies if policy is not None else None
        if wish is not None and wish.alarms_only and not has_alarm(self._share.board, segment):
            return None
        return wish

    def _open(self) -> CopyStore:
        settings = self._settings
        return CopyStore(
            StoreAddress(
                settings.copy_url or "",
                endpoint=settings.copy_endpoint,
                region=settings.copy_region,
                key_id_file=settings.copy_key_id_file,
                secret_file=settings.copy_secret_file,
                ca_file=settings.copy_ca_file,
            )
        )
