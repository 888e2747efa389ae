"""Where the gaps of one stream are written: a row of the index at once, a line of the journal for good."""

import logging
import threading
from collections.abc import Callable

from cambus.recorder.index import Gap, Index
from cambus.recorder.journal import Journal

logger = logging.getLogger(__name__)

JOURNAL_EVERY_US = 60_000_000
"""How much a gap that goes on grows before it is written down for good again."""


class GapRows:
    """Takes gaps as they grow; what the disk does not take is kept and tried again with the next.

    Args:
        index: its rows are current.
        journal: its lines outlive the index.
        on_lost: told how many seconds more are lost, and why.
    """

    def __init__(self, index: Index, journal: Journal, on_lost: Callable[[str, float], None]) -> None:
        self._index = index
        self._journal = journal
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._unwritten: dict[int, Gap] = {}
        self._unjournaled: dict[int, Gap] = {}
        self._growing: Gap | None = None
        self._journaled: Gap | None = None

    def put(self, gap: Gap, settled: bool) -> None:
        """Write a gap, or take it back if it ends where it begins; never raises."""
        with self._lock:
            before = self._growing
            known_us = (
                before.end_us if before is not None and before.start_us == gap.start_us else gap.start_us
            )
            self._on_lost(gap.reason, max(gap.end_us - known_us, 0) / 1e6)
            self._growing = None if settled else gap
            self._unwritten[gap.start_us] = gap
            if settled or self._is_due(gap):
                self._unjournaled[gap.start_us] = gap
            self._write()

    def retry(self) -> None:
        """Try again what the disk did not take; never raises."""
        with self._lock:
            self._write()

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
