"""The files of one stream: carries out what the cutter says, on the disk and in the index. Blocks."""

import errno
from collections.abc import Callable, Iterable
from pathlib import Path

from cambus.recorder.cutting import Append, Begin, Cut
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import SegmentName, StreamKey
from cambus.recorder.segment_file import SegmentFile
from cambus.schemas.ids import new_ulid
from cambus.schemas.spans import GapReason

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class WriteFailedError(Exception):
    """The disk did not take it; `reason` says whether it is full or broken. The open segment is closed."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = GapReason.DISK_FULL if error.errno in FULL else GapReason.DISK_ERROR


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
    ) -> None:
        self._key = key
        self._root = root
        self._index = index
        self._on_durable = on_durable
        self._on_closed = on_closed
        self._file: SegmentFile | None = None
        self._segment: Segment | None = None

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
            self.close()
            raise WriteFailedError(error) from error

    def _begin(self, cut: Begin) -> None:
        self.close()
        name = SegmentName(self._key, new_ulid(), cut.start_us, cut.trigger)
        self._file = SegmentFile(self._root, name.path(), cut.head)
        self._segment = Segment(name, cut.start_us, cut.extent, open=True)

    def _append(self, cut: Append) -> None:
        if self._file is None or self._segment is None:
            return
        self._file.append(cut.data)
        before = self._segment
        extent = before.extent.grown(self._file.bytes, cut.duration_us)
        self._segment = Segment(before.name, before.start_us + cut.duration_us, extent, open=True)
        self._index.put([self._segment])
        self._on_durable(before.end_us, self._segment.end_us)

    def close(self) -> None:
        """End the open segment, if there is one; a file without media is removed again."""
        file, segment = self._file, self._segment
        self._file = self._segment = None
        if file is None or segment is None:
            return
        file.close()
        if segment.extent.duration_us == 0:
            file.path.unlink(missing_ok=True)
            return
        closed = Segment(segment.name, segment.end_us, segment.extent, open=False)
        self._index.put([closed])
        self._on_closed(closed)
