"""The devices on the bus become those of a file, or nothing changes."""

import pytest

from cambus.bus.sealing import KeyRing
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.devices import DeviceRecord

CANARY = "canary-Passw0rd"


@pytest.fixture
def file(tmp_path, unique):
    """Writes a devices file with entries named after the test."""

    def write(text):
        path = tmp_path / "devices.yaml"
        path.write_text(text.replace("ID", unique), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def sealed(bus):
    return KeyValue(bus, KV_CREDENTIALS, SealedCredentials)


TWO = f"""\
devices:
  - id: ID-a
    protocol: dvrip
    address: 127.0.0.1:34567
    name: 大门
    credentials: {{username: admin, password: {CANARY}}}
  - id: ID-b
    protocol: dvrip
    address: 127.0.0.2
"""


async def test_devices_are_created_with_sealed_credentials(
    cambusctl, file, key_file, records, sealed, unique
):
    ran = await cambusctl("apply", "-f", file(TWO), "--credentials-key", str(key_file))
    assert ran.code == 0
    assert f"created    {unique}-a  dvrip 127.0.0.1:34567" in ran.out
    assert "2 created" in ran.out
    assert CANARY not in ran.out + ran.err
    record = (await records.get(f"{unique}-a")).value
    assert (record.name, record.credentials.name) == ("大门", f"{unique}-a")
    assert record.updated_at is not None
    entry = await sealed.get(f"{unique}-a")
    opened = KeyRing.load(key_file).open(entry.value, f"{unique}-a")
    assert (opened.username, opened.password.get_secret_value()) == ("admin", CANARY)
    assert await sealed.get(f"{unique}-b") is None


async def test_what_is_as_wanted_is_not_written_again(cambusctl, file, key_file, records, sealed, unique):
    arguments = ("apply", "-f", file(TWO), "--credentials-key", str(key_file), "--json")
    await cambusctl(*arguments)
    record, secret = await records.get(f"{unique}-a"), await sealed.get(f"{unique}-a")
    again = (await cambusctl(*arguments)).document
    assert again["unchanged"] == [f"{unique}-a", f"{unique}-b"]
    assert again["created"] == again["changed"] == []
    assert (await records.get(f"{unique}-a")).revision == record.revision
    assert (await sealed.get(f"{unique}-a")).revision == secret.revision


async def test_only_what_changed_is_written(cambusctl, file, key_file, records, sealed, unique):
    key = ("--credentials-key", str(key_file), "--json")
    await cambusctl("apply", "-f", file(TWO), *key)
    before = await records.get(f"{unique}-a")
    text = TWO.replace(CANARY, "another").replace("127.0.0.2", "127.0.0.3")
    changed = (await cambusctl("apply", "-f", file(text), *key)).document["changed"]
    assert changed == [
        {"device": f"{unique}-a", "fields": ["credentials"]},
        {"device": f"{unique}-b", "fields": ["address"]},
    ]
    assert (await records.get(f"{unique}-a")).revision == before.revision
    opened = KeyRing.load(key_file).open((await sealed.get(f"{unique}-a")).value, f"{unique}-a")
    assert opened.password.get_secret_value() == "another"


async def test_credentials_that_are_gone_from_the_file_are_forgotten(
    cambusctl, file, key_file, records, sealed, unique
):
    key = ("--credentials-key", str(key_file))
    await cambusctl("apply", "-f", file(TWO), *key)
    lines = [line for line in TWO.splitlines() if "credentials" not in line]
    ran = await cambusctl("apply", "-f", file("\n".join(lines)))
    assert "1 changed, 1 unchanged" in ran.out
    assert (await records.get(f"{unique}-a")).value.credentials is None
    assert await sealed.get(f"{unique}-a") is None


async def test_a_dry_run_writes_nothing(cambusctl, file, key_file, records, unique):
    ran = await cambusctl("apply", "-f", file(TWO), "--credentials-key", str(key_file), "--dry-run")
    assert (ran.code, "would be: 2 created" in ran.out) == (0, True)
    assert await records.get(f"{unique}-a") is None


async def test_a_file_with_a_mistake_changes_nothing(cambusctl, file, key_file, records, unique):
    broken = file(TWO.replace("127.0.0.2", "127.0.0.2:99999"))
    ran = await cambusctl("apply", "-f", broken, "--credentials-key", str(key_file), "--json")
    assert ran.code == 2
    (found,) = ran.document["problems"]
    assert (found["line"], found["where"]) == (9, "devices[1].address")
    assert await records.get(f"{unique}-a") is None
    human = await cambusctl("apply", "-f", broken)
    assert f"{broken}:9: devices[1].address: '99999' is not a port" in human.err


async def test_credentials_without_a_key_are_refused_before_anything_is_written(
    cambusctl, file, records, unique
):
    ran = await cambusctl("apply", "-f", file(TWO))
    assert (ran.code, "--credentials-key" in ran.err) == (2, True)
    assert await records.get(f"{unique}-b") is None


async def test_devices_that_are_not_in_the_file_stay_unless_pruned(
    cambusctl, file, records, sealed, key_file, unique
):
    for entry in await records.items():
        await records.delete(entry)  # of the module's other tests
    await cambusctl("apply", "-f", file(TWO), "--credentials-key", str(key_file))
    one = file("devices:\n  - {id: ID-b, protocol: dvrip, address: 127.0.0.2}\n")
    kept = await cambusctl("apply", "-f", one)
    assert f"left alone (--prune removes them): {unique}-a" in kept.err
    asked = await cambusctl("apply", "-f", one, "--prune")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert await records.get(f"{unique}-a") is not None
    pruned = await cambusctl("apply", "-f", one, "--prune", "--yes")
    assert f"removed    {unique}-a" in pruned.out
    assert await records.get(f"{unique}-a") is None
    assert await sealed.get(f"{unique}-a") is None


async def test_a_failure_half_way_says_what_was_applied(cambusctl, file, records, unique, monkeypatch):
    text = "devices:\n" + "".join(
        f"  - {{id: ID-{name}, protocol: dvrip, address: 127.0.0.1}}\n" for name in "abc"
    )
    put = KeyValue.create

    async def meddle(self, key, value, **options):
        if key == f"{unique}-b":  # somebody else is faster
            await put(self, key, DeviceRecord(id=key, protocol="onvif"))
        return await put(self, key, value, **options)

    monkeypatch.setattr(KeyValue, "create", meddle)
    ran = await cambusctl("apply", "-f", file(text), "--json")
    assert ran.code == 1
    assert ran.document["applied"]["created"] == [f"{unique}-a"]
    assert (ran.document["failed"], ran.document["not_applied"]) == (f"{unique}-b", [f"{unique}-c"])
    assert "somebody else changed it" in ran.error["text"]
    assert await records.get(f"{unique}-c") is None
    monkeypatch.undo()
    human = await cambusctl("apply", "-f", file(text))
    assert "1 created, 1 changed, 1 unchanged" in human.out


async def test_a_nats_without_cambus_is_explained(cambusctl, file, nats_server, unique):
    from cambus.bus.testing import NatsServer

    async with NatsServer() as empty:
        ran = await cambusctl("apply", "-f", file("devices: []\n"), nats=empty.url)
    assert (ran.code, "there is nothing of Cambus in this NATS yet" in ran.err) == (1, True)
