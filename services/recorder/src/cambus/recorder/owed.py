"""What should have been recorded while nobody did: told from the mark a stream left and from what is wanted of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cambus.recorder.demand import Demand
from cambus.recorder.index import Gap
from cambus.recorder.layout import StreamKey, to_us
from cambus.recorder.ledger import LEAST_GAP_US
from cambus.recorder.policies import PolicyBook
from cambus.schemas.spans import GapReason

LONGEST = timedelta(days=31)
"""How far back is looked."""


def owed(
    key: StreamKey, policies: PolicyBook, demand: Demand, start: datetime, now: datetime
) -> list[tuple[int, int]]:
    """The times since `start` at which a stream was to be recorded, in microseconds, joined and in order."""
    start = max(start.astimezone(UTC), now - LONGEST)
    if start >= now:
        return []
    start_us, now_us = to_us(start), to_us(now)
    spans = [(to_us(begin), to_us(end)) for begin, end in policies.standing_spans(key, start, now)]
    spans += [(max(window.since_us, start_us), min(window.until_us, now_us)) for window in demand.windows()]
    return _joined(span for span in spans if span[0] < span[1])


def missed(key: StreamKey, spans: Iterable[tuple[int, int]], reason: GapReason) -> list[Gap]:
    """Those of the spans that are long enough, as gaps."""
    return [
        Gap(key, start_us, end_us, reason.value)
        for start_us, end_us in spans
        if end_us - start_us >= LEAST_GAP_US
    ]


def resumed(
    spans: list[tuple[int, int]], recorded: datetime, now: datetime
) -> tuple[list[tuple[int, int]], int | None]:
    """Part what was missed and is over from what is still to be recorded.

    Returns:
        the times that are over, and from when on the present one is missing; None if nothing is wanted now.
    """
    now_us = to_us(now)
    if not spans or spans[-1][1] < now_us:
        return spans, None
    return spans[:-1], max(spans[-1][0], to_us(recorded))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start_us, end_us in sorted(spans):
        if joined and start_us <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_us))
        else:
            joined.append((start_us, end_us))
    return joined
