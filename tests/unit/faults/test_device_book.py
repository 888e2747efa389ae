"""A device that was killed goes on where its book says; what it writes is entered into the ledger once."""

import pytest
from alarm_ledger import AlarmLedger
from device_book import DeviceBook, Reader

ONE, TWO = ("gate-1", "door", 1, "raised"), ("gate-1", "door", 2, "cleared")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "book"


def life(path, *, keeps=True, told=(), heard=()):
    """One life of a device, ended by a kill: the number of the report it begins with."""
    book = DeviceBook(path, keeps=keeps)
    for report in told:
        book.tell(report)
    for report in heard:
        book.acknowledge(report)
    book.close()
    return book.first


def ledger_of(path):
    ledger = AlarmLedger()
    Reader(path, ledger).read()
    return ledger


@pytest.mark.parametrize("keeps", [True, False])
def test_after_a_report_that_was_heard_the_next_one_follows(path, keeps):
    assert life(path, keeps=keeps, told=[ONE], heard=[ONE]) == 1
    assert life(path, keeps=keeps) == 2
    ledger = ledger_of(path)
    assert (ledger.told, ledger.heard, ledger.forgotten) == ({ONE}, {ONE}, set())


def test_a_device_that_keeps_its_reports_tells_again_what_nobody_had_heard(path):
    life(path, told=[ONE, TWO], heard=[ONE])
    assert life(path) == 2
    assert ledger_of(path).unanswered == {TWO}


def test_a_device_that_forgets_goes_on_with_the_next_and_says_so(path):
    life(path, keeps=False, told=[ONE, TWO], heard=[ONE])
    assert life(path, keeps=False) == 3
    ledger = ledger_of(path)
    assert ledger.forgotten == {TWO}
    assert ledger.unanswered == set()


def test_a_device_knows_when_it_was_first_started_and_how_often(path):
    first, second = DeviceBook(path, keeps=True), DeviceBook(path, keeps=True)
    first.close()
    second.close()
    assert (second.began, second.lives) == (first.began, 2)


def test_what_is_half_written_is_entered_once_it_is_whole(path):
    life(path)
    ledger = AlarmLedger()
    reader = Reader(path, ledger)
    with path.open("ab") as file:
        file.write(b'["told", ["gate-1", "door", 1, "rai')
        file.flush()
        reader.read()
        assert ledger.told == set()
        file.write(b'sed"]]\n')
    reader.read()
    reader.read()
    assert ledger.told == {ONE}
