"""The journal: what is written is there, whatever a crash left behind it."""

from pathlib import Path

import pytest

from cambus.recorder.index import Gap
from cambus.recorder.journal import COMPACT_BYTES, FILE_NAME, Journal
from cambus.recorder.layout import StreamKey

KEY = StreamKey("gate-1", 0, "main")


def test_the_last_line_of_a_gap_counts(root: Path) -> None:
    journal = Journal(root)
    journal.gap(Gap(KEY, 5, 10, "restart"))
    journal.gap(Gap(KEY, 20, 21, "overflow"))
    journal.gap(Gap(KEY, 5, 15, "device-offline"))
    assert list(journal.read(KEY).gaps.values()) == [
        Gap(KEY, 5, 15, "device-offline"),
        Gap(KEY, 20, 21, "overflow"),
    ]


def test_a_gap_that_was_taken_back_is_none(root: Path) -> None:
    journal = Journal(root)
    journal.gap(Gap(KEY, 5, 10, "restart"))
    journal.gap(Gap(KEY, 5, 5, "restart"))
    assert journal.read(KEY).gaps == {}


def test_a_duty_is_taken_up_and_given_up(root: Path) -> None:
    journal = Journal(root)
    assert journal.read(KEY).duty_since_us is None
    journal.duty(KEY, 7)
    assert journal.read(KEY).duty_since_us == 7
    journal.duty_from(KEY, 9)
    assert journal.read(KEY).duty_since_us == 9
    journal.duty(KEY, None)
    journal.duty_from(KEY, 11)
    assert journal.read(KEY).duty_since_us is None
    assert list(journal.streams()) == [KEY]


def test_a_line_cut_short_at_any_byte_costs_that_line_alone(root: Path) -> None:
    journal = Journal(root)
    journal.gap(Gap(KEY, 5, 10, "restart"))
    file = KEY.folder(root) / FILE_NAME
    kept = file.stat().st_size
    journal.gap(Gap(KEY, 20, 30, "overflow"))
    whole = file.read_bytes()
    for cut in range(kept, len(whole) - 1):
        file.write_bytes(whole[:cut])
        journal.gap(Gap(KEY, 40, 50, "other"))
        assert set(journal.read(KEY).gaps) in ({5, 40}, {5, 20, 40})
        assert 40 in journal.read(KEY).gaps


@pytest.mark.parametrize(
    "line",
    [b'{"gap": [1]}', b'{"gap": 5}', b"[]", b'{"gap": ["a", 2, 3]}', b"\xff\xfe", b"{", b"5", b'{"new": 1}'],
)
def test_lines_nobody_understands_are_passed_over(root: Path, line: bytes) -> None:
    journal = Journal(root)
    journal.gap(Gap(KEY, 5, 10, "restart"))
    with (KEY.folder(root) / FILE_NAME).open("ab") as file:
        file.write(line + b"\n")
    journal.gap(Gap(KEY, 20, 30, "overflow"))
    assert set(journal.read(KEY).gaps) == {5, 20}


def test_a_journal_that_has_grown_is_written_anew_without_what_is_old(root: Path) -> None:
    journal = Journal(root)
    journal.duty(KEY, 7)
    journal.gap(Gap(KEY, 5, 10, "restart"))
    for end_us in range(200, 203):
        journal.gap(Gap(KEY, 100, end_us, "overflow"))
    file = KEY.folder(root) / FILE_NAME
    journal.forget(50)
    assert 5 in journal.read(KEY).gaps  # too small to be worth it
    with file.open("ab") as padded:
        padded.write(b"\n" * COMPACT_BYTES)
    journal.forget(50)
    entries = journal.read(KEY)
    assert (list(entries.gaps.values()), entries.duty_since_us) == ([Gap(KEY, 100, 202, "overflow")], 7)
    assert file.stat().st_size < 200
    assert list(file.parent.iterdir()) == [file]
