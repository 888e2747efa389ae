"""`cambusctl backup` and `restore`: everything people have set up comes back, and nothing is lost on the way."""

import json
import stat

import pytest

from cambus.bus.sealing import KeyRing
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.registry import example_of
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.cascade import CascadeLink, CascadeNumbers, CascadeStatus
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.recording_policy import RecordingPolicy
from cambus.schemas.state.registrations import KnownChannels, KnownDevice

SET_UP = (
    (assets.KV_DEVICES, "gate-1", DeviceRecord),
    (assets.KV_POLICIES, "recording.all", RecordingPolicy),
    (assets.KV_POLICIES, "alarm.night", AlarmRule),
    (assets.KV_POLICIES, "cascade.city", CascadeLink),
    (assets.KV_POLICIES, "cascade-numbers.city", CascadeNumbers),
    (assets.KV_REGISTRATIONS, "known.gb28181.yard", KnownDevice),
    (assets.KV_REGISTRATIONS, "channels.gb28181.yard.0", KnownChannels),
)
FOUND_OUT = (
    (assets.KV_PRESENCE, "gate-1", Presence),
    (assets.KV_POLICIES, "cascade-status.city", CascadeStatus),
)


async def emptied(bus):
    for bucket in (assets.KV_DEVICES, assets.KV_CREDENTIALS, assets.KV_POLICIES, assets.KV_REGISTRATIONS):
        values = KeyValue(bus, bucket, DeviceRecord)
        for key in await values.keys():
            await values.delete(key)


@pytest.fixture
async def keys(bus, key_file):
    """A bus on which much is set up; the key that seals its one secret."""
    await emptied(bus)
    for bucket, key, model in (*SET_UP, *FOUND_OUT):
        await KeyValue(bus, bucket, model).put(key, example_of(model))
    ring = KeyRing.load(key_file)
    sealed = ring.seal(Credentials(username="admin", password="c4nary-secret"), "gate-1")
    await KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials).put("gate-1", sealed)
    return ring


async def test_what_was_set_up_comes_back_as_it_was(cambusctl, bus, keys, key_file, tmp_path):
    file = tmp_path / "cambus.backup"
    made = await cambusctl("backup", str(file), "--json")
    assert made.code == 0, made.err
    assert made.document["values"] == {
        "devices": 1,
        "alarm rules": 1,
        "recording policies": 1,
        "cascade links": 1,
        "numbers of cascade links": 1,
        "lists of channels": 1,
        "known devices": 1,
        "sealed secrets": 1,
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "c4nary" not in file.read_text()
    assert "cascade-status" not in file.read_text()
    await emptied(bus)

    key = ("--credentials-key", str(key_file))
    planned = await cambusctl("restore", str(file), *key, "--dry-run", "--json")
    assert (planned.document["written"], planned.document["dry_run"]) == (8, True)
    assert await KeyValue(bus, assets.KV_DEVICES, DeviceRecord).keys() == []
    restored = await cambusctl("restore", str(file), *key, "--json")
    assert restored.document == {
        "written": 8,
        "overwritten": 0,
        "left_alone": 0,
        "dry_run": False,
        "sealed_otherwise": 0,
    }
    for bucket, name, model in SET_UP:
        assert (await KeyValue(bus, bucket, model).get(name)).value == example_of(model)
    sealed = (await KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials).get("gate-1")).value
    assert keys.open(sealed, "gate-1").password.get_secret_value() == "c4nary-secret"
    again = await cambusctl("restore", str(file), *key)
    assert "0 written, 0 overwritten, 8 left alone" in again.out


async def test_devices_are_restored_after_everything_they_need(cambusctl, bus, keys, tmp_path):
    file = tmp_path / "cambus.backup"
    await cambusctl("backup", str(file))
    await emptied(bus)
    await cambusctl("restore", str(file))
    written = {
        (bucket, key): entry.written
        for bucket in (assets.KV_DEVICES, assets.KV_CREDENTIALS, assets.KV_POLICIES, assets.KV_REGISTRATIONS)
        for key, entry in (await KeyValue(bus, bucket, _model(bucket)).items()).items()
    }
    assert max(written, key=lambda each: written[each]) == (assets.KV_DEVICES, "gate-1")


def _model(bucket):
    from cambus.cli.backup_file import AnyValue

    return AnyValue


async def test_what_differs_is_overwritten_by_force_alone_and_then_nothing_else_is_touched(
    cambusctl, bus, keys, tmp_path
):
    file = tmp_path / "cambus.backup"
    await cambusctl("backup", str(file))
    records = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
    ours = example_of(DeviceRecord).model_copy(update={"name": "Another name"})
    await records.put("gate-1", ours)
    await records.put("gate-2", ours.model_copy(update={"id": "gate-2"}))
    await KeyValue(bus, assets.KV_POLICIES, AlarmRule).delete("alarm.night")

    refused = await cambusctl("restore", str(file), "--json")
    assert (refused.code, refused.error["reason"]) == (3, "not-empty")
    assert refused.document["different"] == ["cambus-devices gate-1"]
    assert await KeyValue(bus, assets.KV_POLICIES, AlarmRule).get("alarm.night") is None  # nothing was done

    asked = await cambusctl("restore", str(file), "--force")
    assert asked.code != 0  # nobody there to answer
    forced = await cambusctl("restore", str(file), "--force", "--yes", "--json")
    assert (forced.document["written"], forced.document["overwritten"], forced.document["left_alone"]) == (
        1,
        1,
        6,
    )
    assert (await records.get("gate-1")).value == example_of(DeviceRecord)
    assert (await records.get("gate-2")).value.name == "Another name"


@pytest.mark.parametrize("harm", ["changed", "cut", "other", "gone", "forged"])
async def test_a_file_that_is_not_whole_is_refused_and_nothing_is_written(
    cambusctl, bus, keys, tmp_path, harm
):
    file = tmp_path / "cambus.backup"
    await cambusctl("backup", str(file))
    await emptied(bus)
    text = file.read_text()
    document = json.loads(text)
    if harm == "changed":
        file.write_text(text.replace("gate-1", "gate-9"))
    elif harm == "cut":
        file.write_text(text[: len(text) // 2])
    elif harm == "other":
        file.write_text(json.dumps({**document, "cambus_backup": 2}))
    elif harm == "gone":
        file.unlink()
    else:  # whole, and with a value that makes no sense
        from cambus.cli import backup_file

        document["buckets"][assets.KV_DEVICES]["gate-1"]["protocol"] = 5
        document["sha256"] = backup_file._digest(document["buckets"])
        file.write_text(json.dumps(document))
    refused = await cambusctl("restore", str(file), "--json")
    assert refused.code == 2
    assert await KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials).keys() == []


async def test_a_backup_replaces_no_file_unless_it_is_told_to(cambusctl, keys, tmp_path):
    file = tmp_path / "cambus.backup"
    file.write_text("mine")
    assert (await cambusctl("backup", str(file))).code == 2
    assert file.read_text() == "mine"
    assert (await cambusctl("backup", str(file), "--overwrite")).code == 0


async def test_it_is_told_when_secrets_will_not_open(cambusctl, bus, keys, tmp_path):
    file, other = tmp_path / "cambus.backup", tmp_path / "other.key"
    await cambusctl("backup", str(file))
    KeyRing.load_or_create(other)
    told = await cambusctl("restore", str(file), "--credentials-key", str(other))
    assert "1 secret will not open" in told.err


async def test_fields_of_another_version_are_kept(cambusctl, bus, keys, tmp_path):
    newer = {**example_of(DeviceRecord).model_dump(mode="json"), "id": "gate-3", "of_next_year": {"a": [1]}}
    await bus.jetstream.publish(f"$KV.{assets.KV_DEVICES}.gate-3", json.dumps(newer).encode())
    file = tmp_path / "cambus.backup"
    await cambusctl("backup", str(file))
    await emptied(bus)
    await cambusctl("restore", str(file))
    from cambus.cli.backup_file import AnyValue

    restored = (await KeyValue(bus, assets.KV_DEVICES, AnyValue).get("gate-3")).value
    assert restored.model_dump(mode="json") == newer
