"""Disks that change are told once for each change."""

from cambus.connector_dvrip.disk_health import DiskHealth
from cambus.dvrip.messages.system import PARTITION_STATUS, parse_storage


def disks(*statuses):
    """Disks with so many partitions each, of these states."""
    return parse_storage(
        [
            {"PlysicalNo": number, "Partition": [{"Status": status} for status in partitions]}
            for number, partitions in enumerate(statuses)
        ]
    )


def test_disks_that_are_well_are_no_news_however_full():
    health = DiskHealth()
    assert health.look(disks([0, 5], [2])) is None
    assert health.look(disks([5, 0], [0])) is None


def test_what_is_broken_at_the_first_look_is_told_once():
    health = DiskHealth()
    change = health.look(disks([0, 15]))
    assert (change.text, change.failed) == ("disk 0 partition 1: bad disk", True)
    assert health.look(disks([0, 15])) is None


def test_a_failure_another_failure_and_the_recovery_are_told_each():
    health = DiskHealth()
    health.look(disks([0, 0]))
    assert health.look(disks([0, 3])).text == "disk 0 partition 1: low-level write error"
    assert health.look(disks([0, 3])) is None
    assert health.look(disks([0, 4])).failed
    recovered = health.look(disks([0, 0]))
    assert (recovered.text, recovered.failed) == ("disk 0 partition 1: ok", False)


def test_disks_that_vanish_and_come_are_one_change():
    health = DiskHealth()
    health.look(disks([0, 0]))
    gone = health.look([])
    assert gone.text == "disk 0 partition 0: gone; disk 0 partition 1: gone"
    assert gone.failed
    assert gone.partitions[0] == {"disk": 0, "partition": 0, "before": "ok", "now": "gone"}
    assert health.look([]) is None
    back = health.look(disks([0]))
    assert (back.text, back.failed) == ("disk 0 partition 0: new, ok", False)


def test_every_state_has_words_and_unknown_ones_their_number():
    for status, words in PARTITION_STATUS.items():
        change = DiskHealth().look(disks([status]))
        assert (change is None) == (status in {0, 2, 5})
        assert change is None or words in change.text
    assert "status 77" in DiskHealth().look(disks([77])).text
