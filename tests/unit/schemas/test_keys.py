"""Keys of the buckets that hold more than one kind of value."""

import re

import pytest

from cambus.schemas import keys

NATS_KEY = re.compile(r"^[-/_=.a-zA-Z0-9]+$")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.recording_policy("gates"), "recording.gates"),
        (keys.alarm_rule("north-night"), "alarm.north-night"),
        (keys.shard_lease("dvrip", 255), "shard.dvrip.255"),
        (keys.stream_lease("gate-1", 0, "main"), "stream.gate-1.0.main"),
        (keys.campaign("c1"), "campaign.c1"),
        (keys.attempt("c1", "gate-1"), "attempt.c1.gate-1"),
        (keys.upgrade_job("gate-1"), "job.gate-1"),
        (keys.replica("recorder", "recorder-0"), "replica.recorder.recorder-0"),
        (keys.open_outbox("connector-dvrip", "a"), "outbox.connector-dvrip.a"),
    ],
)
def test_keys_are_readable(key: str, expected: str) -> None:
    assert key == expected
    assert NATS_KEY.match(key)


def test_alarm_keys_fit_a_bucket_and_stay_apart() -> None:
    one, other = keys.active_alarm("gate-1", "motion:0"), keys.active_alarm("gate-1", "motion:1")
    assert NATS_KEY.match(one)
    assert one.startswith("gate-1.")
    assert one != other


@pytest.mark.parametrize("part", ["", "a.b", "*", ">", "a b"])
def test_no_part_of_a_key_reaches_another_place(part: str) -> None:
    for write in (
        lambda: keys.recording_policy(part),
        lambda: keys.attempt("c1", part),
        lambda: keys.upgrade_job(part),
        lambda: keys.stream_lease(part, 0, "main"),
        lambda: keys.active_alarm(part, "motion:0"),
        lambda: keys.shard_of(part),
    ):
        with pytest.raises(ValueError, match="key"):
            write()


@pytest.mark.parametrize("shard", [-1, 256])
def test_there_are_256_shards(shard: int) -> None:
    with pytest.raises(ValueError, match="shard"):
        keys.shard_lease("dvrip", shard)


def test_devices_spread_over_the_shards_and_stay_there() -> None:
    counts = [0] * keys.SHARDS
    for number in range(25600):
        counts[keys.shard_of(f"device-{number}")] += 1
    assert min(counts) > 50
    assert max(counts) < 160
    assert keys.shard_of("gate-1") == 201
