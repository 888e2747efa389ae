from cambus.recorder.index import Gap
from cambus.recorder.layout import StreamKey
from cambus.recorder.ledger import LATE_US, GapLedger
from cambus.schemas.spans import GapReason

KEY = StreamKey("gate-1", 0, "main")
SECOND = 1_000_000


class Written:
    """Keeps the last gap of each beginning, as the index does."""

    def __init__(self) -> None:
        self.gaps: dict[int, Gap] = {}

    def __call__(self, gap: Gap, settled: bool) -> None:
        self.gaps[gap.start_us] = gap

    @property
    def spans(self) -> list[tuple[int, int, str]]:
        return [(gap.start_us // SECOND, gap.end_us // SECOND, gap.reason) for gap in self.gaps.values()]


def test_a_restart_leaves_a_gap_from_the_last_recording_to_the_next() -> None:
    written = Written()
    ledger = GapLedger(KEY, 10 * SECOND, GapReason.RESTART, written)
    ledger.recorded(25 * SECOND, 26 * SECOND)
    assert written.spans == [(10, 25, "restart")]


def test_contiguous_recording_leaves_none() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    for second in range(20):
        ledger.recorded(second * SECOND, (second + 1) * SECOND)
    ledger.look(21 * SECOND)
    assert written.spans == []


def test_a_gap_that_goes_on_grows_and_ends_with_the_next_recording() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.interrupted(GapReason.DEVICE_OFFLINE)
    for now in (15, 20, 25):
        ledger.look(now * SECOND)
        assert written.spans == [(10, now, "device-offline")]
    ledger.recorded(30 * SECOND, 31 * SECOND)
    assert written.spans == [(10, 30, "device-offline")]


def test_the_first_reason_counts_until_a_better_one_is_known() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.interrupted(GapReason.STREAM_LOST)
    ledger.interrupted(GapReason.OVERFLOW)
    ledger.look(15 * SECOND)
    assert written.spans == [(10, 15, "stream-lost")]
    ledger.explain(GapReason.DEVICE_OFFLINE)
    ledger.look(16 * SECOND)
    assert written.spans == [(10, 16, "device-offline")]


def test_jitter_is_no_gap() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, SECOND)
    ledger.recorded(SECOND + 900_000, 3 * SECOND)
    assert written.spans == []


def test_a_stream_may_take_its_time_to_begin_but_not_to_go_on() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written, allowance_us=10 * SECOND)
    ledger.look(10 * SECOND)
    ledger.recorded(10 * SECOND, 12 * SECOND)
    assert written.spans == []
    ledger.recorded(15 * SECOND, 16 * SECOND)
    assert written.spans == [(12, 15, "stream-lost")]


def test_a_gap_that_was_over_before_anybody_noticed_is_a_stream_lost() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.recorded(18 * SECOND, 19 * SECOND)
    assert written.spans == [(10, 18, "stream-lost")]


def test_a_gap_that_turns_out_to_be_none_is_taken_back() -> None:
    """Pictures were there, only not durable yet."""
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.look(1_500_000)
    assert len(written.gaps) == 1
    ledger.recorded(500_000, 2 * SECOND)
    assert written.spans == [(0, 0, "restart")]
    ledger.recorded(2 * SECOND, 3 * SECOND)
    assert len(written.gaps) == 1


def test_what_is_lost_afterwards_is_a_gap_from_where_it_is_lost() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.lost(4 * SECOND, GapReason.DISK_ERROR)
    ledger.recorded(12 * SECOND, 13 * SECOND)
    assert written.spans == [(4, 12, "disk-error")]


def test_a_gap_ends_when_the_stream_is_no_longer_wanted() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.interrupted(GapReason.DEVICE_OFFLINE)
    ledger.close(17 * SECOND)
    assert written.spans == [(10, 17, "device-offline")]


def test_what_becomes_durable_after_a_stream_is_no_longer_wanted_is_no_gap() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.rest(13 * SECOND)
    ledger.look(14 * SECOND)
    ledger.recorded(10 * SECOND, 14 * SECOND)
    ledger.look(60 * SECOND)
    assert written.spans == []
    ledger.resume(80 * SECOND, GapReason.STREAM_LOST)
    ledger.recorded(85 * SECOND, 90 * SECOND)
    assert written.spans == [(80, 85, "stream-lost")]


def test_what_was_wanted_and_never_becomes_durable_is_a_gap() -> None:
    written = Written()
    ledger = GapLedger(KEY, 0, GapReason.RESTART, written)
    ledger.recorded(0, 10 * SECOND)
    ledger.rest(20 * SECOND)
    ledger.recorded(14 * SECOND, 16 * SECOND)
    ledger.look(20 * SECOND + LATE_US)
    assert written.spans == [(10, 14, "stream-lost"), (16, 20, "stream-lost")]
    ledger.close(100 * SECOND)
    assert len(written.spans) == 2
