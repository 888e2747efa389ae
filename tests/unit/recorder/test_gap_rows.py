"""Where gaps are written, and that none is forgotten while the disk takes nothing."""

from pathlib import Path

import pytest
from disks import SmallDisk

from cambus.recorder.gap_rows import JOURNAL_EVERY_US, UNSURE_US, GapRows
from cambus.recorder.index import Gap, Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey

KEY = StreamKey("gate-1", 0, "main")
SECOND = 1_000_000


class Lost(dict[str, float]):
    """Adds up what is lost, by reason."""

    def __call__(self, reason: str, seconds: float) -> None:
        self[reason] = self.get(reason, 0) + seconds


def gap(end_s: float, reason: str = "device-offline") -> Gap:
    return Gap(KEY, 0, int(end_s * SECOND), reason)


def test_a_gap_that_grows_is_counted_once_and_journaled_now_and_then(root: Path) -> None:
    lost, journal = Lost(), Journal(root)
    with Index(root) as index:
        rows = GapRows(index, journal, lost)
        for second in range(2, 90):
            rows.put(gap(second), settled=False)
            assert index.all_gaps() == [gap(second)]
            kept = journal.read(KEY).gaps[0]
            assert gap(second).end_us - kept.end_us < JOURNAL_EVERY_US
        rows.put(gap(95.5), settled=True)
        assert journal.read(KEY).gaps[0] == gap(95.5)
    assert lost == {"device-offline": pytest.approx(95.5)}
    assert len((KEY.folder(root) / "journal.jsonl").read_text().split()) == 3


def test_what_the_disk_does_not_take_is_written_when_it_does(root: Path) -> None:
    disk = SmallDisk(root, 0)
    with Index(root) as index:
        rows = GapRows(index, Journal(root, disk), Lost())
        rows.put(gap(5, "disk-full"), settled=True)
        rows.retry()
        assert Journal(root).read(KEY).gaps == {}
        disk.size = 1 << 20
        rows.retry()
        assert Journal(root).read(KEY).gaps == {0: gap(5, "disk-full")}
        assert index.all_gaps() == [gap(5, "disk-full")]


def test_what_a_gap_turns_out_not_to_be_is_not_counted(root: Path) -> None:
    lost = Lost()
    with Index(root) as index:
        rows = GapRows(index, Journal(root), lost)
        rows.put(gap(7), settled=False)
        rows.put(gap(8), settled=False)
        rows.put(gap(6.5), settled=True)  # the picture that ended it became durable a moment later
        assert lost == {"device-offline": pytest.approx(6.5)}
        rows.put(Gap(KEY, 20 * SECOND, 23 * SECOND, "overflow"), settled=False)
        rows.put(Gap(KEY, 20 * SECOND, 20 * SECOND, "overflow"), settled=True)  # it was none
    assert lost == {"device-offline": pytest.approx(6.5)}


def test_a_long_gap_is_counted_while_it_goes_on(root: Path) -> None:
    lost = Lost()
    with Index(root) as index:
        rows = GapRows(index, Journal(root), lost)
        rows.put(gap(100), settled=False)
        assert lost == {"device-offline": pytest.approx(100 - UNSURE_US / SECOND)}
