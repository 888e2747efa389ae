"""What has to change, worked out without touching anything."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cambus.bus.sealing import KeyRing
from cambus.cli.device_plan import Action, Present, Wanted, not_in_file, plan, wanted_devices
from cambus.cli.devices_file import load_devices
from cambus.client.kv import Entry
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord

KEYS, OTHER_KEYS = KeyRing(b"k" * 32), KeyRing(b"o" * 32)
LOGIN = Credentials(username="admin", password="canary")


def record(device, **fields):
    facts = {
        "protocol": "dvrip",
        "address": "127.0.0.1",
        "credentials": CredentialsRef(name=device),
        **fields,
    }
    return DeviceRecord(id=device, **facts)


def present(*records, keys=KEYS):
    now = datetime.now(UTC)
    entries = {each.id: Entry(each.id, each, 7, now) for each in records}
    return Present(entries, {each.id: keys.seal(LOGIN, each.id) for each in records if each.credentials})


def steps(wanted, there, *, keys=KEYS, prune=False):
    return [(step.device, step.action, step.fields) for step in plan(wanted, there, keys, prune=prune)]


def test_a_new_device_is_created_with_its_credentials():
    (step,) = plan([Wanted(record("gate"), LOGIN)], present(), KEYS, prune=False)
    assert (step.action, step.seal, step.revision) == (Action.CREATE, LOGIN, None)
    assert "canary" not in repr(step)


def test_when_it_was_written_makes_no_difference():
    there = present(record("gate", updated_at=datetime.now(UTC)))
    assert steps([Wanted(record("gate"), LOGIN)], there) == [("gate", Action.KEEP, ())]


@pytest.mark.parametrize(
    ("fields", "changed"),
    [({"name": "Gate"}, ("name",)), ({"tags": ["a"], "enabled": False}, ("tags", "enabled"))],
)
def test_a_change_names_its_fields_and_leaves_the_credentials(fields, changed):
    (step,) = plan([Wanted(record("gate", **fields), LOGIN)], present(record("gate")), KEYS, prune=False)
    assert (step.action, step.fields, step.seal, step.revision) == (Action.CHANGE, changed, None, 7)


def test_another_password_changes_the_credentials_only():
    other = Credentials(username="admin", password="other")
    (step,) = plan([Wanted(record("gate"), other)], present(record("gate")), KEYS, prune=False)
    assert (step.fields, step.record, step.seal) == (("credentials",), None, other)


def test_what_cannot_be_opened_with_our_key_is_sealed_anew():
    there = present(record("gate"), keys=OTHER_KEYS)
    assert steps([Wanted(record("gate"), LOGIN)], there) == [("gate", Action.CHANGE, ("credentials",))]


def test_credentials_that_go_are_dropped_unless_they_are_shared():
    bare = Wanted(record("gate", credentials=None), None)
    (step,) = plan([bare], present(record("gate")), None, prune=False)
    assert (step.fields, step.drop) == (("credentials",), "gate")
    shared = present(record("gate", credentials=CredentialsRef(name="site")))
    assert plan([bare], shared, None, prune=False)[0].drop is None


def test_pruning_removes_what_the_file_does_not_name_and_comes_last():
    there = present(record("old"), record("gate"))
    wanted = [Wanted(record("new"), LOGIN), Wanted(record("gate"), LOGIN)]
    assert not_in_file(wanted, there) == ["old"]
    assert [action for _, action, _ in steps(wanted, there)] == [Action.CREATE, Action.KEEP]
    *_, last = plan(wanted, there, KEYS, prune=True)
    assert (last.device, last.action, last.revision, last.drop) == ("old", Action.REMOVE, 7, "old")


def test_the_example_is_right():
    example = Path(__file__).parents[3] / "examples" / "devices.yaml"
    found = wanted_devices(example, load_devices(example))
    assert [each.record.id for each in found] == ["north-recorder", "yard-camera", "old-recorder"]
    assert [each.record.enabled for each in found] == [True, True, False]
