"""The accountant of alarms: it finds what is wrong with books made wrong, and nothing with those that are right."""

import pytest
from alarm_ledger import AlarmLedger, alarm_of

BEGUN, ENDED = ("gate-1", "door", 1, "raised"), ("gate-1", "door", 2, "cleared")
OTHER = ("gate-1", "window", 3, "raised")


def books(*received, told=(BEGUN, ENDED, OTHER), heard=None):
    ledger = AlarmLedger()
    for report in told:
        ledger.tell(report)
    for report in told if heard is None else heard:
        ledger.acknowledge(report)
    for delivery, report in received:
        ledger.take(delivery, report)
    return ledger


def kinds(ledger):
    return [problem.kind for problem in ledger.problems()]


def test_everything_once_and_in_order_is_right():
    assert kinds(books(("a", BEGUN), ("b", ENDED), ("c", OTHER))) == []


def test_an_alarm_that_was_heard_and_never_came_is_lost():
    ledger = books(("a", BEGUN), ("c", OTHER))
    assert [(problem.kind, problem.report) for problem in ledger.problems()] == [("lost", ENDED)]
    assert ledger.missing == {ENDED}


@pytest.mark.parametrize("came", [True, False])
def test_one_the_device_was_not_told_is_heard_may_come_or_not(came):
    received = [("a", BEGUN), ("b", ENDED)] + [("c", OTHER)] * came
    assert kinds(books(*received, heard=[BEGUN, ENDED])) == []


def test_the_same_under_two_ids_came_twice():
    ledger = books(("a", BEGUN), ("a2", BEGUN), ("b", ENDED), ("c", OTHER))
    assert kinds(ledger) == ["twice"]


def test_even_if_the_device_was_not_told_that_it_was_heard():
    assert kinds(books(("a", BEGUN), ("a2", BEGUN), told=[BEGUN], heard=[])) == ["twice"]


def test_the_same_under_one_id_is_a_repeat_the_receiver_knows():
    ledger = books(("a", BEGUN), ("b", ENDED), ("a", BEGUN), ("c", OTHER))
    assert kinds(ledger) == []
    assert ledger.repeats == 1


def test_an_end_before_its_beginning_is_out_of_order():
    assert kinds(books(("b", ENDED), ("a", BEGUN), ("c", OTHER))) == ["order"]


def test_between_pairing_keys_there_is_no_order():
    assert kinds(books(("c", OTHER), ("a", BEGUN), ("b", ENDED))) == []


def test_one_that_no_device_told_is_found():
    assert kinds(books(("a", BEGUN), ("x", ("gate-2", "door", 9, "raised")), told=[BEGUN])) == ["unheard of"]


@pytest.mark.parametrize(
    "wrap", [lambda a: {"alarm": a}, lambda a: {"data": a}, lambda a: {"data": {"alarm": a}}]
)
def test_the_alarm_is_found_in_what_was_sent(wrap):
    assert alarm_of(wrap({"device": "gate-1", "native": {"code": "x"}}))["device"] == "gate-1"
