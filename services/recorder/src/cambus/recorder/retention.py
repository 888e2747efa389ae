"""What goes when: recordings that are too old or too many, and the oldest ones when the disk is full.

What is locked is never too old or too many. When the disk is full it goes last, after everything that is not.

A segment leaves in the order of the promise that a file exists if and only if a row does: first the file, durably,
then its row; a crash in between leaves a row without a file, which the next start removes. A segment that an export
is reading stays. All of it blocks.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.segment_file import sync_folder

logger = logging.getLogger(__name__)


class Retention:
    """Deletes what is to go.

    Args:
        root: the folder of the recordings.
        index: its index.
        reserve_bytes: what is to stay free on the disk.
        metrics: counts what goes.
        pinned: whether a segment must stay for now.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        reserve_bytes: int,
        metrics: RecorderMetrics,
        pinned: Callable[[str], bool],
    ) -> None:
        self._root = root
        self._index = index
        self._reserve = reserve_bytes
        self._metrics = metrics
        self._pinned = pinned
        self.full = False

    def apply(self, policies: Mapping[StreamKey, StreamPolicy], now_us: int) -> None:
        """Look once at everything.

        Raises:
            OSError: The disk cannot be read or written.
        """
        for key in self._index.streams():
            policy = policies.get(key)
            if policy is not None:
                self._apply_age(key, policy, now_us)
                self._apply_size(key, policy)
        self._apply_disk(policies)

    def _apply_age(self, key: StreamKey, policy: StreamPolicy, now_us: int) -> None:
        if policy.max_age_s is None:
            return
        limit_us = now_us - policy.max_age_s * 1_000_000
        for segment in self._oldest(key):
            if segment.end_us >= limit_us:
                return
            self._delete(segment, "age")

    def _apply_size(self, key: StreamKey, policy: StreamPolicy) -> None:
        if policy.max_bytes is None:
            return
        excess = self._index.bytes_of(key) - policy.max_bytes
        for segment in self._oldest(key):
            if excess <= 0:
                return
            self._delete(segment, "size")
            excess -= segment.extent.bytes

    def _apply_disk(self, policies: Mapping[StreamKey, StreamPolicy]) -> None:
        for segment in chain(self._oldest(None), self._oldest(None, locked=True)):
            if self._free() >= self._reserve:
                break
            policy = policies.get(segment.key)
            if policy is None or not policy.stop_when_full:
                self._delete(segment, "disk-full")
        free = self._free()
        self._metrics.free(free)
        if (free < self._reserve) != self.full:
            self.full = free < self._reserve
            logger.warning(
                "the disk is full" if self.full else "the disk has room again", extra={"free": free}
            )

    def _oldest(self, key: StreamKey | None, *, locked: bool = False) -> Iterator[Segment]:
        """Closed segments that may go, oldest first; asked anew as long as there are some."""
        seen: set[str] = set()
        while True:
            found = self._index.oldest(key, limit=100 + len(seen), locked=locked)
            batch = [each for each in found if each.id not in seen]
            if not batch:
                return
            for segment in batch:
                seen.add(segment.id)
                if not self._pinned(segment.id):
                    yield segment

    def _free(self) -> int:
        return shutil.disk_usage(self._root).free

    def _delete(self, segment: Segment, reason: str) -> None:
        path = self._root / segment.name.path()
        with self._index.deciding:
            if self._index.is_locked(segment.id) != segment.locked:
                return
            path.unlink(missing_ok=True)
            (self._root / segment.name.lock_path()).unlink(missing_ok=True)
            sync_folder(path.parent)
            self._index.remove([segment.id])
        self._metrics.deleted(reason)
        logger.info(
            "deleted a recording",
            extra={"device": segment.key.device, "segment": segment.id, "reason": reason},
        )
