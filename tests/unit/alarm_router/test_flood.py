from cambus.alarm_router import flood
from cambus.alarm_router.flood import FloodGate

ALARM = ("rule", "gate-1", "motion:0")
OTHER = ("rule", "gate-2", "motion:0")


def test_the_first_passes_and_the_next_is_kept_back_until_the_interval_is_over() -> None:
    gate = FloodGate()
    assert gate.beginning(ALARM, interval_s=60, now=0.0) == 0
    assert gate.beginning(ALARM, interval_s=60, now=59.9) is None
    assert gate.beginning(ALARM, interval_s=60, now=60.0) == 1


def test_the_count_begins_anew_with_each_that_passes() -> None:
    gate = FloodGate()
    gate.beginning(ALARM, interval_s=10, now=0.0)
    assert [gate.beginning(ALARM, interval_s=10, now=at) for at in (1.0, 2.0, 10.0, 11.0, 20.0)] == [
        None,
        None,
        2,
        None,
        1,
    ]


def test_what_is_kept_back_does_not_prolong_the_interval() -> None:
    gate = FloodGate()
    gate.beginning(ALARM, interval_s=10, now=0.0)
    for at in range(1, 10):
        gate.beginning(ALARM, interval_s=10, now=float(at))
    assert gate.beginning(ALARM, interval_s=10, now=10.0) == 9


def test_alarms_do_not_share_an_interval() -> None:
    gate = FloodGate()
    assert gate.beginning(ALARM, interval_s=60, now=0.0) == 0
    assert gate.beginning(OTHER, interval_s=60, now=0.0) == 0


def test_an_end_passes_if_its_beginning_did() -> None:
    gate = FloodGate()
    gate.beginning(ALARM, interval_s=60, now=0.0)
    assert gate.end(ALARM)
    gate.beginning(ALARM, interval_s=60, now=1.0)
    assert not gate.end(ALARM)


def test_an_end_passes_though_repetitions_were_kept_back() -> None:
    gate = FloodGate()
    gate.beginning(ALARM, interval_s=60, now=0.0)
    gate.beginning(ALARM, interval_s=60, now=1.0)
    assert gate.end(ALARM)
    assert not gate.end(ALARM)


def test_an_end_nothing_is_known_of_passes() -> None:
    assert FloodGate().end(ALARM)


def test_the_memory_is_bounded_and_forgets_what_was_quiet_longest(monkeypatch) -> None:
    monkeypatch.setattr(flood, "MAX_KEYS", 2)
    gate = FloodGate()
    for device in ("a", "b"):
        gate.beginning(("rule", device, "k"), interval_s=60, now=0.0)
    gate.beginning(("rule", "a", "k"), interval_s=60, now=1.0)
    gate.beginning(("rule", "c", "k"), interval_s=60, now=2.0)
    assert len(gate) == 2
    assert gate.beginning(("rule", "a", "k"), interval_s=60, now=3.0) is None
    assert gate.beginning(("rule", "b", "k"), interval_s=60, now=3.0) == 0
