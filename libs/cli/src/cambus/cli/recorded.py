"""What all recorders together hold: their answers merged into one list of spans and one of gaps.

Replicas may hold the same time (a stream that changed hands) or parts of it; a gap of one that another covers
is none.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cambus.schemas.commands.recorder import RecordedFindReply
from cambus.schemas.spans import RecordingTrigger

JOIN: Final = timedelta(seconds=1)
"""Spans that are less apart are one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time without a gap, recorded for one reason.

    Attributes:
        bytes: of all copies.
        replicas: those that hold parts of it.
        trigger: why it was recorded.
        locked: whether all of it is kept from being deleted.
    """

    start: datetime
    end: datetime
    bytes: int
    replicas: tuple[str, ...]
    trigger: RecordingTrigger = RecordingTrigger.CONTINUOUS
    locked: bool = False

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that should have been recorded and was not."""

    start: datetime
    end: datetime
    reason: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one stream, by time."""

    channel: int
    stream: str
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]


def merge(replies: Iterable[RecordedFindReply]) -> list[Recorded]:
    """Return what is recorded, by channel and stream."""
    spans: dict[tuple[int, str], list[Span]] = defaultdict(list)
    gaps: dict[tuple[int, str], list[Gap]] = defaultdict(list)
    for reply in replies:
        for span in reply.spans:
            piece = Span(span.start, span.end, span.bytes, (reply.replica,), span.trigger, span.locked)
            spans[span.channel, span.stream].append(piece)
        for gap in reply.gaps:
            gaps[gap.channel, gap.stream].append(Gap(gap.start, gap.end, gap.reason.value))
    merged = []
    for key in sorted(spans.keys() | gaps.keys()):
        joined = _joined(spans[key])
        left = [piece for gap in gaps[key] for piece in _uncovered(gap, joined)]
        merged.append(Recorded(*key, tuple(joined), tuple(_once(left))))
    return merged


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        last = joined[-1] if joined else None
        if (
            last is None
            or span.start - last.end >= JOIN
            or (span.trigger, span.locked) != (last.trigger, last.locked)
        ):
            joined.append(span)
            continue
        replicas = tuple(dict.fromkeys((*last.replicas, *span.replicas)))
        joined[-1] = replace(
            last, end=max(last.end, span.end), bytes=last.bytes + span.bytes, replicas=replicas
        )
    return joined


def _uncovered(gap: Gap, spans: Iterable[Span]) -> list[Gap]:
    """What of a gap no span covers."""
    left: list[Gap] = []
    start = gap.start
    for span in spans:
        if span.end <= start or span.start >= gap.end:
            continue
        if span.start > start:
            left.append(Gap(start, span.start, gap.reason))
        start = max(start, span.end)
    if start < gap.end:
        left.append(Gap(start, gap.end, gap.reason))
    return left


def _once(gaps: Iterable[Gap]) -> list[Gap]:
    """The gaps by time; where replicas report the same one it is told once, with the first reason."""
    once: list[Gap] = []
    for gap in sorted(gaps, key=lambda each: (each.start, each.end)):
        if once and gap.start < once[-1].end:
            if gap.end > once[-1].end:
                once[-1] = Gap(once[-1].start, gap.end, once[-1].reason)
        else:
            once.append(gap)
    return once
