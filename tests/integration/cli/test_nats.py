"""`cambusctl nats`: the files are made once, and a server lets in those whose seeds it knows."""

import stat

import pytest

from cambus.bus.testing import NatsServer
from cambus.bus.users import USERS
from cambus.client.nkeys import public_key


async def test_users_are_made_once_and_renewed_when_asked(cambusctl, tmp_path):
    folder = tmp_path / "users"
    ran = await cambusctl("nats", "users", str(folder))
    assert (ran.code, "10 new of 10 users" in ran.out) == (0, True)
    seeds = {name: (folder / f"{name}.nk").read_text() for name in USERS}
    assert len(set(seeds.values())) == len(USERS)
    assert {stat.S_IMODE((folder / f"{name}.nk").stat().st_mode) for name in USERS} == {0o600}
    again = await cambusctl("nats", "users", str(folder), "--renew", "recorder", "--json")
    assert again.document["made"] == ["recorder"]
    now = {name: (folder / f"{name}.nk").read_text() for name in USERS}
    assert [name for name in USERS if now[name] != seeds[name]] == ["recorder"]
    configuration = (folder / "users.conf").read_text()
    assert not [name for name in USERS if now[name].strip() in configuration]
    assert public_key(now["recorder"].strip()) in configuration
    assert public_key(seeds["recorder"].strip()) not in configuration


async def test_the_configuration_lets_them_in_and_admin_sets_up_what_services_may_not(
    cambusctl, tmp_path, monkeypatch
):
    folder = tmp_path / "users"
    await cambusctl("nats", "users", str(folder), "--allow", "alarm-router=site.alarms.>")
    text = (folder / "users.conf").read_text()
    assert "site.alarms.>" in text
    async with NatsServer(include=folder / "users.conf") as server:
        for name, code in (("recorder", 1), ("admin", 0)):
            monkeypatch.setenv("CAMBUS_NATS_NKEY_FILE", str(folder / f"{name}.nk"))
            ran = await cambusctl("--timeout", "3", "nats", "setup", "--json", nats=server.url)
            assert (ran.code > 0) is (code > 0), ran
        assert "CAMBUS_EVENTS" in ran.document["assets"]
        monkeypatch.setenv("CAMBUS_NATS_NKEY_FILE", str(folder / "operator.nk"))
        assert (await cambusctl("devices", nats=server.url)).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--renew", "nobody"], "there is no user nobody"),
        (["--allow", "alarm-router"], "wanted USER=SUBJECT"),
        (["--allow", "who=x"], "there is no user who"),
    ],
)
async def test_what_cannot_be_is_told_and_nothing_is_written(cambusctl, tmp_path, arguments, says):
    ran = await cambusctl("nats", "users", str(tmp_path / "users"), *arguments, "--json")
    assert (ran.code, says in ran.error["text"]) == (2, True)
    assert not (tmp_path / "users").exists()


async def test_what_is_no_seed_is_not_replaced(cambusctl, tmp_path):
    (tmp_path / "recorder.nk").write_text("something else\n")
    ran = await cambusctl("nats", "users", str(tmp_path), "--json")
    assert (ran.code, "NATS seed" in ran.error["text"]) == (2, True)
    assert (tmp_path / "recorder.nk").read_text() == "something else\n"


async def test_permissions_are_shown(cambusctl):
    shown = (await cambusctl("nats", "permissions", "--json")).document
    assert set(shown) == set(USERS)
    assert "cambus.v1.cmd.*.upgrade.start" in shown["upgrade-manager"]["publish"]["allow"]
    ran = await cambusctl("nats", "permissions", "recorder")
    assert "cambus.v1.evt.*.recording.closed" in ran.out
    assert (await cambusctl("nats", "permissions", "nobody")).code == 2
