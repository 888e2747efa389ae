"""From when on a stream is to be recorded, over restarts, deletions and times nobody wanted it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cambus.media.frame import Frame
from cambus.recorder.duties import close_missed, covered
from cambus.recorder.index import Gap, Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
MINUTE = 60_000_000


@pytest.fixture
def index(root: Path) -> Iterator[Index]:
    with Index(root) as opened:
        yield opened


@pytest.fixture
def journal(root: Path) -> Journal:
    return Journal(root)


def test_without_a_duty_nothing_is_owed(
    frames: Frames, record: Record, index: Index, journal: Journal
) -> None:
    record(frames(100))
    assert covered(KEY, index, journal) is None


def test_it_goes_on_from_the_last_recording_or_gap(
    frames: Frames, record: Record, index: Index, journal: Journal
) -> None:
    journal.duty(KEY, START_US)
    record(frames(100))
    assert covered(KEY, index, journal) == START_US + 4_000_000
    index.put_gap(Gap(KEY, START_US + 4_000_000, START_US + 9_000_000, "device-offline"))
    assert covered(KEY, index, journal) == START_US + 9_000_000


def test_what_was_missed_before_the_schedule_ended_is_a_gap_and_no_more(
    index: Index, journal: Journal
) -> None:
    """The recorder was down from minute 0 to minute 30; the schedule ended at minute 10."""
    journal.duty(KEY, START_US)

    def wanted_at(at_us: int) -> frozenset[StreamKey]:
        return frozenset({KEY}) if at_us < START_US + 10 * MINUTE else frozenset()

    close_missed(index, journal, wanted_at, START_US + 30 * MINUTE)
    assert index.all_gaps() == [Gap(KEY, START_US, START_US + 10 * MINUTE, "restart")]
    assert list(journal.read(KEY).gaps.values()) == index.all_gaps()
    assert covered(KEY, index, journal) is None


def test_a_stream_that_is_still_wanted_keeps_its_duty(index: Index, journal: Journal) -> None:
    journal.duty(KEY, START_US)
    close_missed(index, journal, lambda _: frozenset({KEY}), START_US + 30 * MINUTE)
    assert index.all_gaps() == []
    assert covered(KEY, index, journal) == START_US
