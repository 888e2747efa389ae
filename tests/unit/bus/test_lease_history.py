"""The file in which the history of leases is kept."""

import json

from cambus.bus.lease_history import LeaseHistory


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_says_who_did_what_when(tmp_path):
    path = tmp_path / "leases.jsonl"
    LeaseHistory(path, "replica-1", "run-1").write("taken", "shard.dvrip.7", 12.5, epoch=3, until=34.5)
    (line,) = lines(path)
    assert (line["holder"], line["run"], line["what"], line["key"]) == (
        "replica-1",
        "run-1",
        "taken",
        "shard.dvrip.7",
    )
    assert (line["at"], line["epoch"], line["until"]) == (12.5, 3, 34.5)
    assert line["pid"] > 0
    assert line["wall"].endswith("+00:00")


def test_nothing_is_kept_unless_it_is_wanted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history = LeaseHistory(None, "replica-1", "run-1")
    history.write("taken", "shard.dvrip.7", 1.0)
    assert not history
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_large_makes_room(tmp_path):
    path = tmp_path / "leases.jsonl"
    history = LeaseHistory(path, "replica-1", "run-1", max_bytes=1000)
    for number in range(20):
        history.write("renewed", "shard.dvrip.7", float(number))
    kept = lines(path.with_name("leases.jsonl.1")) + (lines(path) if path.exists() else [])
    assert kept[-1]["at"] == 19.0
    assert [line["at"] for line in kept] == [float(number) for number in range(20 - len(kept), 20)]
    assert len(kept) < 20


def test_a_disk_that_refuses_is_said_once_and_harms_nobody(tmp_path, caplog):
    history = LeaseHistory(tmp_path / "no folder" / "leases.jsonl", "replica-1", "run-1")
    for _ in range(3):
        history.write("taken", "shard.dvrip.7", 1.0)
    assert [record.message for record in caplog.records] == ["no history of leases"]
