"""What `docker compose` does first: secrets are made once, and each container gets its own."""

import shutil
import stat
import subprocess
import sys

import first_start
import pytest

from cambus.bus.sealing import MAX_KEYS, KeyRing
from cambus.bus.users import USERS
from cambus.client.nkeys import public_key
from cambus.schemas.state.credentials import Credentials


class Machine:
    """The volumes as the container of first_start has them."""

    def __init__(self, folder):
        self.volumes = folder
        self.owners = {}
        for name in ("secrets", "nats-data", *first_start.shares()):
            (folder / name).mkdir()

    def run(self, *arguments):
        return first_start.run(arguments, self.volumes, self._own)

    def _own(self, path, uid):
        self.owners[path.relative_to(self.volumes).as_posix()] = uid

    def files(self):
        return {
            path.relative_to(self.volumes).as_posix(): path.read_bytes()
            for path in self.volumes.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_every_container_gets_its_own_and_nobody_elses(machine, capsys):
    assert machine.run() == 0
    files = machine.files()
    assert "secrets made" in capsys.readouterr().out
    for service in sorted(set(USERS) - set(first_start.PEOPLE)):
        there = {name for name in files if name.startswith(f"secrets-{service}/")}
        assert files[f"secrets-{service}/nats.nk"] == files[f"secrets/users/{service}.nk"]
        others = {files[f"secrets/users/{each}.nk"] for each in USERS if each != service}
        assert not others & {files[name] for name in there}
    keys = {name.partition("/")[0] for name in files if name.endswith("/credentials.key")}
    connectors = {f"secrets-{name}" for name in USERS if name.startswith("connector-")}
    assert keys == {"secrets", "secrets-people", "secrets-alarm-router"} | connectors
    assert KeyRing.load(machine.volumes / "secrets-people" / "credentials.key").ids
    assert {name for name in files if name.startswith("secrets-nats/")} == {"secrets-nats/users.conf"}
    assert {name for name in files if name.startswith("secrets-grafana/")} == {
        "secrets-grafana/grafana-admin-password"
    }


def test_secrets_are_long_unlike_and_readable_for_their_owner_alone(machine):
    machine.run()
    files = machine.files()
    for_people = [files[f"secrets/{name}"] for name in first_start.SHOWN]
    assert len(set(for_people)) == len(for_people)
    assert min(map(len, for_people)) >= 32
    for name in files:
        path = machine.volumes / name
        if not name.endswith("users.conf") and not name.startswith("secrets/users/"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, name
    assert (
        machine.owners["secrets-grafana"] == machine.owners["secrets-grafana/grafana-admin-password"] == 472
    )
    assert machine.owners["nats-data"] == machine.owners["secrets-recorder/nats.nk"] == 10001
    assert not [name for name in machine.owners if name.startswith("secrets/")]


def test_a_second_start_changes_nothing_and_gives_back_what_was_lost(machine, capsys):
    machine.run()
    before = machine.files()
    (machine.volumes / "secrets-recorder" / "nats.nk").unlink()
    (machine.volumes / "secrets-recorder" / "left-over").write_text("x")
    capsys.readouterr()
    assert machine.run() == 0
    assert machine.files() == before
    assert capsys.readouterr().out.startswith("first_start: 0 secrets made")


def test_another_machine_has_other_secrets(tmp_path):
    machines = [Machine(folder) for folder in (tmp_path / "a", tmp_path / "b") if folder.mkdir() is None]
    for each in machines:
        each.run()
    one, other = (each.files() for each in machines)
    assert not set(one.values()) & set(other.values())


def test_a_user_is_renewed_everywhere_and_others_stay(machine):
    machine.run()
    before = machine.files()
    assert machine.run("renew", "recorder") == 0
    after = machine.files()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        "secrets/users/recorder.nk",
        "secrets/users/users.conf",
        "secrets-nats/users.conf",
        "secrets-recorder/nats.nk",
    }
    public = public_key(after["secrets-recorder/nats.nk"].decode().strip()).encode()
    assert public in after["secrets-nats/users.conf"]


def test_secrets_for_people_are_shown_and_others_are_not(machine, capsys):
    machine.run()
    capsys.readouterr()
    assert machine.run("show", "viewers-token") == 0
    assert capsys.readouterr().out == (machine.volumes / "secrets-media-relay" / "viewers-token").read_text()
    with pytest.raises(SystemExit):
        machine.run("show", "credentials.key")


def test_a_volume_that_is_not_mounted_and_what_is_no_seed_are_told(machine, capsys):
    shutil.rmtree(machine.volumes / "secrets-recorder")
    assert machine.run() == 1
    assert "secrets-recorder" in capsys.readouterr().err
    (machine.volumes / "secrets" / "users" / "recorder.nk").chmod(0o600)
    (machine.volumes / "secrets" / "users" / "recorder.nk").write_text("something else\n")
    assert machine.run() == 1
    assert "something else" not in capsys.readouterr().err


def test_it_is_run_as_a_file_as_the_container_does():
    ran = subprocess.run(
        [sys.executable, first_start.__file__, "--help"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "renew" in ran.stdout) == (0, True)


def keys_of(machine, volume):
    return KeyRing.load(machine.volumes / volume / "credentials.key")


def test_the_key_that_seals_is_changed_and_everybody_who_opens_gets_it(machine, capsys):
    machine.run()
    stored = keys_of(machine, "secrets").seal(Credentials(username="a", password="b"), "gate")
    (old,) = keys_of(machine, "secrets").ids
    assert machine.run("key", "add") == 0
    for volume in ("secrets", "secrets-people", "secrets-alarm-router", "secrets-connector-dvrip"):
        new, *others = keys_of(machine, volume).ids
        assert others == [old]
    ring = keys_of(machine, "secrets-connector-dvrip")
    assert ring.open(stored, "gate").password.get_secret_value() == "b"
    assert ring.seal(Credentials(username="a", password="b"), "gate").key_id == new
    assert machine.run("key", "drop", new) == 1
    assert f"{new} seals" in capsys.readouterr().err
    assert machine.run("key", "drop", "k0123456789ab") == 1
    assert "there is no key k0123456789ab" in capsys.readouterr().err
    assert keys_of(machine, "secrets").ids == (new, old)
    assert machine.run("key", "drop", old) == 0
    assert {keys_of(machine, each).ids for each in ("secrets", "secrets-people")} == {(new,)}
    assert machine.owners["secrets-people/credentials.key"] == first_start.CAMBUS
    machine.run()
    assert keys_of(machine, "secrets").ids == (new,), "what is there stays"


def test_there_are_not_more_keys_than_a_file_may_have(machine, capsys):
    machine.run()
    while len(keys_of(machine, "secrets").ids) < MAX_KEYS:
        assert machine.run("key", "add") == 0
    assert machine.run("key", "add") == 1
    assert "key drop" in capsys.readouterr().err
