"""What is kept of a stream before anybody wants it written, and what is written once somebody does."""

from collections.abc import Callable

from cambus.media.frame import Frame, Kind
from cambus.recorder.cutting import Append, Begin, Cut, Cutter, End
from cambus.recorder.demand import NOTHING, Want
from cambus.recorder.pre_roll import PreRoll
from cambus.recorder.selection import Selection
from cambus.schemas.spans import RecordingTrigger

Frames = Callable[..., list[Frame]]
START_US = 1_770_000_000_000_000
SECOND = 1_000_000
GOP_S = 2
PLENTY = 1 << 30
ALARM = RecordingTrigger.ALARM


def kept_s(pre_roll: PreRoll, from_s: float = 0) -> list[float]:
    """When the pictures that are kept were received, in seconds."""
    frames = pre_roll.drain(START_US + int(from_s * SECOND))
    return [(frame.wall_us - START_US) / SECOND for frame in frames if frame.kind is Kind.VIDEO]


def filled(frames: list[Frame], *, span_s: float, max_bytes: int = PLENTY) -> PreRoll:
    pre_roll = PreRoll(max_bytes)
    pre_roll.span_us = int(span_s * SECOND)
    for frame in frames:
        pre_roll.push(frame)
    return pre_roll


def test_whole_groups_are_kept_that_cover_the_span_and_no_more(frames: Frames) -> None:
    kept = kept_s(filled(frames(500), span_s=5))
    assert (
        kept[0] == 12
    )  # the last keyframe came at 18 s: five seconds before it lie in the group from 12 s on
    assert kept[-1] == 19.96
    assert len(kept) == 200


def test_what_is_given_out_begins_with_the_group_that_was_on_and_with_its_sound(frames: Frames) -> None:
    pre_roll = filled(frames(500), span_s=10)
    given = pre_roll.drain(START_US + 15 * SECOND)
    assert given[0].kind is Kind.AUDIO_CONFIG
    assert given[1].keyframe
    assert given[1].wall_us == START_US + 14 * SECOND
    assert pre_roll.bytes == 0
    assert pre_roll.drain(0) == []


def test_the_bytes_are_bounded_and_a_group_that_is_too_large_is_given_up(frames: Frames) -> None:
    pictures = frames(500)
    size = sum(len(frame.payload) for frame in pictures) // 10
    pre_roll = PreRoll(2 * size)
    pre_roll.span_us = 100 * SECOND
    for frame in pictures:
        pre_roll.push(frame)
        assert pre_roll.bytes <= 2 * size
    assert 1 <= len(kept_s(pre_roll)) <= 100
    tiny = filled(pictures[:100], span_s=100, max_bytes=100)
    assert kept_s(tiny) == []
    assert tiny.bytes == 0


def cuts_of(pictures: list[Frame], want: Callable[[float], Want], *, span_s: float = 4) -> list[Cut]:
    """What is written of a stream when `want` tells, by the second, what is wanted."""
    pre_roll = PreRoll(PLENTY)
    pre_roll.span_us = int(span_s * SECOND)
    selection = Selection(lambda: Cutter(segment_s=300, fragment_s=1), pre_roll)
    cuts = [
        cut for frame in pictures for cut in selection.push(frame, want((frame.wall_us - START_US) / SECOND))
    ]
    return [*cuts, *selection.finish()]


def spans_of(cuts: list[Cut]) -> list[tuple[float, float, str]]:
    """The segments: from, to and why, in seconds."""
    spans: list[tuple[float, float, str]] = []
    for cut in cuts:
        if isinstance(cut, Begin):
            start = (cut.start_us - START_US) / SECOND
            spans.append((start, start, cut.trigger.value))
        elif isinstance(cut, Append):
            spans[-1] = (spans[-1][0], spans[-1][0] + cut.duration_us / SECOND, spans[-1][2])
    return spans


def around(from_s: float, at_s: float, until_s: float) -> Callable[[float], Want]:
    def want(now_s: float) -> Want:
        if not at_s <= now_s < until_s:
            return NOTHING
        return Want(ALARM, START_US + int(from_s * SECOND), START_US + int(at_s * SECOND))

    return want


def test_an_alarm_is_recorded_from_before_until_after_in_whole_groups(frames: Frames) -> None:
    cuts = cuts_of(frames(500), around(7, 10.3, 13))
    assert spans_of(cuts) == [(6, 14, "alarm")]
    assert isinstance(cuts[-1], End)


def test_two_alarms_are_two_segments_and_nothing_is_written_between(frames: Frames) -> None:
    first, second = around(3, 5, 7), around(16, 17, 18.5)
    spans = spans_of(cuts_of(frames(500), lambda now: first(now) if first(now).trigger else second(now)))
    assert spans == [(2, 8, "alarm"), (16, 20, "alarm")]


def test_nothing_wanted_is_nothing_written(frames: Frames) -> None:
    assert cuts_of(frames(300), lambda _: NOTHING) == []


def test_another_reason_begins_another_segment_without_a_hole(frames: Frames) -> None:
    def want(now_s: float) -> Want:
        trigger = RecordingTrigger.SCHEDULE if now_s < 9 else ALARM
        return Want(trigger, START_US + int(now_s * SECOND))

    assert spans_of(cuts_of(frames(400), want)) == [(0, 10, "schedule"), (10, 16, "alarm")]
