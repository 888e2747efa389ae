from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cambus.bus.metrics import Metrics
from cambus.media.frame import Frame
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, segment_files
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import StreamPolicy
from cambus.recorder.retention import Retention

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
SECOND = 1_000_000
KEEP_ALL = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=None, stop_when_full=False)


def applied(
    root: Path,
    policies: Mapping[StreamKey, StreamPolicy],
    *,
    now_us: int = START_US,
    reserve: int = 0,
    pinned: frozenset[int] = frozenset(),
) -> tuple[list[int], Retention]:
    """Beginnings, in seconds, of the segments that are left."""
    with Index(root) as index:
        before = index.all_segments()
        pins = {before[number].id for number in pinned}
        retention = Retention(root, index, reserve, RecorderMetrics(Metrics()), pins.__contains__)
        retention.apply(policies, now_us)
        left = index.all_segments()
    assert {row.name.path() for row in left} == {path for _, path in segment_files(root)}
    return [(row.start_us - START_US) // SECOND for row in left], retention


def test_what_is_too_old_goes(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    policy = StreamPolicy(segment_s=4, max_age_s=10, max_bytes=None, stop_when_full=False)
    left, _ = applied(root, {KEY: policy}, now_us=START_US + 19 * SECOND)
    assert left == [8, 12]


def test_what_is_too_much_goes_oldest_first(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    with Index(root) as index:
        sizes = [row.extent.bytes for row in index.all_segments()]
    policy = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=sum(sizes[2:]), stop_when_full=False)
    assert applied(root, {KEY: policy})[0] == [8, 12]


def test_what_an_export_reads_stays(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    policy = StreamPolicy(segment_s=4, max_age_s=1, max_bytes=None, stop_when_full=False)
    left, _ = applied(root, {KEY: policy}, now_us=START_US + 1000 * SECOND, pinned=frozenset({1}))
    assert left == [4]


@pytest.mark.parametrize(("stop", "left"), [(False, []), (True, [0, 4, 8, 12])])
def test_a_full_disk_costs_the_oldest_or_stops_recording(
    frames: Frames, record: Record, root: Path, stop: bool, left: list[int]
) -> None:
    record(frames(400))
    policy = StreamPolicy(segment_s=4, max_age_s=None, max_bytes=None, stop_when_full=stop)
    kept, retention = applied(root, {KEY: policy}, reserve=1 << 62)
    assert kept == left
    assert retention.full


def test_an_open_segment_is_never_deleted(frames: Frames, record: Record, root: Path) -> None:
    record(frames(250), close=False)
    policy = StreamPolicy(segment_s=4, max_age_s=1, max_bytes=0, stop_when_full=False)
    assert applied(root, {KEY: policy}, now_us=START_US + 1000 * SECOND)[0] == [8]


def test_streams_without_a_policy_keep_what_they_have(frames: Frames, record: Record, root: Path) -> None:
    record(frames(400))
    assert applied(root, {}, now_us=START_US + 10**9 * SECOND)[0] == [0, 4, 8, 12]
