"""A process that records for ever, as fast as the disk takes it, and says what is durable; made to be killed.

    python endless_recording.py FOLDER

It starts as the recorder does: files and index are brought together first. Then each line on its output is a span that
is durable, in microseconds: `start end`.
"""

import itertools
import sys
from pathlib import Path

from durability import KEY, Scribe
from recorded_frames import START_US, real_frames

from cambus.recorder.opening import open_index
from cambus.recorder.recovery import recover

BATCH = 50


class Teller(list[tuple[int, int]]):
    """Says what is appended, at once."""

    def append(self, span: tuple[int, int]) -> None:
        sys.stdout.write(f"{span[0]} {span[1]}\n")
        sys.stdout.flush()


def main() -> None:
    root = Path(sys.argv[1])
    index = open_index(root)
    recover(root, index)
    last_us = index.last_end_us(KEY) or START_US
    scribe = Scribe(root, index, segment_s=5.0)
    scribe.told = Teller()
    first = ((last_us - START_US) // 40_000 // BATCH + 2) * BATCH
    for begin in itertools.count(first, BATCH):
        scribe.record(real_frames(BATCH, first=begin))


if __name__ == "__main__":
    main()
