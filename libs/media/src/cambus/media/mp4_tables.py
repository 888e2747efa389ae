"""The sample tables of a plain MP4 track, gathered run by run (ISO/IEC 14496-12 §8.6, §8.7)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from itertools import accumulate, groupby, repeat

from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import TrackRun
from cambus.media.mp4_boxes import full_box
from cambus.media.mp4_movie import LONGEST_SAMPLE

_WIDE = 1 << 32


class RunLengths:
    """A column of a table in (count, value) pairs."""

    def __init__(self) -> None:
        self.pairs: list[list[int]] = []

    def add(self, value: int, count: int = 1) -> None:
        """Append `count` times the same value."""
        if self.pairs and self.pairs[-1][1] == value:
            self.pairs[-1][0] += count
        elif count:
            self.pairs.append([count, value])

    def extend(self, values: Iterable[int]) -> None:
        """Append values one by one."""
        for value, group in groupby(values):
            self.add(value, sum(1 for _ in group))


class SampleTables:
    """Collects the runs of one track in decoding order; each becomes one chunk.

    Where the next run begins later than the last one ended, the last sample is prolonged over the gap; where
    it begins earlier, it follows the last sample after one tick and the clock catches up at the next run.
    """

    def __init__(self, *, is_video: bool) -> None:
        self._is_video = is_video
        self._sizes = array("I")
        self._steps = RunLengths()
        self._cts = RunLengths()
        self._sync = array("I")
        self._chunks = array("Q")
        self._samples_per_chunk: list[tuple[int, int, int]] = []  # first chunk, samples, sample entry
        self.first_dts = 0
        self.first_cts = 0
        self.end_pts = 0
        self._last_dts = 0
        self._last_duration = 0

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self._sizes)

    @property
    def duration(self) -> int:
        """Ticks from the first sample's beginning to the last one's end."""
        return self._last_dts + self._last_duration - self.first_dts

    def add(self, run: TrackRun, *, dts: int, position: int, entry: int) -> None:
        """Append the samples of a run.

        Args:
            run: the samples; their own decode time and offset are not used.
            dts: decode time of the first on the common time line.
            position: of the first byte inside the `mdat` payload.
            entry: 1-based number of its sample entry.

        Raises:
            ContainerError: the gap before it is longer than a sample can be.
        """
        if not run.sizes:
            return
        if self.count:
            step = max(1, dts - self._last_dts)
            if step > LONGEST_SAMPLE:
                raise ContainerError(f"a gap of {step} ticks")
            self._steps.add(step)
            self._last_dts += step
        else:
            self.first_dts = self._last_dts = dts
            self.first_cts = run.cts_offsets[0] if run.cts_offsets else 0
        ends = accumulate(run.durations, initial=self._last_dts)
        next(ends)
        offsets = run.cts_offsets or repeat(0)
        self.end_pts = max(self.end_pts, *(end + cts for end, cts in zip(ends, offsets, strict=False)))
        inner = run.durations[:-1]
        self._steps.extend(inner)
        self._last_dts += sum(inner)
        self._last_duration = run.durations[-1]
        if self._is_video:
            self._sync.extend(self.count + 1 + index for index, sync in enumerate(run.sync) if sync)
        self._sizes.extend(run.sizes)
        self._cts.extend(run.cts_offsets or array("i", (0,)) * len(run.sizes))
        self._chunks.append(position)
        if not self._samples_per_chunk or self._samples_per_chunk[-1][1:] != (len(run.sizes), entry):
            self._samples_per_chunk.append((len(self._chunks), len(run.sizes), entry))

    def boxes(self, data_offset: int, *, wide: bool) -> list[bytes]:
        """`stts`, `ctts`, `stss`, `stsc`, `stsz`, `stco` or `co64`; their size does not depend on the offset.

        Args:
            data_offset: where the `mdat` payload begins in the file.
            wide: chunk offsets of 64 bits.
        """
        steps = RunLengths()
        steps.pairs = [list(pair) for pair in self._steps.pairs]
        if self.count:
            steps.add(self._last_duration)
        boxes = [_counted(b"stts", 0, 2, (number for pair in steps.pairs for number in pair))]
        if any(offset for _, offset in self._cts.pairs):
            pairs = (number & 0xFFFFFFFF for pair in self._cts.pairs for number in pair)
            boxes.append(_counted(b"ctts", 1, 2, pairs))
        if self._is_video:
            boxes.append(_counted(b"stss", 0, 1, self._sync))
        boxes.append(_counted(b"stsc", 0, 3, (number for row in self._samples_per_chunk for number in row)))
        boxes.append(
            full_box(b"stsz", 0, 0, bytes(4), self.count.to_bytes(4, "big"), _big_endian(self._sizes))
        )
        offsets = array("Q" if wide else "I", (data_offset + position for position in self._chunks))
        count = len(offsets).to_bytes(4, "big")
        boxes.append(full_box(b"co64" if wide else b"stco", 0, 0, count, _big_endian(offsets)))
        return boxes


def needs_wide_offsets(data_bytes: int, head_bytes: int) -> bool:
    """Whether chunk offsets pass 32 bits."""
    return data_bytes + head_bytes >= _WIDE


def _counted(kind: bytes, version: int, columns: int, numbers: Iterable[int]) -> bytes:
    """A table of u32: how many rows of `columns` numbers, then the numbers."""
    table = array("I", numbers)
    return full_box(kind, version, 0, (len(table) // columns).to_bytes(4, "big"), _big_endian(table))


def _big_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        return numbers.tobytes()
    swapped = numbers[:]
    swapped.byteswap()
    return swapped.tobytes()
