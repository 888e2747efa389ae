"""The judge of who owned what: it finds what is wrong in histories made wrong, and nothing in one that is right."""

import json

import pytest
from ownership_history import Fate, OwnershipHistory, Record, read

KEY = "shard.dvrip.7"
TTL_S = 10.0
A, B = {"run": "run-a", "holder": "a", "pid": 1}, {"run": "run-b", "holder": "b", "pid": 2}


def line(who, at, what, **facts):
    return Record(at=at, what=what, key=facts.pop("key", KEY), **who, **facts)


def took(who, at, epoch, until=None):
    return line(who, at, "taken", epoch=epoch, until=at + TTL_S if until is None else until)


def kinds(*records, fates=()):
    return [fault.kind for fault in OwnershipHistory(records, fates).faults()]


def unowned(*records, fates=(), end=None):
    absences = OwnershipHistory(records, fates, end).unowned()
    return [(each.since, each.until, each.ended) for each in absences]


GOOD = (
    took(A, 0.0, 5),
    line(A, 1.0, "dialled", device="gate-1"),
    line(A, 1.5, "session-began", device="gate-1"),
    line(A, 4.0, "renewed", epoch=5, until=14.0),
    line(A, 6.0, "command", device="gate-1"),
    line(A, 7.0, "session-ended", device="gate-1"),
    line(A, 7.5, "released", epoch=5, until=14.0),
    took(B, 8.0, 9),
    line(B, 8.5, "dialled", device="gate-1"),
    line(B, 9.0, "session-began", device="gate-1"),
)


def test_a_hand_over_in_order_has_no_fault():
    assert kinds(*GOOD) == []
    assert unowned(*GOOD, end=10.0) == [(7.5, 8.0, True)]


def test_two_unexpired_holders_are_found():
    (fault,) = OwnershipHistory([took(A, 0.0, 5), took(B, 9.0, 9)]).faults()
    assert (fault.kind, fault.key, fault.at) == ("two owners", KEY, 9.0)
    assert "1.000 s" in fault.text


def test_a_renewal_lengthens_what_others_may_not_take():
    assert kinds(took(A, 0.0, 5), took(B, 10.0, 9)) == []
    assert kinds(took(A, 0.0, 5), line(A, 8.0, "renewed", epoch=5, until=18.0), took(B, 10.0, 9)) == [
        "two owners"
    ]


def test_a_lease_known_to_be_lost_is_free_before_it_runs_out():
    assert kinds(took(A, 0.0, 5), line(A, 3.0, "lost", epoch=5, until=10.0), took(B, 4.0, 9)) == []


def test_a_fence_that_comes_late_changes_nothing():
    """A frozen process writes that it lost the lease long after it had: what counts is until when it was certain."""
    assert kinds(took(A, 0.0, 5), took(B, 11.0, 9), line(A, 30.0, "lost", epoch=5, until=10.0)) == []


def test_two_runs_of_one_name_are_two():
    again = A | {"run": "run-a2", "pid": 3}
    assert kinds(took(A, 0.0, 5), took(again, 2.0, 9)) == ["two owners"]
    assert kinds(took(A, 0.0, 5), took(again, 2.0, 9), fates=[Fate("killed", 1, 1.0)]) == []


def test_a_frozen_holder_is_not_a_dead_one():
    assert kinds(took(A, 0.0, 5), took(B, 9.0, 9), fates=[Fate("frozen", 1, 1.0)]) == ["two owners"]


def test_an_epoch_that_does_not_rise_is_found():
    release = line(A, 1.0, "released", epoch=5, until=10.0)
    assert kinds(took(A, 0.0, 5), release, took(B, 2.0, 5)) == ["epoch"]
    assert kinds(took(A, 0.0, 5), release, took(B, 2.0, 4)) == ["epoch"]


@pytest.mark.parametrize("what", ["command", "dialled"])
@pytest.mark.parametrize(
    ("end", "at"),
    [
        (line(A, 3.0, "released", epoch=5, until=10.0), 3.1),
        (line(A, 3.0, "lost", epoch=5, until=10.0), 3.1),
        (line(A, 12.0, "lost", epoch=5, until=10.0), 11.0),
    ],
    ids=["given back", "lost", "run out but not noticed"],
)
def test_an_act_after_the_fence_is_found(what, end, at):
    act = line(A, at, what, device="gate-1")
    assert kinds(took(A, 0.0, 5), *sorted([end, act], key=lambda each: each.at)) == ["act without lease"]


def test_an_act_under_somebody_elses_lease_is_found():
    assert kinds(took(A, 0.0, 5), line(B, 1.0, "command", device="gate-1")) == ["act without lease"]


def test_an_act_under_the_lease_of_another_shard_is_found():
    assert kinds(took(A, 0.0, 5), line(A, 1.0, "command", key="shard.dvrip.8", device="d")) == [
        "act without lease"
    ]


def test_a_renewal_of_nothing_is_found():
    assert kinds(line(A, 1.0, "renewed", epoch=5, until=9.0)) == ["history"]


def test_a_dead_process_that_writes_is_found():
    assert kinds(took(A, 0.0, 5), took(A, 9.0, 6), fates=[Fate("killed", 1, 1.0)])[-1] == "history"


def test_the_time_without_an_owner_is_counted_from_a_kill():
    fates = [Fate("killed", 1, 4.0)]
    assert unowned(took(A, 0.0, 5), took(B, 12.0, 9), fates=fates, end=13.0) == [(4.0, 12.0, True)]


def test_and_from_a_freeze_until_it_goes_on_or_another_has_it():
    frozen, continued = Fate("frozen", 1, 2.0), Fate("continued", 1, 5.0)
    assert unowned(took(A, 0.0, 5), took(B, 12.0, 9), fates=[frozen], end=13.0) == [(2.0, 12.0, True)]
    assert unowned(took(A, 0.0, 5), fates=[frozen, continued], end=9.0) == [(2.0, 5.0, True)]


def test_what_nobody_ever_takes_again_is_found():
    assert unowned(took(A, 0.0, 5), fates=[Fate("killed", 1, 4.0)], end=60.0) == [(4.0, 60.0, False)]


def test_a_late_renewal_makes_it_ours_again_but_not_meanwhile():
    late = line(A, 11.0, "renewed", epoch=5, until=19.0)
    assert unowned(took(A, 0.0, 5), late, end=12.0) == [(10.0, 11.0, True)]
    assert kinds(took(A, 0.0, 5), line(A, 10.5, "command", device="d"), late) == ["act without lease"]


def test_the_time_without_a_session_is_counted():
    (gap,) = OwnershipHistory(GOOD, end=10.0).unserved()
    assert (gap.of, gap.since, gap.until, gap.length_s) == ("gate-1", 7.0, 9.0, 2.0)
    (killed,) = OwnershipHistory(GOOD, [Fate("killed", 2, 9.5)], end=11.0).unserved(since=9.2)
    assert (killed.since, killed.ended) == (9.5, False)


def test_a_device_that_never_had_a_session_is_found():
    (never,) = OwnershipHistory(GOOD, end=10.0).unserved(["gate-2"])
    assert not never.ended


@pytest.mark.parametrize(("at", "owner"), [(-1.0, None), (5.0, "a"), (7.9, "a"), (8.0, "b")])
def test_who_was_the_last_to_take_it_is_told(at, owner):
    assert OwnershipHistory(GOOD).owners(at) == {KEY: owner}


def test_histories_of_two_machines_are_refused():
    with pytest.raises(ValueError, match="boot"):
        OwnershipHistory([took(A | {"boot": "x"}, 0.0, 5), took(B | {"boot": "y"}, 20.0, 6)])


def test_a_line_cut_off_by_a_kill_does_not_count(tmp_path):
    file = tmp_path / "a.jsonl"
    whole = json.dumps({"at": 1.0, "what": "taken", "key": KEY, "run": "r", "epoch": 3, "wall": "…"})
    file.write_text(whole + "\n" + whole[:20])
    file.with_name("a.jsonl.1").write_text(whole.replace("1.0", "0.5") + "\n")
    assert [(record.at, record.epoch) for record in read([file])] == [(0.5, 3), (1.0, 3)]
