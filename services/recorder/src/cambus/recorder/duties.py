"""From when on a stream is to be recorded here: what makes a time without recording a gap, over restarts too.

A duty begins when a stream is to be recorded here, and ends when it no longer is. It is written to the
journal, so that neither a crash nor a lost index hides what was missed. All functions block.
"""

import logging
from collections.abc import Callable, Iterator

from cambus.recorder.index import Gap, Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.ledger import LEAST_GAP_US
from cambus.schemas.spans import GapReason

logger = logging.getLogger(__name__)

STEP_US = 60_000_000
MAX_STEPS = 240


def covered(key: StreamKey, index: Index, journal: Journal) -> int | None:
    """Up to when a stream that is to be recorded here is accounted for, for good; None if it is not to be.

    Raises:
        OSError: The disk cannot be read, or takes nothing.
    """
    since_us = journal.read(key).duty_since_us
    return None if since_us is None else _covered(key, since_us, index, journal)


def _covered(key: StreamKey, since_us: int, index: Index, journal: Journal) -> int:
    last = index.last_gap(key)
    if last is None:
        return max(since_us, index.last_end_us(key) or 0)
    written = journal.read(key).gaps.get(last.start_us)
    if written is None or written.end_us < last.end_us:
        # It still grew when the recorder died, and nobody goes on with it: what the index alone knows of it would be
        # lost with the index.
        journal.gap(last)
    return max(since_us, index.last_end_us(key) or 0, last.end_us)


def open_duties(index: Index, journal: Journal) -> Iterator[tuple[StreamKey, int]]:
    """Every stream that was to be recorded when the recorder last ran, and up to when it is accounted for.

    Raises:
        OSError: The disk cannot be read, or takes nothing.
    """
    for key in journal.streams():
        since_us = journal.read(key).duty_since_us
        if since_us is not None:
            yield key, _covered(key, since_us, index, journal)


def close_missed(
    index: Index, journal: Journal, wanted_at: Callable[[int], frozenset[StreamKey]], now_us: int
) -> None:
    """End the duties whose time passed while no recorder ran; what was missed up to then is a gap.

    Args:
        index: the rows.
        journal: the duties.
        wanted_at: which streams are to be recorded at an instant, as the policies of today have it.
        now_us: the present.

    Raises:
        OSError: The disk fails.
    """
    wanted_now = wanted_at(now_us)
    passed = [(key, covered) for key, covered in open_duties(index, journal) if key not in wanted_now]
    if not passed:
        return
    first_us = min(covered for _, covered in passed)
    step_us = max(STEP_US, (now_us - first_us) // MAX_STEPS)
    ends = dict(passed)
    for at_us in range(first_us, now_us, step_us):
        wanted = wanted_at(at_us)
        for key, covered_us in passed:
            if key in wanted and at_us >= covered_us:
                ends[key] = min(at_us + step_us, now_us)
    for key, covered_us in passed:
        if ends[key] - covered_us >= LEAST_GAP_US:
            gap = Gap(key, covered_us, ends[key], GapReason.RESTART.value)
            index.put_gap(gap)
            journal.gap(gap)
        journal.duty(key, None)
        logger.info("a stream is no longer to be recorded", extra={"stream": str(key)})
