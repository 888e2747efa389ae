"""However late things become durable, the ledger has just the seconds that are missing, and they are counted once."""

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cambus.recorder.gap_rows import GapRows
from cambus.recorder.index import Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.ledger import LATE_US, GapLedger
from cambus.schemas.spans import GapReason

KEY = StreamKey("gate-1", 0, "main")
SECOND = 1_000_000
NOTICED_S = 3
"""How long a stream is away before that is noticed."""

runs = st.lists(st.tuples(st.booleans(), st.integers(2, 50)), min_size=1, max_size=8)


def missing_of(history: list[tuple[bool, int]]) -> list[tuple[int, int]]:
    """The spans of seconds without pictures."""
    spans: list[tuple[int, int]] = []
    at = 0
    for here, seconds in history:
        if not here and spans and spans[-1][1] == at:
            spans[-1] = (spans[-1][0], at + seconds)
        elif not here:
            spans.append((at, at + seconds))
        at += seconds
    return spans


@settings(max_examples=60, deadline=None)
@given(history=runs, late_s=st.integers(0, LATE_US // SECOND - 1))
@example(history=[(True, 5), (False, 5), (True, 5)], late_s=0)
@example(history=[(True, 5), (False, 40), (True, 5)], late_s=3)
@example(history=[(False, 5), (True, 5)], late_s=9)
def test_just_what_is_missing_is_a_gap_and_counted_once(history: list[tuple[bool, int]], late_s: int) -> None:
    pictures = [here for here, seconds in history for _ in range(seconds)]
    end = len(pictures)
    lost = 0.0

    def on_lost(_: str, seconds: float) -> None:
        nonlocal lost
        lost += seconds

    with tempfile.TemporaryDirectory() as folder, Index(Path(folder)) as index:
        ledger = GapLedger(KEY, 0, GapReason.RESTART, GapRows(index, Journal(Path(folder)), on_lost).put)
        for now in range(end + late_s + 1 + LATE_US // SECOND):
            if now == end:
                ledger.rest(now * SECOND)
            second = now - late_s - 1  # what was received in it is durable now
            if 0 <= second < end and pictures[second]:
                ledger.recorded(second * SECOND, (second + 1) * SECOND)
            if now < end and not any(pictures[max(now - NOTICED_S, 0) : now]):
                ledger.interrupted(GapReason.DEVICE_OFFLINE)
            ledger.look(now * SECOND)
        ledger.close((end + 60) * SECOND)
        gaps = sorted((gap.start_us // SECOND, gap.end_us // SECOND) for gap in index.all_gaps())
    assert gaps == missing_of(history)
    assert abs(lost - sum(stop - start for start, stop in gaps)) < 0.001
