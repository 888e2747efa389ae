"""Where the gaps of one stream are written: a row of the index at once, a line of the journal for good."""

import logging
import threading
from collections.abc import Callable

from cambus.recorder.index import Gap, Index
from cambus.recorder.journal import Journal

logger = logging.getLogger(__name__)

JOURNAL_EVERY_US = 60_000_000
"""How much a gap that goes on grows before it is written down for good again."""


UNSURE_US = 30_000_000
"""Of a gap that goes on: what was received may still become durable, which shortens it."""


class GapRows:
    """Takes gaps as they grow; what the disk does not take is kept and tried again with the next.

    Args:
        index: its rows are current.
        journal: its lines outlive the index.
        on_lost: told how many seconds more are lost, and why: in the end just as many as there are.
    """

    def __init__(self, index: Index, journal: Journal, on_lost: Callable[[str, float], None]) -> None:
        self._index = index
        self._journal = journal
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._unwritten: dict[int, Gap] = {}
        self._unjournaled: dict[int, Gap] = {}
        self._counted = 0, 0  # the beginning of the last gap, and up to when it was counted
        self._journaled: Gap | None = None

    def put(self, gap: Gap, settled: bool) -> None:
        """Write a gap, or take it back if it ends where it begins; never raises."""
        with self._lock:
            self._count(gap, settled)
            self._unwritten[gap.start_us] = gap
            if settled or self._is_due(gap):
                self._unjournaled[gap.start_us] = gap
            self._write()

    def retry(self) -> None:
        """Try again what the disk did not take; never raises."""
        with self._lock:
            self._write()

    def _count(self, gap: Gap, settled: bool) -> None:
        """Tell what more is lost for sure: what is counted cannot be taken back, and a gap may end before now."""
        counted_us = self._counted[1] if self._counted[0] == gap.start_us else gap.start_us
        sure_us = gap.end_us if settled else gap.end_us - UNSURE_US
        if sure_us > counted_us:
            self._on_lost(gap.reason, (sure_us - counted_us) / 1e6)
        self._counted = gap.start_us, max(sure_us, counted_us)

    def _is_due(self, gap: Gap) -> bool:
        last = self._journaled
        new = last is None or last.start_us != gap.start_us
        return new or (last is not None and gap.end_us - last.end_us >= JOURNAL_EVERY_US)

    def _write(self) -> None:
        try:
            for gap in list(self._unwritten.values()):
                if gap.end_us > gap.start_us:
                    self._index.put_gap(gap)
                else:
                    self._index.remove_gap(gap)
                del self._unwritten[gap.start_us]
            for gap in list(self._unjournaled.values()):
                self._journal.gap(gap)
                self._journaled = self._unjournaled.pop(gap.start_us)
        except OSError as error:
            logger.debug("a gap waits to be written", extra={"reason": str(error)})
