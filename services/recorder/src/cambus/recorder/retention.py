"""What goes when: recordings that are too old or too many, and the oldest ones when the disk is full.

What is locked or still to be copied is never too old or too many. When the disk is full what is locked goes last, after
everything that is not; what was not copied goes as any other, and is told.

A segment leaves in the order of the promise that a file exists if and only if a row does: it is noted that
it goes, then goes the file, durably, then its row; what a crash left half done is finished by the next start, and is
not taken for a gap. A segment that an export is reading stays. All of it blocks.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from cambus.recorder.copy_marks import remove_marks
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.index import Index, Segment
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy

logger = logging.getLogger(__name__)

LEAST_RESERVE_BYTES = 64 << 20
LEAST_RESERVE_PART = 20  # of the disk's size, where that is less
ROOM_BYTES = 64 << 20  # made when a write was refused though there seemed to be room, as by a quota


def possible_reserve(wanted: int, total: int) -> int:
    """What is to stay free on a disk of `total` bytes: never nothing, and never more than nine tenths of it.

    Without anything free neither the index nor the events could be written, nor would anything ever be deleted; with
    more wanted than the disk can give everything would be.
    """
    least = min(LEAST_RESERVE_BYTES, total // LEAST_RESERVE_PART)
    return max(least, min(wanted, total // 10 * 9))


class Retention:
    """Deletes what is to go.

    Args:
        root: the folder of the recordings.
        index: its index.
        reserve_bytes: what is to stay free on the disk.
        metrics: counts what goes.
        pinned: whether a segment must stay for now.
        uncopied: whether a segment is still to be copied; it goes only when the disk is full, and is told then.
        disk: where it is.
        on_lost: told of every segment that was deleted before it was copied.

    Attributes:
        full: whether less is free than should be, and nothing may go.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        reserve_bytes: int,
        metrics: RecorderMetrics,
        pinned: Callable[[str], bool],
        disk: Disk = DISK,
        *,
        uncopied: Callable[[str], bool] = lambda _: False,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._disk = disk
        self._journal = Journal(root, disk)
        self._root = root
        self._index = index
        _, total = disk.space(root)
        self._reserve = possible_reserve(reserve_bytes, total)
        if self._reserve < reserve_bytes:
            logger.error(
                "the disk is too small for its reserve",
                extra={"wanted": reserve_bytes, "reserve": self._reserve, "size": total},
            )
        self._refused = False
        self._deciding = threading.Lock()
        self.last_free = total
        self._metrics = metrics
        self._pinned = pinned
        self._uncopied = uncopied
        self._on_lost = on_lost
        self.full = False

    def apply(self, policies: Mapping[StreamKey, StreamPolicy], now_us: int) -> None:
        """Look once at everything.

        Raises:
            OSError: The disk cannot be read or written.
        """
        with self._deciding:
            for key in self._index.streams():
                policy = policies.get(key)
                if policy is not None:
                    self._apply_age(key, policy, now_us)
                    self._apply_size(key, policy)
            self._make_room(policies)

    def _apply_age(self, key: StreamKey, policy: StreamPolicy, now_us: int) -> None:
        if policy.max_age_s is None:
            return
        limit_us = now_us - policy.max_age_s * 1_000_000
        for segment in self._oldest(key):
            if segment.end_us >= limit_us:
                return
            if not self._uncopied(segment.id):
                self._delete(segment, "age")

    def _apply_size(self, key: StreamKey, policy: StreamPolicy) -> None:
        if policy.max_bytes is None:
            return
        excess = self._index.bytes_of(key) - policy.max_bytes
        for segment in self._oldest(key):
            if excess <= 0:
                return
            if self._uncopied(segment.id):
                continue
            self._delete(segment, "size")
            excess -= segment.extent.bytes

    def refused(self) -> None:
        """A write was refused because the disk is full, however much is free."""
        self._refused = True

    def may_write(self, *, stop_when_full: bool) -> bool:
        """Whether media may be written. The last quarter of the reserve is for the index, the journal and events."""
        return not self.full or (not stop_when_full and self.last_free > self._reserve // 4)

    @property
    def room(self) -> int:
        """Bytes that may be written and leave what is to stay free."""
        return max(self._free() - self._reserve, 0)

    def make_room(self, policies: Mapping[StreamKey, StreamPolicy]) -> None:
        """Delete the oldest while the disk is full.

        Raises:
            OSError: The disk cannot be read or written.
        """
        with self._deciding:
            self._make_room(policies)

    def _make_room(self, policies: Mapping[StreamKey, StreamPolicy]) -> None:
        refused, self._refused = self._refused, False
        owed = min(ROOM_BYTES, self._reserve) if refused else 0
        for segment in chain(self._oldest(None), self._oldest(None, locked=True)):
            if self._free() >= self._reserve and owed <= 0:
                break
            policy = policies.get(segment.key)
            if policy is None or not policy.stop_when_full:
                self._delete(segment, "disk-full")
                owed -= segment.extent.bytes
        free, size = self._disk.space(self._root)
        self._metrics.space(free, size)
        self.last_free = free
        full = free < self._reserve or owed > 0
        if full != self.full:
            self.full = full
            logger.warning("the disk is full" if full else "the disk has room again", extra={"free": free})

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
        return self._disk.space(self._root)[0]

    def _delete(self, segment: Segment, reason: str) -> None:
        path = self._root / segment.name.path()
        with self._index.deciding:
            if self._index.is_locked(segment.id) != segment.locked:
                return
            self._remove(segment, path)
        self._metrics.deleted(reason)
        if self._uncopied(segment.id):
            logger.error(
                "the disk is full: deleted a recording that was not copied",
                extra={"device": segment.key.device, "segment": segment.id},
            )
            self._on_lost(segment.id)
        logger.info(
            "deleted a recording",
            extra={"device": segment.key.device, "segment": segment.id, "reason": reason},
        )

    def _remove(self, segment: Segment, path: Path) -> None:
        try:
            self._index.doom(segment.id)
        except OSError as error:
            logger.warning("a deletion cannot be noted before", extra={"reason": str(error)})
        self._disk.remove(path)
        self._disk.remove(self._root / segment.name.lock_path())
        remove_marks(self._root, segment.name, self._disk)
        self._disk.sync_folder(path.parent)
        self._index.remove([segment.id])
        if self._index.last_end_us(segment.key) is None:  # what was deleted is no gap
            self._journal.duty_from(segment.key, segment.end_us)
