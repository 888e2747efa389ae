"""What one recorder says it holds, and what it leaves out when that is too much."""

import pytest

from cambus.recorder import finding
from cambus.recorder.copy_marks import Copied, Pending, write_copied, write_pending
from cambus.recorder.extent import Extent
from cambus.recorder.finding import found_here
from cambus.recorder.index import Gap, Index, Segment
from cambus.recorder.layout import SegmentName, StreamKey, from_us
from cambus.schemas.commands.recorder import RecordedFindRequest
from cambus.schemas.ids import new_ulid

START_US = 1_770_000_000_000_000
SECOND = 1_000_000


@pytest.fixture
def index(root):
    with Index(root) as opened:
        yield opened


def at(second):
    return START_US + second * SECOND


def add(index, *spans, stream="main"):
    key = StreamKey("gate-1", 0, stream)
    index.put(
        Segment(
            SegmentName(key, new_ulid(), at(start)),
            at(end),
            Extent(1000, (end - start) * SECOND, "h264", 320, 240, None),
            open=False,
        )
        for start, end in spans
    )


@pytest.fixture
def found(index, root):
    def ask(index, start=0, end=1000, limit=5000):
        return _found(root, index, start, end, limit)

    return ask


def _found(root, index, start, end, limit):
    request = RecordedFindRequest(
        device="gate-1", start=from_us(at(start)), end=from_us(at(end)), limit=limit
    )
    return found_here(root, index, "recorder-0", request, at(start), at(end))


def seconds(items):
    epoch = from_us(START_US)
    return [((each.start - epoch).total_seconds(), (each.end - epoch).total_seconds()) for each in items]


def test_files_end_to_end_are_one_span(index, found):
    add(index, (0, 10), (10, 20), (30, 40))
    add(index, (5, 15), stream="sub")
    reply = found(index, 5, 35)
    assert seconds(reply.spans) == [(5, 20), (30, 35), (5, 15)]
    assert [span.stream for span in reply.spans] == ["main", "main", "sub"]
    assert not reply.truncated
    assert reply.complete_until is None


def test_what_is_left_out_begins_where_the_answer_says(index, found):
    add(index, *((start, start + 5) for start in range(0, 100, 10)))
    reply = found(index, limit=3)
    assert reply.truncated
    assert reply.complete_until == from_us(at(30))
    assert seconds(reply.spans) == [(0, 5), (10, 15), (20, 25)]
    again = found(index, start=30, limit=3)
    assert seconds(again.spans) == [(30, 35), (40, 45), (50, 55)]


def test_what_goes_on_beyond_it_is_cut_there(index, found):
    add(index, (0, 500))
    add(index, *((start, start + 5) for start in range(0, 100, 10)), stream="sub")
    reply = found(index, limit=3)
    assert reply.complete_until == from_us(at(20))
    assert seconds(reply.spans) == [(0, 20), (0, 5), (10, 15)]


def test_things_that_begin_at_one_instant_come_together(index, found):
    for stream in ("main", "sub", "third"):
        add(index, (0, 10), (50, 60), stream=stream)
    reply = found(index, limit=1)
    assert len(reply.spans) == 3
    assert reply.complete_until == from_us(at(50))
    assert len(found(index, start=50, limit=1).spans) == 3


def test_the_rows_that_are_looked_at_are_bounded(index, monkeypatch, found):
    monkeypatch.setattr(finding, "MAX_ROWS", 5)
    add(index, *((start, start + 10) for start in range(0, 100, 10)))
    reply = found(index)
    assert reply.complete_until == from_us(at(50))
    assert seconds(reply.spans) == [(0, 50)]


def test_gaps_count_too(index, found):
    for start in range(0, 100, 10):
        index.put_gap(Gap(StreamKey("gate-1", 0, "main"), at(start), at(start + 2), "restart"))
    reply = found(index, limit=4)
    assert seconds(reply.gaps) == [(0, 2), (10, 12), (20, 22), (30, 32)]
    assert reply.complete_until == from_us(at(40))


def test_a_span_says_how_much_of_it_was_copied(index, root, found):
    add(index, (0, 10), (10, 20), (30, 40), (50, 60), (60, 70), (80, 90))
    names = [each.name for each in index.all_segments()]
    for name in names[:5]:
        (root / name.path()).parent.mkdir(parents=True, exist_ok=True)
    for name in names[:3]:
        write_copied(root, name, Copied("s3://b/x.mp4", "mp4", 1, "0" * 64, START_US))
    for name in names[2:4]:  # of the third both are there, as after a crash
        write_pending(root, name, Pending("mp4"))
    reply = found(index)
    assert [span.copies for span in reply.spans] == ["copied", "copied", "pending", None]
    write_copied(root, names[4], Copied("s3://b/y.mp4", "mp4", 1, "0" * 64, START_US))
    assert [span.copies for span in found(index).spans] == ["copied", "copied", "partly", None]
