"""The files of one stream: carries out what the cutter says, on the disk and in the index. Blocks."""

import errno
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from cambus.media.errors import ContainerError
from cambus.recorder.cutting import Append, Begin, Cut
from cambus.recorder.disk import DISK, Disk
from cambus.recorder.extent import extent_of, scan_file
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import BROKEN_SUFFIX, SegmentName, StreamKey
from cambus.recorder.seals import check_file
from cambus.recorder.segment_file import SegmentFile
from cambus.schemas.ids import new_ulid
from cambus.schemas.spans import GapReason

logger = logging.getLogger(__name__)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class WriteFailedError(Exception):
    """The disk did not take it. The open segment is closed and not written to again.

    Attributes:
        reason: whether the disk is full or broken.
        lost_from_us: from when on media that was durable is gone all the same; None if what was read back is whole.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = GapReason.DISK_FULL if error.errno in FULL else GapReason.DISK_ERROR
        self.lost_from_us: int | None = None


class StreamWriter:
    """Writes one stream's segments, one open at a time.

    `on_durable(start_us, end_us)` is told of every span that is on the disk, `on_closed` of every complete
    segment; both are called in the writing thread.
    """

    def __init__(
        self,
        key: StreamKey,
        root: Path,
        index: Index,
        *,
        on_durable: Callable[[int, int], None],
        on_closed: Callable[[Segment], None],
        disk: Disk = DISK,
    ) -> None:
        self._key = key
        self._root = root
        self._index = index
        self._on_durable = on_durable
        self._on_closed = on_closed
        self._file: SegmentFile | None = None
        self._segment: Segment | None = None
        self._disk = disk
        self._unsettled: list[Segment] = []

    def write(self, cuts: Iterable[Cut]) -> None:
        """Carry out some cuts, in order.

        Raises:
            WriteFailedError: One could not be; those behind it were not tried.
        """
        try:
            for cut in cuts:
                match cut:
                    case Begin():
                        self._begin(cut)
                    case Append():
                        self._append(cut)
                    case _:
                        self.close()
        except OSError as error:
            raise self._give_up(error) from error

    def settle(self) -> None:
        """Write the rows of complete segments that the index did not take, as far as it does now."""
        while self._unsettled:
            try:
                self._index.close_segment(self._unsettled[0])
            except OSError as error:
                logger.warning("the index takes no rows", extra={"reason": str(error)})
                return
            self._on_closed(self._unsettled.pop(0))

    def _begin(self, cut: Begin) -> None:
        self.close()
        name = SegmentName(self._key, new_ulid(), cut.start_us, cut.trigger)
        self._file = SegmentFile(self._root, name.path(), cut.head, self._disk)
        self._segment = Segment(name, cut.start_us, cut.extent, open=True)

    def _append(self, cut: Append) -> None:
        if self._file is None or self._segment is None:
            return
        self._file.append(cut.data)
        before = self._segment
        extent = before.extent.grown(self._file.bytes, cut.duration_us)
        self._segment = replace(before, end_us=before.start_us + cut.duration_us, extent=extent)
        self._index.put([self._segment])
        self._on_durable(max(before.end_us, before.start_us + cut.begin_us), self._segment.end_us)

    def close(self) -> None:
        """End the open segment, if there is one; a file without media is removed again."""
        file, segment = self._file, self._segment
        self._file = self._segment = None
        if file is not None and segment is not None:
            file.close()
            self._end(segment)
        self.settle()

    def _end(self, segment: Segment) -> None:
        if segment.extent.duration_us > 0:
            self._unsettled.append(replace(segment, open=False))
            return
        try:
            self._disk.remove(self._root / segment.name.path())
        except OSError as error:
            logger.error("a file without media stays for now", extra={"reason": str(error)})

    def _give_up(self, error: OSError) -> WriteFailedError:
        """End the open segment after a failure; what an error of the disk left of it is read back."""
        failure = WriteFailedError(error)
        file, segment = self._file, self._segment
        self._file = self._segment = None
        if file is not None and segment is not None:
            file.close()
            if failure.reason is GapReason.DISK_ERROR and segment.extent.duration_us > 0:
                segment = self._read_back(segment, failure)
            if segment is not None:
                self._end(segment)
        self.settle()
        return failure

    def _read_back(self, segment: Segment, failure: WriteFailedError) -> Segment | None:
        """What is left of a segment on the disk itself; a file nobody can read is set aside."""
        path = self._root / segment.name.path()
        try:
            intact = check_file(path, from_disk=True).intact_bytes
            if intact >= segment.extent.bytes:
                return segment
            extent = extent_of(scan_file(path, limit=intact))
        except (OSError, ContainerError) as error:
            logger.error("a segment cannot be read back", extra={"segment": segment.id, "reason": str(error)})
            extent = segment.extent.grown(0, 0)
        failure.lost_from_us = segment.start_us + extent.duration_us
        logger.error(
            "the disk lost what it had taken", extra={"segment": segment.id, "from_us": failure.lost_from_us}
        )
        if extent.duration_us > 0:
            return replace(segment, end_us=failure.lost_from_us, extent=extent)
        try:
            self._disk.rename(path, path.with_name(path.name + BROKEN_SUFFIX))
            self._index.remove([segment.id])
        except OSError as error:
            logger.error("a broken file could not be set aside", extra={"reason": str(error)})
        return None
