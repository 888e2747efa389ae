"""What one recorder holds of a device between two instants, as much of it as fits an answer. Blocks."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from cambus.recorder.copy_marks import copy_states
from cambus.recorder.index import Gap, Index, Segment
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.schemas.commands import recorder as commands
from cambus.schemas.spans import CopyState, GapReason, RecordedSpan, RecordingGap, TimeRange

CONTIGUOUS_US = 1_000_000
MAX_ROWS = 50_000
"""Rows of the index that are looked at for one answer."""

T = TypeVar("T", bound=TimeRange)


def found_here(
    root: Path,
    index: Index,
    replica: str,
    request: commands.RecordedFindRequest,
    start_us: int,
    end_us: int,
) -> commands.RecordedFindReply:
    """The spans and gaps of one recorder, by channel, stream and time.

    What does not fit is left out from an instant on, which the answer says: what begins before it is whole, but
    for what goes on beyond it.
    """
    segments = index.find(
        request.device, start_us, end_us, channel=request.channel, stream=request.stream, limit=MAX_ROWS + 1
    )
    gaps = index.gaps(
        request.device, start_us, end_us, channel=request.channel, stream=request.stream, limit=MAX_ROWS + 1
    )
    bounds = [rows[MAX_ROWS].start_us for rows in (segments, gaps) if len(rows) > MAX_ROWS]
    states = copy_states(root, (each.name for each in segments[:MAX_ROWS]))
    spans = sorted(_spans(segments[:MAX_ROWS], states, start_us, end_us), key=lambda span: span.start)
    missing = [_gap(gap, start_us, end_us) for gap in gaps[:MAX_ROWS]]
    bounds += [
        bound
        for items in (spans, missing)
        if (bound := bound_of([to_us(item.start) for item in items], request.limit, start_us)) is not None
    ]
    until_us = min(bounds, default=None)
    if until_us is not None:
        spans, missing = cut(spans, until_us), cut(missing, until_us)
    return commands.RecordedFindReply(
        replica=replica,
        spans=sorted(spans, key=_order),
        gaps=sorted(missing, key=_order),
        truncated=until_us is not None,
        complete_until=None if until_us is None else from_us(until_us),
    )


def bound_of(starts: list[int], limit: int, start_us: int) -> int | None:
    """Up to when no more than `limit` things begin (or all those that begin at one instant); None for all of them.

    The instant is later than `start_us`, so that whoever goes on from there gets on.
    """
    return next((start for start in starts[limit:] if start > start_us), None)


def cut(items: Iterable[T], until_us: int) -> list[T]:
    """What begins before an instant, up to that instant."""
    until = from_us(until_us)
    return [
        item if item.end <= until else item.model_copy(update={"end": until})
        for item in items
        if item.start < until
    ]


def _order(item: RecordedSpan | RecordingGap) -> tuple[int, str, int]:
    return item.channel, item.stream, to_us(item.start)


def _spans(
    segments: Iterable[Segment], states: Mapping[str, CopyState], start_us: int, end_us: int
) -> Iterator[RecordedSpan]:
    """Runs of contiguous segments of a stream as one span each, cut to the question."""
    streams: dict[StreamKey, list[Segment]] = defaultdict(list)
    for segment in segments:
        streams[segment.key].append(segment)
    for key, each in streams.items():
        run: list[Segment] = []
        for segment in each:
            if run and not _continues(segment, run[-1]):
                yield _joined(key, run, states, start_us, end_us)
                run = []
            run.append(segment)
        yield _joined(key, run, states, start_us, end_us)


def _continues(segment: Segment, before: Segment) -> bool:
    alike = segment.locked == before.locked and segment.name.trigger is before.name.trigger
    return alike and segment.start_us - before.end_us < CONTIGUOUS_US


def _joined(
    key: StreamKey, run: list[Segment], states: Mapping[str, CopyState], start_us: int, end_us: int
) -> RecordedSpan:
    return RecordedSpan(
        channel=key.channel,
        stream=key.stream,
        start=from_us(max(run[0].start_us, start_us)),
        end=from_us(min(run[-1].end_us, end_us)),
        bytes=sum(segment.extent.bytes for segment in run),
        locked=run[0].locked,
        trigger=run[0].name.trigger,
        copies=CopyState.of(states.get(segment.id) for segment in run),
    )


def _gap(gap: Gap, start_us: int, end_us: int) -> RecordingGap:
    return RecordingGap(
        channel=gap.key.channel,
        stream=gap.key.stream,
        start=from_us(max(gap.start_us, start_us)),
        end=from_us(min(gap.end_us, end_us)),
        reason=GapReason(gap.reason),
    )
