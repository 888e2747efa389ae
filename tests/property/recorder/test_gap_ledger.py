"""Whatever happens to a stream and its recorder, every second is a recording, a row of the gap ledger, or unwanted."""

import itertools
import tempfile
from pathlib import Path

import pytest
from disks import BrokenDisk, SmallDisk
from durability import KEY, recovered
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from recorded_frames import START_US, real_frames

from cambus.recorder.cutting import Cutter
from cambus.recorder.disk import Disk
from cambus.recorder.duties import covered
from cambus.recorder.gap_rows import GapRows
from cambus.recorder.index import FILE_NAME, Gap, Segment
from cambus.recorder.journal import Journal
from cambus.recorder.ledger import GapLedger
from cambus.recorder.opening import open_index
from cambus.recorder.stream_writer import StreamWriter, WriteFailedError
from cambus.schemas.spans import GapReason

SECOND = 1_000_000
FPS = 25
JITTER_US = SECOND
"""What is shorter is no gap: at each edge of one."""

REASONS = {
    "offline": {GapReason.DEVICE_OFFLINE},
    "silent": {GapReason.STREAM_LOST},
    "dropped": {GapReason.STREAM_LOST},
    "full": {GapReason.DISK_FULL},
    "broken": {GapReason.DISK_ERROR},
    "killed": {GapReason.RESTART},
    "killed, index lost": {GapReason.RESTART},
}
histories = st.lists(
    st.tuples(st.sampled_from(["recorded", "unwanted", *REASONS]), st.integers(1, 8)), min_size=1, max_size=8
)


class Recorder:
    """What records a stream, put together as the service does it, with a clock of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 0
        """In pictures since the beginning."""
        self.disk: Disk = Disk()
        self.wanted: list[tuple[int, int]] = []
        self.await_keyframe = False
        self.lost_s = 0.0
        self.start()

    @property
    def now_us(self) -> int:
        return START_US + self.now * SECOND // FPS

    def start(self) -> None:
        self.index = open_index(self.root)
        self.journal = Journal(self.root)
        self.writer = StreamWriter(
            KEY, self.root, self.index, on_durable=self._recorded, on_closed=lambda _: None, disk=self.disk
        )
        self.take_up()

    def take_up(self) -> None:
        since_us = covered(KEY, self.index, self.journal)
        if since_us is None:
            since_us = self.now_us
            self.journal.duty(KEY, since_us)
        self.gaps = GapRows(self.index, self.journal, self._lost)
        self.ledger = GapLedger(KEY, since_us, GapReason.RESTART, self.gaps.put)
        self.cutter = Cutter(segment_s=4, fragment_s=1)

    def _lost(self, reason: str, seconds: float) -> None:
        self.lost_s += seconds

    def _recorded(self, start_us: int, end_us: int) -> None:
        self.ledger.recorded(start_us, end_us)

    def pass_time(self, seconds: int, *, frames: bool = True, wanted: bool = True) -> None:
        """So much time goes by, while frames come or do not."""
        if wanted:
            self.wanted.append((self.now_us, self.now_us + seconds * SECOND))
        for frame in real_frames(seconds * FPS, first=self.now) if frames else ():
            if self.await_keyframe and not frame.keyframe:
                continue  # as the gate has it after frames were lost
            self.await_keyframe = False
            try:
                self.writer.write(self.cutter.push(frame))
            except WriteFailedError as error:
                if error.lost_from_us is not None:
                    self.ledger.lost(error.lost_from_us, error.reason)
                self.ledger.interrupted(error.reason)
                self.cutter = Cutter(segment_s=4, fragment_s=1)
        self.now += seconds * FPS
        if wanted:
            self.look()

    def look(self) -> None:
        self.writer.settle()
        self.gaps.retry()
        self.ledger.look(self.now_us)

    def interrupt(self, reason: GapReason) -> None:
        self.writer.write(self.cutter.finish())
        self.ledger.interrupted(reason)

    def end_duty(self) -> None:
        self.writer.write(self.cutter.finish())
        self.ledger.close(self.now_us)
        self.journal.duty(KEY, None)

    def kill(self) -> None:
        self.index.close()

    # --- what can happen --------------------------------------------------------------------------------

    def suffer(self, what: str, seconds: int) -> None:
        match what:
            case "recorded":
                self.pass_time(seconds)
            case "offline":
                self.interrupt(GapReason.DEVICE_OFFLINE)
                self.pass_time(seconds, frames=False)
            case "silent":
                self._fall_silent(seconds)
            case "dropped":
                self.pass_time(seconds, frames=False)
                self.await_keyframe = True
            case "full" | "broken":
                self._fail(what, seconds)
            case "unwanted":
                self.end_duty()
                self.pass_time(seconds, frames=False, wanted=False)
                self.take_up()
            case _:
                self._die(seconds, index_lost=what.endswith("lost"))

    def _fall_silent(self, seconds: int) -> None:
        self.pass_time(1, frames=False)
        self.interrupt(GapReason.STREAM_LOST)
        self.pass_time(seconds, frames=False)

    def _fail(self, what: str, seconds: int) -> None:
        disk: Disk
        if what == "full":
            disk = SmallDisk(self.root, 0)
        else:
            disk = BrokenDisk()
            disk.broken = True
        self.writer.close()
        self.ledger.interrupted(GapReason.DISK_FULL if what == "full" else GapReason.DISK_ERROR)
        self.cutter = Cutter(segment_s=4, fragment_s=1)
        self._use(disk)
        self.pass_time(seconds)
        self._use(Disk())

    def _use(self, disk: Disk) -> None:
        self.disk = disk
        self.writer = StreamWriter(
            KEY, self.root, self.index, on_durable=self._recorded, on_closed=lambda _: None, disk=disk
        )

    def _die(self, seconds: int, *, index_lost: bool) -> None:
        self.kill()
        if index_lost:
            for path in self.root.glob(f"{FILE_NAME}*"):
                path.unlink()
        self.pass_time_dead(seconds)
        recovered(self.root)
        self.start()

    def pass_time_dead(self, seconds: int) -> None:
        self.wanted.append((self.now_us, self.now_us + seconds * SECOND))
        self.now += seconds * FPS


def unaccounted(start_us: int, end_us: int, rows: list[Segment], gaps: list[Gap]) -> list[tuple[int, int]]:
    """Times of a jitter and more that are neither recorded nor a gap."""
    spans = [(row.start_us, row.end_us) for row in rows] + [(gap.start_us, gap.end_us) for gap in gaps]
    holes = []
    reached = start_us
    for from_us, to_us in sorted(spans):
        if min(from_us, end_us) - reached >= JITTER_US:
            holes.append((reached, from_us))
        reached = max(reached, to_us)
    if end_us - reached >= JITTER_US:
        holes.append((reached, end_us))
    return holes


def overlap_us(a: tuple[int, int], b: tuple[int, int]) -> int:
    return max(min(a[1], b[1]) - max(a[0], b[0]), 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories)
@example(history=[("recorded", 3), ("killed", 4), ("recorded", 3)])
@example(history=[("recorded", 5), ("killed, index lost", 2), ("unwanted", 4), ("recorded", 3)])
@example(history=[("offline", 5), ("killed, index lost", 4), ("killed", 2), ("recorded", 6)])
@example(history=[("offline", 1), ("recorded", 1), ("killed", 1), ("recorded", 1), ("killed, index lost", 1)])
@example(history=[("recorded", 5), ("dropped", 3), ("recorded", 5), ("full", 4), ("recorded", 4)])
@example(history=[("recorded", 5), ("broken", 3), ("recorded", 5), ("unwanted", 4), ("silent", 4)])
def test_every_second_is_accounted_for_and_no_gap_is_invented(history: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "recordings")
        for what, seconds in history:
            recorder.suffer(what, seconds)
        recorder.pass_time(3)
        recorder.end_duty()
        gaps = recorder.index.all_gaps()
        recorder.kill()
        rows = recovered(recorder.root)
    if not any("killed" in what for what, _ in history):  # what a process counted dies with it
        assert recorder.lost_s == pytest.approx(sum(gap.end_us - gap.start_us for gap in gaps) / SECOND)
    for start_us, end_us in _joined(recorder.wanted):
        assert unaccounted(start_us, end_us, rows, gaps) == []
    for gap in gaps:
        span = (gap.start_us, gap.end_us)
        recorded = sum(overlap_us(span, (row.start_us, row.end_us)) for row in rows)
        wanted = sum(overlap_us(span, each) for each in recorder.wanted)
        assert recorded < JITTER_US
        assert wanted == gap.end_us - gap.start_us
        possible = set().union(*(REASONS.get(what, set()) for what, _ in history))
        assert GapReason(gap.reason) in possible | {GapReason.RESTART}
    by_start = sorted((gap.start_us, gap.end_us) for gap in gaps)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(by_start))


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
