"""The answers of several recorders merged."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cambus.recorder.merging import merge
from cambus.schemas.commands.recorder import RecordedFindReply
from cambus.schemas.spans import CopyState, GapReason, RecordedSpan, RecordingGap

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def reply(replica, *, spans=(), gaps=(), channel=0):
    facts = {"channel": channel, "stream": "main"}
    return RecordedFindReply(
        replica=replica,
        spans=[
            RecordedSpan(start=at(start), end=at(end), bytes=int(end - start), **facts)
            for start, end in spans
        ],
        gaps=[
            RecordingGap(start=at(start), end=at(end), reason=GapReason.NO_OWNER, **facts)
            for start, end in gaps
        ],
    )


def times(pieces):
    return [((piece.start - NOON).total_seconds(), (piece.end - NOON).total_seconds()) for piece in pieces]


def test_overlapping_and_adjoining_spans_are_one():
    spans, _ = merge([reply("a", spans=[(0, 10), (30, 40)]), reply("b", spans=[(5, 20), (20.5, 29.5)])])
    assert times(spans) == [(0, 40)]
    assert spans[0].replicas == ["a", "b"]


def test_a_second_without_a_picture_keeps_them_apart():
    spans, _ = merge([reply("a", spans=[(0, 10), (11, 20)])])
    assert times(spans) == [(0, 10), (11, 20)]


def test_a_gap_that_another_replica_covers_is_none():
    _, gaps = merge([reply("a", spans=[(0, 10)], gaps=[(10, 40)]), reply("b", spans=[(15, 30)])])
    assert times(gaps) == [(10, 15), (30, 40)]


def test_a_gap_that_both_report_is_told_once():
    _, gaps = merge([reply("a", gaps=[(0, 10)]), reply("b", gaps=[(0, 10), (5, 12)])])
    assert times(gaps) == [(0, 12)]


def test_streams_are_kept_apart():
    spans, _ = merge([reply("a", spans=[(0, 10)], channel=1), reply("b", spans=[(0, 10)], channel=0)])
    assert [(each.channel, each.stream) for each in spans] == [(0, "main"), (1, "main")]


ranges = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 50)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=8,
)


@given(first=ranges, second=ranges, first_gaps=ranges, second_gaps=ranges)
def test_merging_loses_no_instant_and_invents_none(first, second, first_gaps, second_gaps):
    merged = merge([reply("a", spans=first, gaps=first_gaps), reply("b", spans=second, gaps=second_gaps)])
    spans, gaps = times(merged[0]), times(merged[1])

    def covered(pieces, instant):
        return any(start <= instant < end for start, end in pieces)

    for tenth in range(0, 2600, 5):
        instant = tenth / 10
        recorded = covered(first + second, instant)
        if recorded:
            assert covered(spans, instant)
            assert not covered(gaps, instant)
        else:
            assert covered(gaps, instant) == covered(first_gaps + second_gaps, instant)
    for pieces in (spans, gaps):
        assert all(before[1] <= after[0] for before, after in pairwise(pieces))


def test_a_span_of_two_replicas_is_copied_when_both_parts_are():
    def of(first, second):
        replies = [reply("a", spans=[(0, 10)]), reply("b", spans=[(10, 20)])]
        for each, copies in zip(replies, (first, second), strict=True):
            each.spans[0] = each.spans[0].model_copy(update={"copies": copies})
        return merge(replies)[0][0].copies

    pending, partly, copied = CopyState.PENDING, CopyState.PARTLY, CopyState.COPIED
    assert of(copied, copied) is copied
    assert of(None, None) is None
    assert of(None, pending) is pending
    assert [of(copied, other) for other in (None, pending, partly)] == [partly] * 3
