"""What all recorders together hold: their answers merged into one list of spans and one of gaps.

Replicas may hold the same time (a stream that changed hands) or parts of it; a gap of one that another covers
is none.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from cambus.schemas.commands.recorder import FoundSpan, RecordedFindReply
from cambus.schemas.spans import CopyState, RecordingGap

JOIN: Final = timedelta(seconds=1)
"""Spans that are less apart are one, if they were recorded for the same reason and are locked alike."""

Stream = tuple[int, str]


def merge(replies: Iterable[RecordedFindReply]) -> tuple[list[FoundSpan], list[RecordingGap]]:
    """Return what is recorded and what is missing, each by channel, stream and time."""
    spans: dict[Stream, list[FoundSpan]] = defaultdict(list)
    gaps: dict[Stream, list[RecordingGap]] = defaultdict(list)
    for reply in replies:
        for span in reply.spans:
            piece = FoundSpan(**span.model_dump(), replicas=[reply.replica])
            spans[span.channel, span.stream].append(piece)
        for gap in reply.gaps:
            gaps[gap.channel, gap.stream].append(gap)
    held: list[FoundSpan] = []
    missing: list[RecordingGap] = []
    for key in sorted(spans.keys() | gaps.keys()):
        joined = _joined(spans[key])
        held += joined
        missing += _once(piece for gap in gaps[key] for piece in _uncovered(gap, joined))
    return held, missing


def _joined(spans: Iterable[FoundSpan]) -> list[FoundSpan]:
    joined: list[FoundSpan] = []
    for span in sorted(spans, key=lambda each: each.start):
        last = joined[-1] if joined else None
        alike = last is not None and (span.trigger, span.locked) == (last.trigger, last.locked)
        if last is None or not alike or span.start - last.end >= JOIN:
            joined.append(span)
            continue
        both = {
            "end": max(last.end, span.end),
            "bytes": last.bytes + span.bytes,
            "copies": CopyState.of((last.copies, span.copies)),
            "replicas": list(dict.fromkeys((*last.replicas, *span.replicas))),
        }
        joined[-1] = last.model_copy(update=both)
    return joined


def _uncovered(gap: RecordingGap, spans: Iterable[FoundSpan]) -> list[RecordingGap]:
    """What of a gap no span covers."""
    left: list[RecordingGap] = []
    start = gap.start
    for span in spans:
        if span.end <= start or span.start >= gap.end:
            continue
        if span.start > start:
            left.append(gap.model_copy(update={"start": start, "end": span.start}))
        start = max(start, span.end)
    if start < gap.end:
        left.append(gap.model_copy(update={"start": start}))
    return left


def _once(gaps: Iterable[RecordingGap]) -> list[RecordingGap]:
    """The gaps by time; where replicas report the same one it is told once, with the first reason."""
    once: list[RecordingGap] = []
    for gap in sorted(gaps, key=lambda each: (each.start, each.end)):
        if once and gap.start < once[-1].end:
            if gap.end > once[-1].end:
                once[-1] = once[-1].model_copy(update={"end": gap.end})
        else:
            once.append(gap)
    return once
